//! What the statements of one call come to on their way: when each began and ended, and what it brought.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::{Columns, QueryError, Row, RowSink};

/// Those of a call. What is measured is kept here, not with what measures it: that may be dropped in the middle.
#[derive(Debug)]
pub(super) struct Tallies {
    since: Instant,
    each: Box<[Tally]>,
}

#[derive(Debug, Default)]
struct Tally {
    /// Nanoseconds since the call began, and one; 0 for never.
    begun: AtomicU64,
    prepared: AtomicBool,
    ended: AtomicU64,
    rows: AtomicU64,
    bytes: AtomicU64,
}

/// What one statement has come to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// When it began; `None` if it did not.
    pub(super) begun: Option<Duration>,
    /// Whether Postgres has taken it for a statement.
    pub(super) prepared: bool,
    /// When it ended well.
    pub(super) ended: Option<Duration>,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

impl Tallies {
    /// Of so many statements, from now on.
    pub(super) fn of(count: usize, now: Instant) -> Self {
        Self { since: now, each: (0..count).map(|_| Tally::default()).collect() }
    }

    /// When the call began.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// The time since the call began.
    pub(super) fn now(&self) -> Duration {
        self.since.elapsed()
    }

    fn stamp(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.since).as_nanos()).unwrap_or(u64::MAX).saturating_add(1)
    }

    /// A statement's time begins now, unless it has begun before: where it is sent behind another in the same flight, when that
    /// one has ended.
    pub(super) fn begin_at(&self, index: usize, now: Instant) {
        if let Some(tally) = self.each.get(index) {
            let _ = tally.begun.compare_exchange(0, self.stamp(now), Ordering::Relaxed, Ordering::Relaxed);
        }
    }

    /// It has ended well.
    pub(super) fn end(&self, index: usize) {
        if let Some(tally) = self.each.get(index) {
            tally.prepared.store(true, Ordering::Relaxed);
            tally.ended.store(self.stamp(Instant::now()), Ordering::Relaxed);
        }
    }

    /// What they came to, in order.
    pub(super) fn told(&self) -> impl Iterator<Item = Told> {
        let at = |stamp: &AtomicU64| match stamp.load(Ordering::Relaxed) {
            0 => None,
            stamp => Some(Duration::from_nanos(stamp - 1)),
        };
        let mut last = None;
        self.each.iter().map(move |tally| {
            let (begun, ended) = (at(&tally.begun).max(last), at(&tally.ended));
            last = ended;
            let [rows, bytes] = [&tally.rows, &tally.bytes].map(|counter| counter.load(Ordering::Relaxed));
            Told { begun, prepared: tally.prepared.load(Ordering::Relaxed), ended, rows, bytes }
        })
    }

    fn accepted(&self, index: usize) -> Option<&Tally> {
        let tally = self.each.get(index)?;
        tally.prepared.store(true, Ordering::Relaxed);
        Some(tally)
    }
}

/// Counts what goes into a sink.
pub(super) struct Measured<'t, S> {
    sink: S,
    /// Where it is counted.
    tally: Option<(&'t Tallies, &'t Tally)>,
}

impl<'t, S> Measured<'t, S> {
    /// That of a statement which was prepared, if it is measured.
    pub(super) fn new(tallies: Option<&'t Tallies>, index: usize, sink: S) -> Self {
        let tally = tallies.and_then(|tallies| Some((tallies, tallies.accepted(index)?)));
        Self { sink, tally }
    }
}

impl<S: RowSink> RowSink for Measured<'_, &mut S> {
    fn is_own(&self) -> bool {
        self.sink.is_own()
    }

    fn begin(&mut self, columns: &Columns) {
        if let Some((_, tally)) = self.tally {
            // It may have been sent before.
            tally.rows.store(0, Ordering::Relaxed);
            tally.bytes.store(0, Ordering::Relaxed);
        }
        self.sink.begin(columns);
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        if let Some((_, tally)) = self.tally {
            // Nobody else counts here, and at each row an addition that others cannot come between would be felt.
            let add =
                |counter: &AtomicU64, more| counter.store(counter.load(Ordering::Relaxed) + more, Ordering::Relaxed);
            add(&tally.rows, 1);
            add(&tally.bytes, row.bytes() as u64);
        }
        self.sink.row(row)
    }

    fn dropped(&mut self) -> QueryError {
        self.sink.dropped()
    }

    fn end(&mut self, tag: Option<&str>) {
        if let Some((tallies, tally)) = self.tally {
            // `INSERT 0 5` and the like: of what returns no rows it says how many it wrote.
            if let Some(rows) = tag.and_then(|tag| tag.rsplit(' ').next()?.parse::<u64>().ok()) {
                tally.rows.store(rows, Ordering::Relaxed);
            }
            tally.ended.store(tallies.stamp(Instant::now()), Ordering::Relaxed);
        }
        self.sink.end(tag);
    }
}
