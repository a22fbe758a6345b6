//! The one path that every client query takes: admit, look into the cache, lease, run, store, answer.
//!
//! It knows no dialect: a door hands in a [`Call`] with a [`Format`](call::Format) to write the answer with.

pub mod admit;
mod cached;
pub mod call;
mod database;
mod deadline;
mod execute;
mod hit;
mod identity;
mod judge;
mod keeping;
mod kept;
pub mod limits;
mod meter;
pub mod once;
mod outcome;
mod send;
pub mod session;
mod shared;
mod spans;
pub mod statistics;
mod tally;
pub mod transactions;
mod verdicts;
mod witness;

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

pub use call::{Answer, Call};
pub use database::Database;
pub use keeping::Keeping;
pub use limits::Limits;
pub use meter::Admission;
pub use once::Once;

use crate::auth::Principal;
use crate::cache::{Flights, Shelf, Tags};
use crate::drain::Drain;
use crate::error::Failure;
use crate::statement::{Refusal, Verdict};
use call::{CacheStatus, Timing, Work};
use execute::Execution;
use meter::Meters;
use session::{Purpose, Session};
use shared::Begun;
use statistics::Statement;
use transactions::{Instance, Transactions};

/// A body over this, in bytes, has grown by doubling, and may wait long for its client to read it.
const LARGE: usize = 16 << 10;

/// Runs the calls of all doors.
pub struct Gateway {
    databases: BTreeMap<Arc<str>, Arc<Database>>,
    shelf: Shelf,
    flights: Flights<cached::Landed>,
    meters: Meters,
    /// Those that stay open between their client's requests.
    pub transactions: Transactions,
    drain: Drain,
}

impl Gateway {
    /// For these databases, with a cache of so many bytes, as this instance of the proxy.
    pub fn new(databases: Vec<Database>, cache_bytes: u64, instance: Instance, drain: Drain) -> Self {
        let databases = databases.into_iter().map(|database| (Arc::clone(&database.name), Arc::new(database)));
        Self {
            databases: databases.collect(),
            shelf: Shelf::new(cache_bytes),
            flights: Flights::new(drain.clone()),
            meters: Meters::new(),
            transactions: Transactions::new(instance, drain.clone()),
            drain,
        }
    }

    /// All databases, by name.
    pub fn databases(&self) -> impl Iterator<Item = &Arc<Database>> {
        self.databases.values()
    }

    /// The cache.
    pub fn shelf(&self) -> &Shelf {
        &self.shelf
    }

    /// What the databases were asked, and what that has cost, in no order.
    pub fn statements(&self) -> Vec<Statement> {
        let cacheable = |database: &Database, verdict: &Verdict| match &database.keeping {
            _ if !self.shelf.is_on() => Err("off"),
            Some(keeping) => keeping.may_keep(verdict),
            None => verdict.cacheable.map_err(Refusal::as_str),
        };
        let of =
            |database: &Arc<Database>| database.statements.list(&database.name, |verdict| cacheable(database, verdict));
        self.databases().flat_map(of).collect()
    }

    /// How many statements had to make room for others.
    pub fn statements_evicted(&self) -> u64 {
        self.databases().map(|database| database.statements.evicted()).sum()
    }

    /// What statements have cost begins at zero.
    pub fn reset_statements(&self) {
        self.databases().for_each(|database| database.statements.reset());
    }

    /// Lets a request in, before anything of it is read; what comes back is held until it is answered.
    ///
    /// # Errors
    /// [`Failure::TooManyRequests`] if its principal has asked enough for now.
    pub fn admit(&self, principal: &Principal) -> Result<Admission, Failure> {
        self.meters.admit(principal)
    }

    /// The database a request is for: the one it names, else the principal's only one, else `default`.
    ///
    /// # Errors
    /// [`Failure::UnknownDatabase`], or [`Failure::Forbidden`] for one that is not the principal's.
    pub fn database(&self, principal: &Principal, named: Option<&str>) -> Result<&Arc<Database>, Failure> {
        let name = named.or_else(|| principal.databases.single().map(AsRef::as_ref)).unwrap_or("default");
        let Some(database) = self.databases.get(name) else {
            return Err(Failure::UnknownDatabase(name.to_owned()));
        };
        if principal.databases.contain(name) {
            Ok(database)
        } else {
            Err(Failure::Forbidden(format!("this key may not use the database \"{name}\"")))
        }
    }

    /// Drops cached answers of a database. When it returns they are gone here; at other proxies that follow its changes, as
    /// soon as they hear of it.
    ///
    /// # Errors
    /// When others cannot be told. Here they are gone all the same.
    pub async fn invalidate(&self, principal: &Principal, database: &Database, what: &Tags) -> Result<(), Failure> {
        self.shelf.invalidate(&database.name, what);
        match &database.keeping {
            Some(keeping) if keeping.has_followed() => keeping.tell_others(principal, database, what).await,
            _ => Ok(()),
        }
    }

