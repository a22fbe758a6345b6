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

    /// A copy of a value.
    pub(super) fn copy(&self, value: &Value) -> Result<Value, PlanError> {
        self.take(weight(value))?;
        Ok(value.clone())
    }
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
