//! Since when the stream is known to have told everything.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::postgres::Lsn;

/// Questions closer together than this say the same.
const APART: Duration = Duration::from_millis(20);
/// More are not kept: the stream is far behind then.
const MOST: usize = 256;

/// Ends of the log that the stream has not come to yet, and when they were asked for.
#[derive(Debug, Default)]
pub(super) struct Proof {
    open: VecDeque<(Instant, Lsn)>,
    /// What was asked before proves nothing.
    since: Option<Instant>,
}

impl Proof {
    pub(super) fn add(&mut self, sent: Instant, end: Lsn) {
        if self.since.is_some_and(|since| sent <= since) {
            return;
        }
        let is_news = self.open.back().is_none_or(|(last, _)| sent.saturating_duration_since(*last) > APART);
        if is_news && self.open.len() < MOST {
            self.open.push_back((sent, end));
        }
    }

    /// The last question that is answered by having come so far.
    pub(super) fn reached(&mut self, position: Lsn) -> Option<Instant> {
        let mut proven = None;
        while self.open.front().is_some_and(|(_, end)| *end <= position) {
            proven = self.open.pop_front().map(|(sent, _)| sent);
        }
        proven
    }

    pub(super) fn begin_anew(&mut self, now: Instant) {
        self.open.clear();
        self.since = Some(now);
    }
}
