//! How much a run may hold in memory besides its plan and parameters. Small plans could ask for a lot: rows of statements without
//! end, lists that are appended to themselves, records that belong to everybody, one long text as thousands of parameters.
//!
//! What was taken is not given back, so a run takes no more in all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::errors;
use super::value::{Record, Value};
use crate::error::PlanError;

/// In bytes, at least. The bodies of requests are shorter by far, and so are most answers.
const LEAST: usize = 128 << 20;

/// For each byte that an answer may have: what becomes one takes more in memory.
const FOR_EACH: usize = 4;

/// What is left of it, for all that hold this room.
#[derive(Clone)]
pub(super) struct Room {
    left: Arc<AtomicUsize>,
    size: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self::of(0)
    }
}

impl Room {
    /// For a run whose answer may have so many bytes.
    pub(super) fn of(answer: u64) -> Self {
        let size = usize::try_from(answer).unwrap_or(usize::MAX).saturating_mul(FOR_EACH).max(LEAST);
        Self { left: Arc::new(AtomicUsize::new(size)), size }
    }

    /// In bytes.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// Takes bytes.
    pub(super) fn take(&self, bytes: usize) -> Result<(), PlanError> {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        match taken {
            Ok(_) => Ok(()),
            Err(_) => {
                Err(errors::of_user("P6009", format!("The query needs more than {} MiB of memory", self.size >> 20)))
            }
        }
    }

    /// A copy of a value, to be put into so many levels of lists and records.
    pub(super) fn copy(&self, value: &Value, within: usize) -> Result<Value, PlanError> {
        self.take(weight_within(value, within).ok_or_else(too_deep)?)?;
        Ok(value.clone())
    }
}

/// How deep lists and records may be in each other when a value is copied. What is not copied gets no deeper but by joins, of
/// which a plan can have [so many](super::tree) in each other. Each level takes some of the stack whenever a value is walked through.
pub(super) const DEEPEST: usize = 640;

pub(super) fn too_deep() -> PlanError {
    errors::refused(format!("A value of the query is nested deeper than {DEEPEST} levels"))
}

/// About what a value takes, in bytes; `None` if it is too deep for a place in so many levels of others.
fn weight_within(value: &Value, within: usize) -> Option<usize> {
    let elements = match value {
        Value::List(list) => list,
        Value::Record(record) => record.values(),
        other => return Some(weight(other)),
    };
    if within >= DEEPEST {
        return None;
    }
    let mut sum = size_of::<Value>();
    for element in elements {
        sum += weight_within(element, within + 1)?;
    }
    Some(sum)
}

/// About what a value takes, in bytes.
pub(super) fn weight(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::Text(text) => text.len(),
            Value::Json(json) => json.len(),
            Value::Bytes(bytes) => bytes.len(),
            Value::List(list) => list.iter().map(weight).sum(),
            Value::Record(record) => weight_of(record),
            _ => 0,
        }
}

/// About what a record takes besides its place, in bytes.
pub(super) fn weight_of(record: &Record) -> usize {
    record.values().iter().map(weight).sum()
}
