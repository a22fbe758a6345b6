//! How much a run may hold in memory besides its plan and what Postgres gave it. Small plans could ask for a lot: lists that are
//! appended to themselves, records that belong to everybody, one long text as thousands of parameters.

use std::cell::Cell;

use super::errors;
use super::value::{Record, Value};
use crate::error::PlanError;

/// In bytes. The bodies of requests are shorter by far, and so are most answers.
const MOST: usize = 128 << 20;

/// What is left of it.
pub(super) struct Room(Cell<usize>);

impl Default for Room {
    fn default() -> Self {
        Self(Cell::new(MOST))
    }
}

impl Room {
    /// Takes bytes.
    pub(super) fn take(&self, bytes: usize) -> Result<(), PlanError> {
        match self.0.get().checked_sub(bytes) {
            Some(left) => {
                self.0.set(left);
                Ok(())
            }
            None => Err(errors::of_user("P6009", format!("The query needs more than {} MiB of memory", MOST >> 20))),
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
