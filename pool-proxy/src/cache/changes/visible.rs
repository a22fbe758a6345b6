//! What queries see at least that begin now, as far as that need not be asked.

use std::time::Duration;

use tokio::time::Instant;

use super::Changes;
use crate::postgres::Snapshot;

/// A snapshot of so long ago will do for a query that begins now. It sees no more than the query's own. What it misses is held
/// against the answer all the same, so it must not be old.
const RECENT: Duration = Duration::from_millis(10);

/// A snapshot, and since when it is known.
#[derive(Debug)]
pub(super) struct Visible {
    since: Instant,
    snapshot: Snapshot,
}

impl Changes {
    /// A number for the times in which snapshots may be held against each other: not across another beginning of the stream.
    pub fn era(&self) -> u64 {
        self.state().log.refused()
    }

    /// A snapshot was taken just now, by a session of that era.
    pub fn see(&self, era: u64, snapshot: &Snapshot) {
        let mut state = self.state();
        let is_news = state.visible.as_ref().is_none_or(|held| held.snapshot.xmax() <= snapshot.xmax());
        if state.is_open && state.log.refused() == era && is_news {
            state.visible = Some(Visible { since: Instant::now(), snapshot: snapshot.clone() });
        }
    }

    /// A snapshot that sees no more than a query that begins now, and almost as much, if there is one.
    pub fn visible(&self) -> Option<Snapshot> {
        let state = self.state();
        let held = state.visible.as_ref().filter(|held| held.since.elapsed() <= RECENT)?;
        Some(held.snapshot.clone())
    }
}
