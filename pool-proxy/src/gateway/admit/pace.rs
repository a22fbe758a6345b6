//! How fast a queue moves.

use std::time::Duration;

use tokio::time::Instant;

/// How fast turns are handed to those who wait, while somebody does. By many of them: one that takes long says little.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Instant>,
    /// The time between those that were served.
    elapsed: Duration,
    stood_still: bool,
    served: u32,
    /// The time between two turns, once it is known.
    pub(super) turn: Option<Duration>,
}

impl Pace {
    /// So many turns, in no less than this time, tell how fast it goes.
    const MANY: u32 = 64;
    const WHILE: Duration = Duration::from_secs(1);

    /// One was served.
    pub(super) fn serve(&mut self) {
        let now = Instant::now();
        let gap = now.saturating_duration_since(self.last.replace(now).unwrap_or(now));
        // The database or this machine stood still: that says nothing of how fast it goes now. More than once, it is how it goes.
        if gap > Self::WHILE && !std::mem::replace(&mut self.stood_still, true) {
            return;
        }
        self.elapsed += gap;
        if self.served >= Self::MANY && self.elapsed >= Self::WHILE {
            let turn = Some(self.elapsed / self.served);
            *self = Self { last: Some(now), turn, ..Self::default() };
        }
        self.served += 1;
    }

    /// Nobody waits any more.
    pub(super) fn rest(&mut self) {
        *self = Self::default();
    }
}
