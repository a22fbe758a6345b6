//! Transactions that stay open between their client's requests: each is a session that waits for the next step.

mod held;
mod id;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use foldhash::quality::FixedState;
use lru::LruCache;
use tokio::time::Instant;

pub use id::Instance;

use super::Database;
use super::call::{Format, Mode, Origin, Query};
use super::session::{Purpose, Script, Session};
use super::spans;
use crate::auth::Principal;
use crate::drain::Drain;
use crate::error::{Ending, Failure, TransactionError};
use crate::postgres::{Lsn, Settings};
use held::Held;

/// Of so many that have ended it is remembered how, for clients that ask once more.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1000).unwrap();

/// How a transaction is to begin.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// Its isolation and rights.
    pub mode: Mode,
    /// How long to wait for a connection.
    pub max_wait: Duration,
    /// When it is rolled back if it has not ended by then; the database's own limit may be shorter.
    pub timeout: Duration,
    /// The settings that most of its steps will run with.
    pub settings: Settings,
    /// Which request begins it.
    pub origin: Origin,
}

/// What is done in an open transaction.
#[derive(Clone)]
pub enum Step {
    /// One statement, and how its result is written; for which request.
    Query(Arc<Query>, Arc<dyn Format>, Origin),
    /// A door's script; for which request.
    Script(Arc<dyn Script>, Origin),
    /// A savepoint: until it is committed or rolled back these two concern what was done since.
    Nested,
    /// The end of what was begun last; for which request.
    Commit(Origin),
    /// The end of what was begun last, undone; for which request.
    RollBack(Origin),
}

impl Step {
    /// What clients call it.
    fn word(&self) -> &'static str {
        match self {
            Self::Query(..) | Self::Script(..) => "query",
            Self::Nested => "start",
            Self::Commit(_) => "commit",
            Self::RollBack(_) => "rollback",
        }
    }
}

/// What a step came to.
#[derive(Debug, Clone)]
pub struct Done {
    /// The answer's body; of an end, the statement that made it.
    pub body: Bytes,
    /// A place in the log that what was committed lies before, if it was and that is known.
    pub bookmark: Option<Lsn>,
}

/// The number of a step, from 1 on, and a hash of all that makes it another one than those of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbered {
    number: u64,
    print: u64,
}

impl Numbered {
    /// Of a step that was asked for by `request`.
    pub fn new(number: u64, request: impl Hash) -> Self {
        Self { number, print: FixedState::default().hash_one(request) }
    }
}

/// All that are open. Cheap to clone.
#[derive(Clone)]
pub struct Transactions {
    instance: Instance,
    known: Arc<Mutex<Known>>,
    drain: Drain,
}

struct Known {
    open: HashMap<Arc<str>, Arc<Held>>,
    ended: LruCache<Arc<str>, Arc<Held>>,
}

impl Transactions {
    /// Of this instance of the proxy; what ends them are tasks of `drain`.
    pub fn new(instance: Instance, drain: Drain) -> Self {
        let known = Known { open: HashMap::new(), ended: LruCache::new(REMEMBERED) };
        Self { instance, known: Arc::new(Mutex::new(known)), drain }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens one; what comes back names it. Nobody but its principal can use it, whoever learns the name.
    ///
    /// # Errors
    /// [`TransactionError::NotStarted`] when no connection came free in time, or why there is none.
    pub async fn begin(
        &self,
        principal: &Arc<Principal>,
        database: &Arc<Database>,
        beginning: Beginning,
    ) -> Result<Arc<str>, Failure> {
        let since = Instant::now();
        let not_started = || Failure::Transaction(TransactionError::NotStarted);
        let place = database.place(beginning.max_wait).await.ok_or_else(not_started)?;
        let left = || beginning.max_wait.saturating_sub(since.elapsed());
        let waits = Instant::now();
        let leased = database.lease_within(principal, left()).await;
        spans::waited(&beginning.origin, waits, &leased);
        let lease = match leased {
            Ok((lease, _)) => lease,
            // It has waited for as long as it may.
            Err(Failure::Unavailable { .. }) if left().is_zero() => return Err(not_started()),
            Err(failure) => return Err(failure),
        };
        let timeout = beginning.timeout.min(database.limits().transaction);
        let deadline = Instant::now() + timeout;
        let mut session = Session::new(principal, database, lease, Purpose::Answer);
        session.use_settings(beginning.settings);
        session.end_by(timeout, deadline);
        session.take_place(place);
        if let Err(failure) = session.open(beginning.mode).await {
            session.close(&self.drain).await;
            return Err(failure);
        }
        let id = self.instance.id();
        let owner = (Arc::clone(principal), Arc::clone(&database.name));
        let held = Arc::new(Held::new(Arc::clone(&id), owner, (timeout, deadline), session, self.drain.clone()));
        self.known().open.insert(Arc::clone(&id), Arc::clone(&held));
        self.expire(held);
        Ok(id)
    }

    /// Ends a transaction when its time is over, or when the process is about to end.
    fn expire(&self, held: Arc<Held>) {
        let all = self.clone();
        self.drain.spawn("transaction", async move {
            let ending = tokio::select! {
                () = held.ended() => None,
                () = tokio::time::sleep_until(held.deadline) => Some(Ending::Expired),
                () = all.drain.stopped() => Some(Ending::RolledBack),
            };
            if let Some(ending) = ending {
                held.end(ending).await;
            }
            let mut known = all.known();
            known.open.remove(&held.id);
            known.ended.put(Arc::clone(&held.id), held);
        });
    }

    /// Does a step of an open transaction. One with a number is done once, however often it comes: once begun it goes on
    /// when its client leaves, and a repetition of the last one gets the same answer.
    ///
    /// # Errors
    /// Why it was not done.
    pub async fn step(
        &self,
        principal: &Principal,
        database: &Database,
        id: &str,
        step: Step,
        number: Option<Numbered>,
    ) -> Result<Done, Failure> {
        self.find(principal, database, id)?.step(step, number).await
    }

    fn find(&self, principal: &Principal, database: &Database, id: &str) -> Result<Arc<Held>, Failure> {
        let known = self.known();
        let held = known.open.get(id).or_else(|| known.ended.peek(id));
        let own = held.filter(|held| held.belongs_to(principal, &database.name));
        own.cloned().ok_or_else(|| {
            let elsewhere = self.instance.elsewhere(id).map(|instance| TransactionError::Elsewhere { instance });
            Failure::Transaction(elsewhere.unwrap_or(TransactionError::NotFound))
        })
    }
}
