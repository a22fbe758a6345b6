//! So many requests per second, whoever sends them: they do not wait for the answers to earlier ones.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Turns to send one request.
pub(crate) struct Pace {
    rate: u32,
    turns: Semaphore,
}

impl Pace {
    pub(crate) fn new(rate: u32) -> Self {
        Self { rate, turns: Semaphore::new(0) }
    }

    /// Waits for a turn.
    pub(crate) async fn turn(&self) {
        if let Ok(turn) = self.turns.acquire().await {
            turn.forget();
        }
    }

    /// Gives turns for `time`. Those that no client was free to take in the last millisecond are not made up for.
    pub(crate) async fn keep(&self, time: Duration, clients: usize) {
        let mut tick = interval(Duration::from_millis(1));
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let since = Instant::now();
        let mut given = 0;
        while since.elapsed() < time {
            tick.tick().await;
            let due = since.elapsed().as_micros() * u128::from(self.rate) / 1_000_000;
            let now = usize::try_from(due - given).unwrap_or(clients).min(clients);
            given = due;
            self.turns.add_permits(now.saturating_sub(self.turns.available_permits()));
        }
    }
}
