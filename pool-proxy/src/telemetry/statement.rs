//! What one statement has cost so far, whatever its constants and parameters were.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// The counters of one statement. Shared by whoever runs it and by the kept answers it was asked for: to count is a few additions.
#[derive(Debug)]
pub struct StatementMetrics {
    /// The same for statements that differ in their constants only.
    pub fingerprint: u64,
    /// Without constants; `None` where those could not be found.
    text: Option<Box<str>>,
    /// Whether Postgres has ever taken it for a statement: before that its words may be anything.
    accepted: AtomicBool,
    calls: AtomicU64,
    errors: AtomicU64,
    /// Nanoseconds, as all times.
    total: AtomicU64,
    shortest: AtomicU64,
    longest: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
    hits: AtomicU64,
    /// Others needed its place.
    forgotten: AtomicBool,
}

/// The figures of a statement at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StatementFigures {
    /// Runs in Postgres.
    pub calls: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// The time of all runs together: in Postgres, and on the way there and back.
    pub total: Duration,
    /// That of the shortest.
    pub shortest: Duration,
    /// That of the longest.
    pub longest: Duration,
    /// Rows read or written.
    pub rows: u64,
    /// Bytes of rows read.
    pub bytes: u64,
    /// Answers without a run of their own: kept ones, or of a run for somebody else.
    pub hits: u64,
}

/// One run.
#[derive(Debug, Clone, Copy)]
pub struct Ran {
    /// How long it took.
    pub took: Duration,
    /// Rows read or written.
    pub rows: u64,
    /// Bytes of rows read.
    pub bytes: u64,
    /// Whether it failed.
    pub failed: bool,
}

impl StatementMetrics {
    /// At zero.
    pub fn new(fingerprint: u64, text: Option<Box<str>>) -> Self {
        Self {
            fingerprint,
            text,
            accepted: AtomicBool::new(false),
            calls: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            total: AtomicU64::new(0),
            shortest: AtomicU64::new(u64::MAX),
            longest: AtomicU64::new(0),
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            forgotten: AtomicBool::new(false),
        }
    }

    /// What may be shown of the statement.
    pub fn text(&self) -> Option<&str> {
        if self.accepted.load(Ordering::Relaxed) { self.text.as_deref() } else { None }
    }

    /// Whether it is certain where its constants end, and with them all of it.
    pub fn is_certain(&self) -> bool {
        self.text.is_some()
    }

    /// Postgres has taken it for a statement.
    pub fn accept(&self) {
        self.accepted.store(true, Ordering::Relaxed);
    }

    /// It was run.
    pub fn ran(&self, Ran { took, rows, bytes, failed }: Ran) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.errors.fetch_add(u64::from(failed), Ordering::Relaxed);
        self.total.fetch_add(took, Ordering::Relaxed);
        self.shortest.fetch_min(took, Ordering::Relaxed);
        self.longest.fetch_max(took, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// It was answered without being run.
    pub fn hit(&self) {
        self.hits.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was used.
    pub fn uses(&self) -> u64 {
        self.calls.load(Ordering::Relaxed).saturating_add(self.hits.load(Ordering::Relaxed))
    }

    /// Whether nobody looks at it any more.
    pub fn is_forgotten(&self) -> bool {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Whether somebody does.
    pub fn set_forgotten(&self, forgotten: bool) {
        self.forgotten.store(forgotten, Ordering::Relaxed);
    }

    /// Back to zero.
    pub fn reset(&self) {
        for counter in [&self.calls, &self.errors, &self.total, &self.longest, &self.rows, &self.bytes, &self.hits] {
            counter.store(0, Ordering::Relaxed);
        }
        self.shortest.store(u64::MAX, Ordering::Relaxed);
    }

    /// How it stands. While it is being counted some of it may be one run ahead of the rest.
    pub fn figures(&self) -> StatementFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let calls = read(&self.calls);
        StatementFigures {
            calls,
            errors: read(&self.errors),
            total: Duration::from_nanos(read(&self.total)),
            shortest: if calls == 0 { Duration::ZERO } else { Duration::from_nanos(read(&self.shortest)) },
            longest: Duration::from_nanos(read(&self.longest)),
            rows: read(&self.rows),
            bytes: read(&self.bytes),
            hits: read(&self.hits),
        }
    }
}

impl StatementFigures {
    /// The time of a run on the average.
    pub fn mean(&self) -> Duration {
        let nanos = self.total.as_nanos().checked_div(u128::from(self.calls)).unwrap_or_default();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}
