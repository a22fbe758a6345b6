//! What binds an answer to the changes of what it was read from.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::Changes;
use crate::cache::entry::Entry;
use crate::cache::scope::{Part, Scope};
use crate::postgres::{Lsn, Snapshot};

/// A query under way whose answer may be kept until it changes: what it may not see is remembered as long as this lives.
#[derive(Debug)]
pub struct Fill {
    changes: Arc<Changes>,
    begun: u64,
}

impl Fill {
    pub(super) fn new(changes: &Arc<Changes>) -> Self {
        let begun = changes.state().log.begin();
        Self { changes: Arc::clone(changes), begun }
    }

    /// For the answer: what it was read from, what its query saw, and the end of the log on disk when it did.
    pub fn fence(&self, scope: Scope, snapshot: Snapshot, seen: Lsn) -> Fence {
        Fence {
            changes: Arc::downgrade(&self.changes),
            scope,
            snapshot,
            seen,
            begun: AtomicU64::new(self.begun),
            state: AtomicU8::new(OPEN),
        }
    }
}

impl Drop for Fill {
    fn drop(&mut self) {
        self.changes.state().log.end(self.begun);
    }
}

/// Binds an answer to what it was read from.
#[derive(Debug)]
pub struct Fence {
    changes: Weak<Changes>,
    pub(super) scope: Scope,
    pub(super) snapshot: Snapshot,
    seen: Lsn,
    begun: AtomicU64,
    state: AtomicU8,
}

/// Its entry is not under watch yet.
const OPEN: u8 = 0;
/// No change has come that its query did not see.
const HOLDS: u8 = 1;
/// One has, or it is not known any more. For good.
const FALLEN: u8 = 2;

impl Fence {
    /// The end of the log on disk when its query saw what it saw.
    pub fn seen(&self) -> Lsn {
        self.seen
    }

    /// Its client knows from now on what it saw, though it is not kept.
    pub fn acknowledge(&self) {
        if let Some(changes) = self.changes.upgrade() {
            changes.acknowledge(self.seen);
        }
    }

    /// Whether the answer is true as far as the stream has told.
    pub fn holds(&self) -> bool {
        self.state.load(Ordering::Acquire) == HOLDS
    }

    pub(in crate::cache) fn has_fallen(&self) -> bool {
        self.state.load(Ordering::Acquire) == FALLEN
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Says whether it had held.
    pub(super) fn fall(&self) -> bool {
        self.state.swap(FALLEN, Ordering::AcqRel) == HOLDS
    }

    /// What it takes in memory besides the entry, in bytes.
    pub(in crate::cache) fn size(&self) -> usize {
        size_of::<Self>() + self.snapshot.size() + self.scope.len() * DEPENDENT
    }

    /// Puts its entry under watch, if no change has come by now that its query did not see. While its fill lives. In either
    /// case its client knows from now on what it saw.
    pub(in crate::cache) fn admit(&self, entry: &Arc<Entry>) -> bool {
        let Some(changes) = self.changes.upgrade() else { return false };
        let mut state = changes.state();
        let begun = self.begun();
        let admitted = state.is_open
            && self.snapshot.xmin() >= state.floor
            && (state.log.admits(begun, &self.scope, &self.snapshot) || !changes.is_fenced);
        let is_known = state.acknowledged.needed(begun) > changes.position();
        let now = state.log.tick();
        state.acknowledged.add(self.seen, now);
        changes.await_acknowledged(&state);
        if !is_known {
            // It is what it has shown itself.
            self.begun.store(now, Ordering::Relaxed);
        }
        let admitted =
            admitted && self.state.compare_exchange(OPEN, HOLDS, Ordering::AcqRel, Ordering::Acquire).is_ok();
        if admitted {
            state.dependents.change(&self.scope, |dependents| dependents.add(entry));
        } else {
            self.fall();
        }
        admitted
    }

    /// Takes its entry from under watch.
    pub(in crate::cache) fn release(&self, entry: &Arc<Entry>) {
        if self.fall()
            && let Some(changes) = self.changes.upgrade()
        {
            changes.state().leave(entry);
        }
    }
}

/// What an entry takes in the index for each relation or row it was read from, in bytes, about.
const DEPENDENT: usize = 96;

/// Entries that were read from one thing.
#[derive(Debug, Default)]
pub(super) enum Dependents {
    #[default]
    None,
    /// As most rows have it.
    One(Arc<Entry>),
    /// By their addresses.
    Many(HashMap<usize, Arc<Entry>>),
}

fn address(entry: &Arc<Entry>) -> usize {
    Arc::as_ptr(entry).addr()
}

impl Part for Dependents {
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Dependents {
    pub(super) fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::One(_) => 1,
            Self::Many(entries) => entries.len(),
        }
    }

    fn add(&mut self, entry: &Arc<Entry>) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(Arc::clone(entry)),
            Self::One(first) => Self::Many([first, Arc::clone(entry)].map(|entry| (address(&entry), entry)).into()),
            Self::Many(mut entries) => {
                entries.insert(address(entry), Arc::clone(entry));
                Self::Many(entries)
            }
        };
    }

    pub(super) fn remove(&mut self, entry: &Arc<Entry>) {
        match self {
            Self::One(held) if Arc::ptr_eq(held, entry) => *self = Self::None,
            Self::Many(entries) => _ = entries.remove(&address(entry)),
            Self::None | Self::One(_) => {}
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Entry>> {
        let (one, many) = match self {
            Self::None => (None, None),
            Self::One(entry) => (Some(entry), None),
            Self::Many(entries) => (None, Some(entries.values())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    pub(super) fn take(&mut self) -> Vec<Arc<Entry>> {
        match std::mem::take(self) {
            Self::None => Vec::new(),
            Self::One(entry) => vec![entry],
            Self::Many(entries) => entries.into_values().collect(),
        }
    }
}
