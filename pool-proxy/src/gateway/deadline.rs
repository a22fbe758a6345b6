//! Ending what takes too long or grows too large, by a cancel in Postgres; its last word decides.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::call::Budget;
use crate::error::Failure;
use crate::pool::Fate;
use crate::postgres::cancel::Canceller;

/// How long a cancelled query may take to say so, if its time is up.
const GRACE: Duration = Duration::from_secs(5);

/// How long until a cancel that had no effect is sent again, at first.
const AGAIN: Duration = Duration::from_millis(500);

/// When a call has to end.
pub(super) struct Deadline {
    /// When the first of them begins.
    pub(super) begun: Instant,
    /// For each statement.
    pub(super) each: Duration,
    /// For all of them.
    pub(super) total: Duration,
    /// When that is over, where it began before them.
    pub(super) ends: Option<Instant>,
    /// What ends the statement under way.
    pub(super) canceller: Arc<Canceller>,
    /// Whether it may be cancelled now.
    pub(super) fate: Arc<Fate>,
}

/// How far a call has come.
#[derive(Debug)]
pub(super) struct Progress {
    times: Mutex<Times>,
    /// Whether any was sent.
    sent: AtomicBool,
    /// Whether time or budget were used up.
    over: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    /// When all of it began.
    begun: Instant,
    /// When the statement under way did.
    since: Instant,
}

impl Times {
    fn at(now: Instant) -> Self {
        Self { begun: now, since: now }
    }
}

impl Progress {
    pub(super) fn new(now: Instant) -> Self {
        Self { times: Mutex::new(Times::at(now)), sent: AtomicBool::new(false), over: AtomicBool::new(false) }
    }

    /// The call begins anew: nothing was sent.
    pub(super) fn renew(&self) {
        self.begin();
        self.sent.store(false, Ordering::Release);
        self.over.store(false, Ordering::Release);
    }

    /// One statement has ended, and the next one's time begins.
    pub(super) fn step(&self) {
        self.times().since = Instant::now();
    }

    /// What stands before the statements is done, such as finding out what they are: their own time begins, now.
    pub(super) fn begin(&self) -> Instant {
        let now = Instant::now();
        self.begin_at(now);
        now
    }

    fn begin_at(&self, now: Instant) {
        *self.times() = Times::at(now);
    }

    /// A statement is on its way: from now on only Postgres knows what becomes of it.
    pub(super) fn sent(&self) {
        self.sent.store(true, Ordering::Release);
    }

    fn was_sent(&self) -> bool {
        self.sent.load(Ordering::Acquire)
    }

    fn times(&self) -> MutexGuard<'_, Times> {
        self.times.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the call was given up here, whatever became of its connection.
    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }
}

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
        mut work: Pin<&mut impl Future<Output = Result<T, Failure>>>,
    ) -> Result<T, Failure> {
        let begun = self.begun;
        progress.begin_at(begun);
        let end = |begun| self.ends.unwrap_or(begun + self.total);
        let mut timer = pin!(sleep_until(end(begun).min(begun + self.each)));
        let over = poll_fn(|cx| {
            if let Poll::Ready(done) = work.as_mut().poll(cx) {
                return Poll::Ready(Ok(done));
            }
            // The budget is spent by the work itself, so it is enough to look after each of its steps.
            if budget.is_overspent() {
                return Poll::Ready(Err(Over::Size));
            }
            while timer.as_mut().poll(cx).is_ready() {
                let Times { begun, since } = *progress.times();
                let (end, next) = (end(begun), since + self.each);
                if timer.deadline() >= end {
                    return Poll::Ready(Err(Over::Time(self.total)));
                }
                if timer.deadline() >= next {
                    return Poll::Ready(Err(Over::Time(self.each)));
                }
                // A statement has ended since the timer was set.
                timer.as_mut().reset(next.min(end));
            }
            Poll::Pending
        });
        let over = match over.await {
            Ok(done) => return done,
            Err(over) => over,
        };
        progress.over.store(true, Ordering::Release);
        let grace = Instant::now() + GRACE;
        let patience = match over {
            Over::Time(_) => grace,
            // Postgres hears a cancel only between rows, and one that is sent already may take long to come in.
            Over::Size => grace.max(end(progress.times().begun)),
        };
        // Boxed: most calls never come here.
        let last_word = Box::pin(self.last_word(work, patience)).await;
        match (last_word, over) {
            (Some(Ok(done)), _) => Ok(done),
            (Some(Err(Failure::Database { error, .. })), Over::Time(limit)) if error.is_cancelled() => {
                Err(Failure::TimedOut(limit))
            }
            // Whether the cancel came in time, nobody knows.
            (None, _) if progress.was_sent() => Err(Failure::OutcomeUnknown),
            // No answer, or it did not even come to be run.
            (None | Some(Err(Failure::Unavailable { .. })), Over::Time(limit)) => Err(Failure::TimedOut(limit)),
            (None | Some(Err(Failure::Unavailable { .. })), Over::Size) => {
                Err(Failure::ResultTooLarge { limit: budget.limit(), committed: false })
            }
            (Some(Err(failure)), _) => Err(failure),
        }
    }

    /// Cancels the work, and what it then comes to, if it does before `patience` ends; `None` if nobody knows.
    async fn last_word<T>(&self, mut work: Pin<&mut impl Future<Output = T>>, patience: Instant) -> Option<T> {
        // A cancel that hits what stands before the statements would let them run outside of it: it waits until that is
        // acknowledged, and it is the work that sees it acknowledged.
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            () = self.fate.cancellable() => {}
            () = sleep(GRACE) => return None,
        }
        let mut again = AGAIN;
        let last_word = loop {
            let mut cancel = pin!(self.fate.cancel(&self.canceller));
            let cancelled = tokio::select! {
                biased;
                done = &mut work => {
                    // Once it is on its way it must not be left alone.
                    cancel.await;
                    return Some(done);
                }
                cancelled = &mut cancel => cancelled,
            };
            if !cancelled {
                // The server is out of reach, and so will be what it has to say.
                return None;
            }
            let next = Instant::now() + again;
            let last_word = timeout_at(next.min(patience), work.as_mut()).await.ok();
            if last_word.is_some() || next >= patience {
                break last_word;
            }
            // It may have come before what it was to cancel; or the answer takes long to come in.
            again *= 2;
        };
        if last_word.is_none() {
            self.fate.spoil();
        }
        last_word
    }
}
