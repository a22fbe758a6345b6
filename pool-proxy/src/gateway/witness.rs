//! What the database says of the moment of a statement: what was visible to it, and how far the log was.

use std::sync::{Arc, LazyLock};

use tokio::time::Instant;
use tokio_postgres::Statement;

use crate::postgres::{Column, Lsn, QueryError, RawText, RowSink, Snapshot};

/// Before a statement whose answer may be kept: a snapshot that sees no more than the statement's own. Not the same one, in
/// a transaction that keeps it: such a one is taken before the statement waits for the locks of its tables, and finds those
/// empty that are truncated or written anew meanwhile (<https://www.postgresql.org/docs/current/mvcc-caveats.html>).
static BEFORE: LazyLock<Arc<str>> = LazyLock::new(|| "SELECT pg_catalog.pg_current_snapshot()::text".into());

/// Behind a statement, and its COMMIT: the end of the log on disk, and the end of the log. What it saw was on disk, unless
/// whoever committed it did not want to wait for that; what it wrote lies before the end.
static BEHIND: LazyLock<Arc<str>> = LazyLock::new(|| {
    "SELECT pg_catalog.pg_current_wal_flush_lsn()::text, pg_catalog.pg_current_wal_insert_lsn()::text".into()
});

/// What the database is asked beside the statements of a flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Questions {
    /// What is visible to the statements at least, before them.
    pub(super) before: Option<Statement>,
    /// How far the log is, behind all of it.
    pub(super) behind: Option<Statement>,
}

impl Questions {
    /// The texts of both.
    pub(super) fn texts() -> (&'static Arc<str>, &'static Arc<str>) {
        (&BEFORE, &BEHIND)
    }
}

/// How far the log is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// When that was asked.
    pub(super) asked: Instant,
    /// Its end on disk.
    pub(super) flushed: Lsn,
    /// Its end.
    pub(super) end: Lsn,
}

/// What it said.
#[derive(Debug, Clone, Default)]
pub(super) struct Witness {
    /// What was visible before.
    pub(super) snapshot: Option<Snapshot>,
    /// How far the log was behind.
    pub(super) ends: Option<Ends>,
}

/// Where the answer to one of them is heard.
pub(super) struct Hearing {
    asked: Instant,
    heard: Witness,
}

impl Hearing {
    pub(super) fn new() -> Self {
        Self { asked: Instant::now(), heard: Witness::default() }
    }

    pub(super) fn snapshot(self) -> Option<Snapshot> {
        self.heard.snapshot
    }

    pub(super) fn ends(self) -> Option<Ends> {
        self.heard.ends
    }
}

impl RowSink for Hearing {
    fn begin(&mut self, _: &[Column<'_>]) {}

    fn row(&mut self, row: &tokio_postgres::Row) -> Result<(), QueryError> {
        let text = |at: usize| {
            let text = row.try_get::<_, RawText<'_>>(at).ok()?.0;
            std::str::from_utf8(text).ok()
        };
        let ends = || Some(Ends { asked: self.asked, flushed: text(0)?.parse().ok()?, end: text(1)?.parse().ok()? });
        self.heard = match row.len() {
            1 => Witness { snapshot: text(0).and_then(|text| text.parse().ok()), ends: None },
            _ => Witness { snapshot: None, ends: ends() },
        };
        Ok(())
    }

    fn dropped(&mut self) -> QueryError {
        QueryError::Closed
    }

    fn end(&mut self, _: Option<&str>) {}
}
