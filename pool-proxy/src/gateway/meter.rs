//! How much each principal may ask: requests in a while, and at a time. Whoever asks more is refused at once, before
//! anything is read or run.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use tokio::time::Instant;

use crate::auth::{Allowance, Principal, Usage};
use crate::error::Failure;

/// The most principals that are remembered; whoever asked longest ago is forgotten first.
const MOST: u64 = 100_000;
/// Longer than any rate's period, so that nobody is forgotten who still has something to wait for.
const IDLE: Duration = Duration::from_hours(2);

/// What was asked of late, by whom. Those without limits are not counted.
#[derive(Debug)]
pub(super) struct Meters(Cache<Arc<str>, Arc<Meter>>);

#[derive(Debug)]
struct Meter {
    allowance: Allowance,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    running: usize,
    /// When the next request would be due if all came evenly spread (the generic cell rate algorithm, ITU-T I.371).
    due: Instant,
}

/// A request that was let in; until dropped it counts as one at a time.
#[derive(Debug)]
#[must_use = "a request counts only while this is held"]
pub struct Admission(Option<Arc<Meter>>, Usage);

impl Drop for Admission {
    fn drop(&mut self) {
        if let Some(meter) = &self.0 {
            meter.used().running -= 1;
        }
        self.1.end();
    }
}

impl Meters {
    pub(super) fn new() -> Self {
        let policy = EvictionPolicy::lru();
        Self(Cache::builder().max_capacity(MOST).time_to_idle(IDLE).eviction_policy(policy).build())
    }

    /// Lets a request in.
    ///
    /// # Errors
    /// [`Failure::TooManyRequests`] if its principal has asked enough for now.
    pub(super) fn admit(&self, principal: &Principal) -> Result<Admission, Failure> {
        let allowance = principal.allowance;
        if allowance.is_unlimited() {
            principal.usage.begin();
            return Ok(Admission(None, principal.usage.clone()));
        }
        let mut meter = self.0.get_with_by_ref(&principal.line, || Arc::new(Meter::new(allowance)));
        if meter.allowance != allowance {
            // The configuration was reloaded.
            meter = Arc::new(Meter::new(allowance));
            self.0.insert(Arc::clone(&principal.line), Arc::clone(&meter));
        }
        meter.admit(Instant::now()).inspect_err(|_| principal.usage.refuse())?;
        principal.usage.begin();
        Ok(Admission(Some(meter), principal.usage.clone()))
    }
}

impl Meter {
    fn new(allowance: Allowance) -> Self {
        Self { allowance, used: Mutex::new(Used { running: 0, due: Instant::now() }) }
    }

    fn used(&self) -> MutexGuard<'_, Used> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn admit(&self, now: Instant) -> Result<(), Failure> {
        let mut used = self.used();
        if self.allowance.concurrency.is_some_and(|most| used.running >= most.get()) {
            let reason = "this key has as many requests under way as it may";
            return Err(Failure::TooManyRequests { reason, retry_after: Duration::from_secs(1) });
        }
        if let Some(rate) = self.allowance.rate {
            let due = used.due.max(now) + rate.period / rate.requests.get();
            let early = due.saturating_duration_since(now + rate.period);
            if !early.is_zero() {
                let reason = "this key has sent as many requests as it may for now";
                return Err(Failure::TooManyRequests { reason, retry_after: early });
            }
            used.due = due;
        }
        used.running += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
