//! What an HTTP/2 connection is at: how many requests run on it, and whether its client reads the answers.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::time::Instant;

use crate::frontend::terms::{SMALL, Terms};

/// The requests of one connection.
#[derive(Debug)]
pub(super) struct Streams(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Requests that are not answered yet.
    asking: usize,
    /// Answers that are not sent yet.
    unread: usize,
    /// When one or the other became fewer last.
    since: Instant,
    /// When the first of the answers came that keep the connection busy, and how long they are together. They share it,
    /// so none has a time of its own.
    busy_since: Instant,
    busy_bytes: u64,
}

impl Default for Streams {
    fn default() -> Self {
        let now = Instant::now();
        Self(Mutex::new(State { asking: 0, unread: 0, since: now, busy_since: now, busy_bytes: 0 }))
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
    streams: Arc<Streams>,
}

impl AsRef<[u8]> for Unread {
    fn as_ref(&self) -> &[u8] {
        &self.data
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let mut state = self.streams.state();
        state.unread -= 1;
        state.since = Instant::now();
    }
}

impl Streams {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a request.
    pub(super) fn asked(self: &Arc<Self>) -> Asked {
        self.state().asking += 1;
        Asked(Arc::clone(self))
    }

    /// Follows an answer: a client that opens no window for it would make the process keep it.
    pub(super) fn follow(self: &Arc<Self>, data: Bytes) -> Bytes {
        if data.len() < SMALL {
            return data;
        }
        let mut state = self.state();
        if state.unread == 0 {
            (state.busy_since, state.busy_bytes) = (Instant::now(), 0);
        }
        state.unread += 1;
        state.busy_bytes = state.busy_bytes.saturating_add(data.len() as u64);
        drop(state);
        Bytes::from_owner(Unread { data, streams: Arc::clone(self) })
    }

    /// Whether the answers should have been read by now.
    pub(super) fn is_stuck(&self, now: Instant, terms: &Terms) -> bool {
        let state = self.state();
        state.unread > 0 && state.busy_since + terms.patience(state.busy_bytes) <= now
    }

    /// Since when nothing is under way, if nothing is.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let state = self.state();
        (state.asking == 0 && state.unread == 0).then_some(state.since)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use bytes::Bytes;
    use tokio::time::{Instant, advance};

    use super::Streams;
    use crate::frontend::terms::{PACE, Terms};

    #[tokio::test(start_paused = true)]
    async fn answers_share_the_time_that_all_of_them_get() {
        let (streams, terms) = (Arc::new(Streams::default()), Terms::default());
        let answer = || Bytes::from(vec![0; usize::try_from(PACE).unwrap() * 32]);
        let sent: Vec<_> = (0..10).map(|_| streams.follow(answer())).collect();
        assert!(streams.quiet_since().is_none());
        advance(terms.body_timeout + Duration::from_secs(319)).await;
        assert!(!streams.is_stuck(Instant::now(), &terms));
        advance(Duration::from_secs(1)).await;
        assert!(streams.is_stuck(Instant::now(), &terms));
        drop(sent);
        assert!(!streams.is_stuck(Instant::now(), &terms));
        assert_eq!(streams.quiet_since(), Some(Instant::now()));
        // The next one begins anew.
        let next = streams.follow(answer());
        advance(terms.body_timeout + Duration::from_secs(31)).await;
        assert!(!streams.is_stuck(Instant::now(), &terms));
        drop(next);
        let asked = streams.asked();
        assert!(streams.quiet_since().is_none());
        drop(asked);
        assert!(streams.quiet_since().is_some());
    }
}