    /// An answer's body as `pack` makes it; where an entry holds the answer, it holds this too, and makes it once however
    /// many ask.
    pub async fn packed<F>(&self, answer: &Answer, pack: impl FnOnce(Bytes) -> F) -> Option<Bytes>
    where
        F: Future<Output = Option<Bytes>>,
    {
        let Some(entry) = &answer.entry else { return pack(answer.body.clone()).await };
        if let Some(packed) = entry.packed.get() {
            return packed.clone();
        }
        let packed = entry.packed.get_or_init(|| pack(answer.body.clone())).await.clone();
        self.shelf.weigh_again(entry);
        packed
    }

    /// Runs a call.
    ///
    /// # Errors
    /// Why there is no answer.
    // No async function, which would hold the call twice.
    pub fn run(self: &Arc<Self>, call: Call) -> impl Future<Output = Result<Answer, Failure>> + Send {
        let is_kept = self.shelf.is_on() && !matches!(call.work, Work::Batch(..));
        async move {
            let answer = match &call.cache {
                Some(cache) if is_kept => {
                    let cache = cache.clone();
                    // Boxed, so that what is not to be kept does not carry its size; and so below.
                    Box::pin(cached::run(self, Arc::new(call), cache)).await
                }
                wish => {
                    let why_not = if self.shelf.is_on() { "batch" } else { "off" };
                    let bypass = wish.as_ref().map(|_| CacheStatus::bypass(why_not));
                    self.run_uncached(&call, bypass).await
                }
            };
            if let Ok(Answer { cache: Some(status), .. }) = &answer {
                tracing::trace!(?status, "cache");
            }
            answer
        }
    }

    async fn run_uncached(&self, call: &Call, cache: Option<CacheStatus>) -> Result<Answer, Failure> {
        let database = &call.database;
        if let Some(CacheStatus::Forward { .. }) = cache {
            database.metrics.cache_request("bypass");
        }
        if let Work::Batch(batch, format) = &call.work
            && batch.queries.is_empty()
        {
            // A transaction of nothing, as clients that build theirs at run time send it.
            return Ok(Answer {
                body: format.finish(vec![]).into(),
                cache,
                entry: None,
                age: None,
                bookmark: None,
                timing: Timing::default(),
            });
        }
        let asked = Instant::now();
        let (lease, queue) = match shared::read_of(call) {
            // Boxed: where a connection is free, no call comes here.
            Some(read) => match Box::pin(shared::run(call, read, cache, asked)).await? {
                Begun::Answered(answer) => return Ok(answer),
                Begun::Leased(lease, queue) => (lease, queue),
            },
            None => database.lease_for(&call.principal, &call.origin, asked).await?,
        };
        let since = asked + queue;
        let (outcome, bookmark) = match &call.work {
            Work::Script(script) => {
                let mut session = Session::new(&call.principal, database, lease, Purpose::Answer);
                let limit = database.limits().transaction;
                session.end_by(limit, since + limit);
                session.is_for(&call.origin, queue);
                let outcome = Box::pin(session.script(&**script)).await;
                let bookmark = session.bookmark();
                session.close(&self.drain).await;
                (outcome, bookmark)
            }
            work => {
                let mut execution = Execution::new(&call.principal, database, lease, since);
                execution.is_for(&call.origin, queue);
                if matches!(work, Work::One(..)) && shared::may_be(call) {
                    execution.may_share();
                }
                let outcome = run_on(&mut execution, work).await;
                execution.note_read(since.elapsed(), &outcome);
                let bookmark = execution.bookmark();
                execution.finish().await;
                (outcome, bookmark)
            }
        };
        let timing = Timing { queue, database: since.elapsed() };
        database.metrics.query(result_word(&outcome), timing.database);
        let mut body = outcome?;
        if body.len() > LARGE {
            body.shrink_to_fit();
        }
        Ok(Answer { body: body.into(), cache, entry: None, age: None, bookmark, timing })
    }
}

/// Runs one statement or a batch, on another connection if this one has ended unnoticed.
async fn run_on(execution: &mut Execution, work: &Work) -> Result<Vec<u8>, Failure> {
    loop {
        let outcome = match work {
            Work::One(query, format) => execution.one(query, false, format).await.map(|sink| format.finish(vec![sink])),
            Work::Batch(batch, format) => {
                Box::pin(execution.batch(&batch.queries, batch.mode, format)).await.map(|sinks| format.finish(sinks))
            }
            Work::Script(_) => return Err(Failure::Internal),
        };
        if !execution.begins_anew(outcome.as_ref().err()).await? {
            return outcome;
        }
    }
}

fn result_word<T>(outcome: &Result<T, Failure>) -> &'static str {
    match outcome {
        Ok(_) => "ok",
        Err(Failure::TimedOut(_)) => "timeout",
        Err(Failure::ResultTooLarge { .. }) => "too_large",
        Err(Failure::OutcomeUnknown) => "lost",
        Err(Failure::Unavailable { .. }) => "unavailable",
        Err(Failure::Forbidden(_)) => "forbidden",
        Err(_) => "refused",
    }
}
