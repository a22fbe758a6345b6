//! What clients know of that the stream has not told yet.

use crate::postgres::Lsn;

/// How far clients know of the log, and since when. Not by what lies there: whoever has seen one table after a transaction is
/// not shown another one as it was before.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    highest: Lsn,
    last: u64,
}

impl Acknowledged {
    pub(super) fn add(&mut self, position: Lsn, at: u64) {
        self.highest = self.highest.max(position);
        self.last = self.last.max(at);
    }

    /// Nothing from before is kept any more, and the log may begin anew elsewhere.
    pub(super) fn forget(&mut self) {
        self.highest = Lsn(0);
    }

    /// How far the stream must have come for an answer that was begun then: what was begun later has seen it.
    pub(super) fn needed(&self, begun: u64) -> Lsn {
        if self.last > begun { self.highest } else { Lsn(0) }
    }

    /// When something became known last: what is under way since before that is too old for whoever comes now.
    pub(super) fn latest(&self) -> u64 {
        self.last
    }
}
