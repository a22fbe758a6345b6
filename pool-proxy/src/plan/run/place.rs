//! Where the result of a statement goes: its rows, or only their number, which is all that is kept of them then.

use super::super::room::Room;
use super::super::rows::{Records, RecordsSink};
use super::super::value::Value;
use crate::error::PlanError;
use crate::gateway::call::Budget;
use crate::gateway::session::Sinks;
use crate::postgres::{Columns, QueryError, Row, RowSink};

/// Places for the statements of a flight.
pub(super) struct Places<'a> {
    /// For each, whether its rows are wanted.
    pub(super) wanted: &'a [bool],
    pub(super) room: &'a Room,
}

impl Sinks for Places<'_> {
    type Sink = Place;

    fn sink(&self, query: usize, budget: Budget) -> Place {
        Place {
            sink: Records(self.room).sink(query, budget),
            is_wanted: self.wanted.get(query).copied().unwrap_or_default(),
        }
    }
}

/// A result.
pub(super) struct Place {
    sink: RecordsSink,
    is_wanted: bool,
}

impl Place {
    /// The rows, if they were wanted, and how many the statement was about.
    pub(super) fn into_rows(self) -> Result<(Vec<Value>, u64), PlanError> {
        match self.sink.into_rows()? {
            (Value::List(rows), count) => Ok((rows, count.unwrap_or_default())),
            (_, count) => Ok((Vec::new(), count.unwrap_or_default())),
        }
    }
}

impl RowSink for Place {
    fn begin(&mut self, columns: &Columns) {
        if self.is_wanted {
            self.sink.begin(columns);
        }
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        if self.is_wanted { self.sink.row(row) } else { Ok(()) }
    }

    fn dropped(&mut self) -> QueryError {
        self.sink.dropped()
    }

    fn end(&mut self, tag: Option<&str>) {
        self.sink.end(tag);
    }
}
