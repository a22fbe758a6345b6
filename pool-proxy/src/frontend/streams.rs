//! What an HTTP/2 connection is at: how many requests run on it, and which answers its client does not read.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use super::terms::Terms;

/// A smaller answer is not followed: the connection's idle time bounds it.
const SMALL: usize = 16 << 10;

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Streams {
    state: Mutex<State>,
    next: AtomicU64,
}

#[derive(Debug)]
struct State {
    asking: usize,
    since: Instant,
    /// Until when answers must have been read; the numbers keep equal times apart.
    unread: BTreeSet<(Instant, u64)>,
}

impl Default for Streams {
    fn default() -> Self {
        let state = State { asking: 0, since: Instant::now(), unread: BTreeSet::new() };
        Self { state: Mutex::new(state), next: AtomicU64::new(0) }
    }
}

/// A request under way, until dropped.
pub(super) struct Asked(Arc<Streams>);

impl Drop for Asked {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.asking -= 1;
        state.since = Instant::now();
    }
}

/// An answer that is followed until HTTP/2 has sent it.
struct Unread {
    data: Bytes,
    place: (Instant, u64),
    streams: Arc<Streams>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        self.streams.state().unread.remove(&self.place);
    }
}

impl Streams {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub(super) fn asked(self: &Arc<Self>) -> Asked {
        self.state().asking += 1;
        Asked(Arc::clone(self))
    }

    /// Follows an answer: a client that opens no window for it would make the process keep it.
    pub(super) fn unread(self: &Arc<Self>, data: Bytes, terms: &Terms) -> Bytes {
        if data.len() < SMALL {
            return data;
        }
        let deadline = Instant::now() + terms.patience(data.len() as u64);
        let place = (deadline, self.next.fetch_add(1, Ordering::Relaxed));
        self.state().unread.insert(place);
        Bytes::from_owner(Unread { data, place, streams: Arc::clone(self) })
    }

    /// Whether an answer should have been read by now.
    pub(super) fn is_stuck(&self, now: Instant) -> bool {
        self.state().unread.first().is_some_and(|(deadline, _)| *deadline <= now)
    }

    /// Since when no request is under way, if none is.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.asking == 0).then_some(state.since)
    }
}
