//! Changes that a query under way may not have seen.

use std::collections::{BTreeMap, VecDeque};

use crate::cache::scope::{Part, Places, Scope};
use crate::postgres::Snapshot;

/// Parts of scopes remembered at most: beyond that nothing is kept until all that was told is seen by everybody.
const MOST: usize = 100_000;

/// What the stream has told lately, until every query whose answer may be kept has seen it; and the order of the moments
/// at which such queries begin.
#[derive(Debug, Default)]
pub(super) struct Log {
    clock: u64,
    places: Places<Transactions>,
    size: usize,
    /// Transactions that changed what statements mean.
    definitions: Vec<u64>,
    /// Transactions whose scope was too much to remember.
    blurred: Vec<u64>,
    /// Queries under way, by when they began.
    fills: BTreeMap<u64, usize>,
    /// Snapshots, and when they were had: what begins then or later sees at least as much.
    seen: VecDeque<(u64, Snapshot)>,
    /// What began then or before is not to be kept.
    refused: u64,
}

/// Transactions, by their whole ids.
#[derive(Debug, Default)]
struct Transactions(Vec<u64>);

impl Part for Transactions {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Log {
    /// The next moment.
    pub(super) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// A query begins now.
    pub(super) fn begin(&mut self) -> u64 {
        let begun = self.tick();
        *self.fills.entry(begun).or_default() += 1;
        begun
    }

    /// It has ended, and its answer is kept or not.
    pub(super) fn end(&mut self, begun: u64) {
        if let Some(count) = self.fills.get_mut(&begun) {
            *count -= 1;
            if *count == 0 {
                self.fills.remove(&begun);
            }
        }
    }

    /// When the oldest query under way began.
    pub(super) fn oldest(&self) -> u64 {
        self.fills.keys().next().copied().unwrap_or(u64::MAX)
    }

    /// No answer to what is under way is to be kept.
    pub(super) fn refuse_all(&mut self) {
        self.refused = self.tick();
    }

    /// What began then or before is not to be kept.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// No answer to what is under way is to be kept, and what was told is not told by the server that comes next.
    pub(super) fn forget_all(&mut self) {
        self.refuse_all();
        (self.places, self.size) = (Places::default(), 0);
        self.definitions.clear();
        self.blurred.clear();
        self.seen.clear();
    }

    pub(super) fn add(&mut self, xid: u64, scope: &Scope) {
        self.places.change(scope, |transactions| {
            if transactions.0.last() != Some(&xid) {
                transactions.0.push(xid);
            }
        });
        self.size += scope.len();
        if self.size > MOST {
            let blurred = &mut self.blurred;
            self.places.each(|transactions| blurred.append(&mut transactions.0));
            self.blurred.sort_unstable();
            self.blurred.dedup();
            self.size = 0;
        }
    }

    pub(super) fn add_definition(&mut self, xid: u64) {
        self.definitions.push(xid);
    }

    /// A snapshot was taken just now. Forgets what every query sees that is under way or still to come; says whether a
    /// change of definitions is among that.
    pub(super) fn forget(&mut self, snapshot: &Snapshot) -> bool {
        let at = self.tick();
        self.seen.push_back((at, snapshot.clone()));
        let oldest = self.oldest();
        let mut by_all = None;
        while self.seen.front().is_some_and(|(at, _)| *at <= oldest) {
            by_all = self.seen.pop_front().map(|(_, snapshot)| snapshot);
        }
        let Some(by_all) = by_all else { return false };
        if self.size > 0 {
            let mut left = 0;
            self.places.each(|transactions| {
                transactions.0.retain(|xid| !by_all.sees(*xid));
                left += transactions.0.len();
            });
            self.size = left;
        }
        self.blurred.retain(|xid| !by_all.sees(*xid));
        let before = self.definitions.len();
        self.definitions.retain(|xid| !by_all.sees(*xid));
        self.definitions.len() < before
    }

    /// Whether an answer may be kept: its query saw all that has been told of what it read.
    pub(super) fn admits(&self, begun: u64, scope: &Scope, snapshot: &Snapshot) -> bool {
        if begun <= self.refused || !self.definitions.is_empty() || !self.blurred.is_empty() {
            return false;
        }
        let mut all_seen = true;
        self.places.meet(scope, |transactions| all_seen &= transactions.0.iter().all(|xid| snapshot.sees(*xid)));
        all_seen
    }
}
