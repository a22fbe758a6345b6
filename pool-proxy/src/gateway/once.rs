//! Calls that are done once, however often they are sent: what makes one the repetition of another, and how it is run.

pub mod table;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::call::{Answer, CacheStatus, Call, Query, Timing, Work};
use super::execute::Execution;
use super::{Gateway, result_word};
use crate::auth::Principal;
use crate::error::Failure;
use crate::postgres::Param;

/// The key that a client gave a request, and a hash of all that makes it another one than those of its kind.
#[derive(Debug, Clone)]
pub struct Once {
    key: Box<str>,
    request: [u8; 32],
}

impl Once {
    /// `mode` is whatever of the request besides its body decides what is done and how the answer is written.
    pub fn new(key: &str, mode: &[u8], body: &[u8]) -> Self {
        Self { key: key.into(), request: digest(&[Some(mode), Some(body)]) }
    }

    /// The key, as somebody's: two that choose the same do not meet.
    pub(super) fn of(&self, database: &str, principal: &Principal) -> Owned<'_> {
        let restricted = [u8::from(principal.is_restricted()), u8::from(principal.read_only)];
        let scope = digest(&[
            Some(database.as_bytes()),
            Some(principal.name.as_bytes()),
            Some(principal.line.as_bytes()),
            principal.role.as_deref().map(str::as_bytes),
            principal.claims.as_deref().map(str::as_bytes),
            Some(&restricted),
        ]);
        Owned { once: self, scope }
    }
}

/// A key of somebody's, in parameters.
pub(super) struct Owned<'o> {
    once: &'o Once,
    scope: [u8; 32],
}

impl Owned<'_> {
    /// Scope and key.
    pub(super) fn name(&self) -> Vec<Param> {
        vec![Param::Bytes(self.scope.into()), Param::Text(self.once.key.to_string())]
    }

    /// Scope, key and request.
    pub(super) fn whole(&self) -> Vec<Param> {
        let mut params = self.name();
        params.push(Param::Bytes(self.once.request.into()));
        params
    }

    /// Scope, key, request, and the lock that stands for scope and key.
    pub(super) fn claim(&self) -> Vec<Param> {
        let hash = digest(&[Some(&self.scope), Some(self.once.key.as_bytes())]);
        let lock = hash.first_chunk().map_or(0, |bytes| i64::from_le_bytes(*bytes));
        let mut params = self.whole();
        params.push(Param::Text(lock.to_string()));
        params
    }

    /// Scope, key and outcome.
    pub(super) fn outcome(&self, body: &[u8]) -> Vec<Param> {
        let mut params = self.name();
        params.push(Param::Bytes(body.into()));
        params
    }
}

/// A length before each part, so that no two lists of parts give the same hash but by chance.
fn digest(parts: &[Option<&[u8]>]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.map_or(u64::MAX, |part| part.len() as u64).to_le_bytes());
        hash.update(part.unwrap_or_default());
    }
    hash.finalize().into()
}

/// When keys that have expired are deleted: from time to time, where keys are used at all.
#[derive(Debug, Default)]
pub(super) struct Sweeps(Mutex<Option<Instant>>);

impl Sweeps {
    /// Between two of them, unless one has left something.
    const PAUSE: Duration = Duration::from_mins(1);

    /// Whether it is time for one, which whoever asks is to do then.
    fn are_due(&self) -> bool {
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let are_due = last.is_none_or(|last| last.elapsed() >= Self::PAUSE);
        if are_due {
            *last = Some(Instant::now());
        }
        are_due
    }

    /// One has left something.
    pub(super) fn go_on(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Gateway {
    /// Runs a call if none of its key has taken effect, and otherwise gives that one's answer; also says whether it has done
    /// so. What only reads is run each time. Nothing of it is cached.
    ///
    /// # Errors
    /// Why there is no answer; [`Failure::Once`] where that is for the key.
    pub async fn run_once(&self, call: &Call, once: &Once) -> Result<(Answer, bool), Failure> {
        let cache = call.cache.is_some().then(|| CacheStatus::bypass("idempotency-key"));
        let (principal, database) = (&call.principal, &call.database);
        if only_reads(call) {
            return Ok((self.run_uncached(call, cache).await?, false));
        }
        let (lease, queue) = database.lease_for(principal, &call.origin, Instant::now()).await?;
        let since = Instant::now();
        let mut execution = Execution::new(principal, database, lease, since);
        execution.is_for(&call.origin, queue);
        let outcome = loop {
            let outcome = execution.once(once, &call.work).await;
            if !execution.begins_anew(outcome.as_ref().err()).await? {
                break outcome;
            }
        };
        let timing = Timing { queue, database: since.elapsed() };
        database.metrics.query(result_word(&outcome), timing.database);
        let bookmark = execution.bookmark();
        if outcome.is_ok() && database.sweeps.are_due() {
            self.drain.spawn("sweep", async move {
                execution.sweep().await;
                execution.finish().await;
            });
        } else {
            execution.finish().await;
        }
        let told = outcome?;
        let answer = Answer { body: told.body.into(), cache, entry: None, age: None, bookmark, timing };
        Ok((answer, told.is_repeated))
    }
}

/// Whether there is nothing in it that could be done twice.
fn only_reads(call: &Call) -> bool {
    let reads = |query: &Query| {
        let known = call.database.known_verdict(&call.principal, query.judged());
        known.is_some_and(|verdict| verdict.cacheable.is_ok())
    };
    call.principal.read_only
        || match &call.work {
            Work::One(query, _) => reads(query),
            Work::Batch(batch, _) => batch.mode.read_only || batch.queries.iter().all(reads),
            Work::Script(_) => false,
        }
}
