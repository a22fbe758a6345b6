//! Ending what takes too long or grows too large, by a cancel in Postgres; its last word decides.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};

use super::call::Budget;
use crate::error::Failure;
use crate::pool::Lease;
use crate::postgres::cancel::Canceller;

/// How long a cancelled query may take to say so.
const GRACE: Duration = Duration::from_secs(5);

/// When a call has to end.
pub(super) struct Deadline {
    /// For each statement.
    pub(super) each: Duration,
    /// For all of them.
    pub(super) total: Duration,
    /// What ends the statement under way.
    pub(super) canceller: Canceller,
    /// Whether it may be cancelled now.
    pub(super) cancellable: Arc<AtomicBool>,
}

/// Tells the deadline that a statement has ended and the next one's time begins.
pub(super) type Progress = watch::Sender<Instant>;

enum Over {
    Time(Duration),
    Size,
}

impl Deadline {
    /// Runs `work` until it ends, or cancels it when time or budget are used up.
    pub(super) async fn watch<T>(
        self,
        budget: &Budget,
        progress: &Progress,
        work: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut work = pin!(work);
        let over = {
            let mut steps = progress.subscribe();
            let end = Instant::now() + self.total;
            let mut overspent = pin!(budget.overspent());
            loop {
                let next = *steps.borrow_and_update() + self.each;
                let limit = if next < end { self.each } else { self.total };
                tokio::select! {
                    biased;
                    done = &mut work => return done,
                    () = &mut overspent => break Over::Size,
                    () = sleep_until(next.min(end)) => break Over::Time(limit),
                    // The sender is ours, so this is always a step.
                    _ = steps.changed() => {}
                }
            }
        };
        Lease::cancel(&self.cancellable, &self.canceller).await;
        let last_word = timeout(GRACE, work).await;
        match (last_word, over) {
            (Ok(Ok(done)), _) => Ok(done),
            (Ok(Err(Failure::Database { error, .. })), Over::Time(limit)) if error.is_cancelled() => {
                Err(Failure::TimedOut(limit))
            }
            (Ok(Err(failure)), _) => Err(failure),
            (Err(_), Over::Time(limit)) => Err(Failure::TimedOut(limit)),
            (Err(_), Over::Size) => Err(Failure::ResultTooLarge { limit: budget.limit(), committed: false }),
        }
    }
}
