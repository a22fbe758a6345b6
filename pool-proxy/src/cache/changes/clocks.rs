//! Whether the machine has stood still.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime};

/// Clocks that have come this much further apart have been set, or one of them stood still, in milliseconds.
const APART: i64 = 250;

/// The clock that ages are taken by stands still while the machine is suspended, and the wall clock does not: whoever wakes up
/// would take what was known long ago for news.
#[derive(Debug)]
pub(super) struct Clocks {
    begun: Instant,
    wall: SystemTime,
    /// By how much the wall clock was ahead when they were compared last, in milliseconds.
    ahead: AtomicI64,
}

impl Clocks {
    pub(super) fn new() -> Self {
        Self { begun: Instant::now(), wall: SystemTime::now(), ahead: AtomicI64::new(0) }
    }

    fn ahead(&self) -> i64 {
        let millis = |millis: u128| i64::try_from(millis).unwrap_or(i64::MAX);
        let wall = match self.wall.elapsed() {
            Ok(since) => millis(since.as_millis()),
            Err(before) => -millis(before.duration().as_millis()),
        };
        wall.saturating_sub(millis(self.begun.elapsed().as_millis()))
    }

    /// Whether they have come apart since they were set.
    pub(super) fn are_apart(&self) -> bool {
        let now = self.ahead();
        let moved = now.saturating_sub(self.ahead.load(Ordering::Acquire)).saturating_abs();
        if moved > APART {
            return true;
        }
        if moved > APART / 8 {
            // None of them is exact.
            self.ahead.store(now, Ordering::Release);
        }
        false
    }

    /// What they show now is what they are compared with from now on.
    pub(super) fn set(&self) {
        self.ahead.store(self.ahead(), Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clock_that_jumps_is_noticed_once() {
        for jump in [Duration::from_secs(2), Duration::from_hours(1)] {
            for is_ahead in [true, false] {
                let mut clocks = Clocks::new();
                assert!(!clocks.are_apart());
                clocks.wall = if is_ahead { clocks.wall - jump } else { clocks.wall + jump };
                assert!(clocks.are_apart() && clocks.are_apart(), "{jump:?}, {is_ahead}");
                clocks.set();
                assert!(!clocks.are_apart());
            }
        }
    }

    #[test]
    fn one_that_is_not_exact_is_not() {
        let mut clocks = Clocks::new();
        for _ in 0..100 {
            clocks.wall -= Duration::from_millis(100);
            assert!(!clocks.are_apart());
        }
    }
}
