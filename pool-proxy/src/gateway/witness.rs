//! What the database says of the moment of a statement: what was visible to it, and how far the log was.

use std::sync::{Arc, LazyLock};

use tokio::time::Instant;

use crate::postgres::{Columns, Lsn, Prepared, QueryError, Row, RowSink, Snapshot};

/// Before a statement whose answer may be kept: a snapshot that sees no more than the statement's own. Not the same one, in
/// a transaction that keeps it: such a one is taken before the statement waits for the locks of its tables, and finds those
/// empty that are truncated or written anew meanwhile (<https://www.postgresql.org/docs/current/mvcc-caveats.html>).
static BEFORE: LazyLock<Arc<str>> = LazyLock::new(|| "SELECT pg_catalog.pg_current_snapshot()::text".into());

/// Behind a statement, and its COMMIT: the end of the log on disk, the end of the log, and a snapshot. What the statement saw was
/// on disk, unless whoever committed it did not want to wait for that; what it wrote lies before the end; and the snapshot will do
/// for one that comes soon.
static BEHIND: LazyLock<Arc<str>> = LazyLock::new(|| {
    "SELECT pg_catalog.pg_current_wal_flush_lsn()::text, pg_catalog.pg_current_wal_insert_lsn()::text, \
     pg_catalog.pg_current_snapshot()::text"
        .into()
});

/// What the database is asked beside the statements of a flight.
#[derive(Debug, Clone, Default)]
pub(super) struct Questions {
    /// What is visible to the statements at least, before them.
    pub(super) before: Option<Prepared>,
    /// How far the log is, behind all of it.
    pub(super) behind: Option<Prepared>,
    /// Instead of what is asked before, if that is known.
    pub(super) visible: Option<Snapshot>,
    /// See [`Changes::era`](crate::cache::Changes::era).
    pub(super) era: u64,
}

impl Questions {
    /// The texts of both.
    pub(super) fn texts() -> (&'static Arc<str>, &'static Arc<str>) {
        (&BEFORE, &BEHIND)
    }

    /// Whether they are about an answer that may be kept.
    pub(super) fn are_of_one_to_keep(&self) -> bool {
        self.before.is_some() || self.visible.is_some()
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
    pub(super) before: Option<Snapshot>,
    /// How far the log was behind.
    pub(super) ends: Option<Ends>,
    /// What was visible behind.
    pub(super) behind: Option<Snapshot>,
}

/// Where the answer to one of them is heard.
pub(super) struct Hearing {
    asked: Instant,
    snapshot: Option<Snapshot>,
    ends: Option<Ends>,
}

impl Hearing {
    pub(super) fn new() -> Self {
        Self { asked: Instant::now(), snapshot: None, ends: None }
    }

    /// What both have said.
    pub(super) fn witness(before: Self, behind: Self) -> Witness {
        Witness { before: before.snapshot, ends: behind.ends, behind: behind.snapshot }
    }
}

impl RowSink for Hearing {
    fn is_own(&self) -> bool {
        true
    }

    fn begin(&mut self, _: &Columns) {}

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        let text = |at: usize| std::str::from_utf8(row.value(at)?).ok();
        let snapshot = |at: usize| text(at)?.parse().ok();
        let ends = || Some(Ends { asked: self.asked, flushed: text(0)?.parse().ok()?, end: text(1)?.parse().ok()? });
        if row.columns() == 1 {
            self.snapshot = snapshot(0);
        } else {
            (self.ends, self.snapshot) = (ends(), snapshot(2));
        }
        Ok(())
    }

    fn dropped(&mut self) -> QueryError {
        QueryError::Closed
    }

    fn end(&mut self, _: Option<&str>) {}
}
