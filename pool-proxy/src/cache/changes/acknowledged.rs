//! What clients know of that the stream has not told yet.

use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::fence::Fence;
use super::{Changes, State};
use crate::postgres::Lsn;

/// How far clients know of the log, and since when. Not by what lies there: whoever has seen one table after a transaction is
/// not shown another one as it was before.
#[derive(Debug, Default)]
pub(super) struct Acknowledged {
    highest: Lsn,
    last: u64,
    /// They know of something that lies nobody knows where: before the end of the log at that moment.
    somewhere: Option<Instant>,
}

/// Where nobody has looked yet: no stream is known to have come so far.
pub const SOMEWHERE: Lsn = Lsn(u64::MAX);

impl Acknowledged {
    pub(super) fn add(&mut self, position: Lsn, at: u64) {
        self.highest = self.highest.max(position);
        self.last = self.last.max(at);
    }

    /// They know of something from now on, wherever that lies.
    pub(super) fn add_somewhere(&mut self, now: Instant, at: u64) {
        self.somewhere = Some(now);
        self.last = self.last.max(at);
    }

    /// The log's end was this when it was asked for. Says whether that is where something must lie that was looked for.
    pub(super) fn locate(&mut self, asked: Instant, end: Lsn) -> bool {
        let is_found = self.somewhere.is_some_and(|known| known < asked);
        if is_found {
            self.somewhere = None;
            self.highest = self.highest.max(end);
        }
        is_found
    }

    /// Whether something is to be looked for.
    pub(super) fn is_lost(&self) -> bool {
        self.somewhere.is_some()
    }

    /// How far the stream must have come so that no answer is too old.
    pub(super) fn awaited(&self) -> Lsn {
        if self.somewhere.is_some() { SOMEWHERE } else { self.highest }
    }

    /// Nothing from before is kept any more, and the log may begin anew elsewhere.
    pub(super) fn forget(&mut self) {
        (self.highest, self.somewhere) = (Lsn(0), None);
    }

    /// How far the stream must have come for an answer that was begun then: what was begun later has seen it.
    pub(super) fn needed(&self, begun: u64) -> Lsn {
        if self.last > begun { self.awaited() } else { Lsn(0) }
    }

    /// When something became known last: what is under way since before that is too old for whoever comes now.
    pub(super) fn latest(&self) -> u64 {
        self.last
    }
}

impl Changes {
    /// A client has been told, or is about to be, of what lies before `position` in the log. Nobody is given anything older
    /// from now on.
    pub fn acknowledge(&self, position: Lsn) {
        let mut state = self.state();
        let now = state.log.tick();
        if self.position() >= position && state.log.oldest() > now {
            // Nobody is behind.
            return;
        }
        state.acknowledged.add(position, now);
        self.await_acknowledged(&state);
    }

    /// The same where nobody knows the position, such as that of a statement that was lost: it is looked for.
    pub fn acknowledge_somewhere(&self) {
        let mut state = self.state();
        if !state.is_open {
            // Nothing is kept from before.
            return;
        }
        let now = state.log.tick();
        state.acknowledged.add_somewhere(Instant::now(), now);
        self.await_acknowledged(&state);
        drop(state);
        self.lost.notify_one();
    }

    /// How far the stream must have come before this may be given.
    pub fn needed(&self, fence: &Fence) -> Lsn {
        if self.position.load(Ordering::Acquire) >= self.awaited.load(Ordering::Acquire) {
            return Lsn(0);
        }
        let state = self.state();
        state.acknowledged.needed(fence.begun())
    }

    /// A number that changes when clients come to know of something: what is under way under another number may be too old for
    /// them.
    pub fn generation(&self) -> u64 {
        self.state().acknowledged.latest()
    }

    pub(super) fn await_acknowledged(&self, state: &State) {
        self.awaited.store(state.acknowledged.awaited().0, Ordering::Release);
    }
}
