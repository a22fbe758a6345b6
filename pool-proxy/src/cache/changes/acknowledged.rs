//! What clients know of that the stream has not told yet.

use crate::cache::scope::{Part, Places, Scope};
use crate::postgres::Lsn;

/// As many are looked through before the next that is added.
const FEW: usize = 64;

/// Positions that clients know of, by what lies there.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    places: Places<Known>,
    /// How many were added since those that have been reached were last taken out.
    added: usize,
    limit: usize,
    highest: Lsn,
    last: u64,
}

#[derive(Debug, Default)]
struct Known {
    position: Lsn,
    /// When it became known: what was begun later has seen it.
    at: u64,
}

impl Part for Known {
    fn is_empty(&self) -> bool {
        self.at == 0
    }
}

impl Acknowledged {
    pub(super) fn add(&mut self, scope: &Scope, position: Lsn, at: u64) {
        self.places.change(scope, |known| {
            known.position = known.position.max(position);
            known.at = known.at.max(at);
        });
        self.added += scope.len();
        self.highest = self.highest.max(position);
        self.last = self.last.max(at);
    }

    /// How far the stream must have come for an answer of this scope that was begun then.
    pub(super) fn needed(&self, scope: &Scope, begun: u64) -> Lsn {
        let mut needed = Lsn(0);
        self.places.meet(scope, |known| {
            if known.at > begun {
                needed = needed.max(known.position);
            }
        });
        needed
    }

    /// When something of this scope became known last, as far as that is remembered: what is under way since before that is
    /// too old for whoever comes now.
    pub(super) fn latest(&self, scope: &Scope) -> u64 {
        let mut latest = 0;
        self.places.meet(scope, |known| latest = latest.max(known.at));
        latest
    }

    /// The stream has come so far, and the oldest query under way began then: what lies before and became known before, nobody
    /// needs to be told any more.
    pub(super) fn reached(&mut self, position: Lsn, oldest: u64) {
        if self.added == 0 {
            return;
        }
        if self.highest <= position && self.last < oldest {
            *self = Self::default();
        } else if self.added > self.limit.max(FEW) {
            let mut left = 0;
            self.places.each(|known| {
                if known.position <= position && known.at < oldest {
                    *known = Known::default();
                } else {
                    left += usize::from(!known.is_empty());
                }
            });
            (self.added, self.limit) = (left, left * 2);
        }
    }
}
