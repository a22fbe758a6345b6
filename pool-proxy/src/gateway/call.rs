//! What a door asks of the gateway, and what it gets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;

use super::Database;
use super::session::Script;
use super::transactions::Done;
use crate::auth::Principal;
use crate::cache::{Entry, Key, TagSet};
use crate::postgres::{Lsn, Param, QueryError, RowSink};
use crate::telemetry::trace::Recording;

/// One query of a client, whatever dialect it came in.
pub struct Call {
    /// Who asks.
    pub principal: Arc<Principal>,
    /// Where.
    pub database: Arc<Database>,
    /// What.
    pub work: Work,
    /// What the client wants of the cache, if it said so.
    pub cache: Option<CacheRequest>,
    /// Which request it is.
    pub origin: Origin,
}

/// Which request something was done for, as logs tell it.
#[derive(Debug, Clone, Default)]
pub struct Origin {
    /// The request's id.
    pub request_id: Arc<str>,
    /// The trace it belongs to, if it names one.
    pub trace_id: Option<Arc<str>>,
    /// Where it is recorded, if it is.
    pub recording: Option<Arc<Recording>>,
}

/// A statement and its parameters.
#[derive(Debug)]
pub struct Query {
    /// The SQL, exactly one statement.
    pub text: Arc<str>,
    /// `$1`, `$2`, ...
    pub params: Vec<Param>,
    /// The statement that stands for it where it is asked what it is: the same but for how many values its lists have, and for
    /// a comment behind it. `None` if that is itself.
    pub pattern: Option<Arc<str>>,
}

impl Query {
    /// The statement by which it is judged.
    pub(super) fn judged(&self) -> &Arc<str> {
        self.pattern.as_ref().unwrap_or(&self.text)
    }
}

/// What is to be run, and how the answer is written.
pub enum Work {
    /// One statement.
    One(Query, Arc<dyn Format>),
    /// Several in one transaction, all or nothing.
    Batch(Batch, Arc<dyn Format>),
    /// Several of which each may depend on what came before it. It writes its answer itself.
    Script(Arc<dyn Script>),
}

/// Several statements in one transaction.
#[derive(Debug)]
pub struct Batch {
    /// In this order.
    pub queries: Vec<Query>,
    /// How the transaction begins.
    pub mode: Mode,
}

/// How a transaction begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Mode {
    /// Its isolation, or the database's own.
    pub isolation: Option<Isolation>,
    /// READ ONLY.
    pub read_only: bool,
    /// DEFERRABLE.
    pub deferrable: bool,
}

impl Mode {
    /// The command.
    pub fn begin(self) -> String {
        let mut sql = "BEGIN".to_owned();
        if let Some(isolation) = self.isolation {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(isolation.as_sql());
        }
        if self.read_only {
            sql.push_str(" READ ONLY");
        }
        if self.deferrable {
            sql.push_str(" DEFERRABLE");
        }
        sql
    }
}

/// <https://www.postgresql.org/docs/current/transaction-iso.html>
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Isolation {
    /// READ UNCOMMITTED, which Postgres runs as READ COMMITTED.
    ReadUncommitted,
    /// READ COMMITTED.
    ReadCommitted,
    /// REPEATABLE READ.
    RepeatableRead,
    /// SERIALIZABLE.
    Serializable,
}

impl Isolation {
    /// The words of the BEGIN command.
    pub fn as_sql(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "READ UNCOMMITTED",
            Self::ReadCommitted => "READ COMMITTED",
            Self::RepeatableRead => "REPEATABLE READ",
            Self::Serializable => "SERIALIZABLE",
        }
    }
}

/// What a client wants of the cache.
#[derive(Debug, Clone)]
pub struct CacheRequest {
    /// What the answer depends on.
    pub key: Key,
    /// How old an answer may be.
    pub max_age: Duration,
    /// How much older it may be while another is fetched.
    pub stale_while_revalidate: Duration,
    /// Whether an answer may be taken and stored.
    pub mode: CacheMode,
    /// The client's labels.
    pub tags: TagSet,
    /// A place in the database's log: the client knows of what lies before it.
    pub bookmark: Option<Lsn>,
}

/// Whether an answer may be taken from the cache and stored there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheMode {
    /// Both.
    Use,
    /// `no-cache`: run it, store it.
    Refresh,
    /// `no-store`: neither.
    Bypass,
    /// The client has not said anything: both, as long as the answer is true.
    Auto,
}

/// What became of the request at the cache (RFC 9211).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheStatus {
    /// Answered from the cache; `ttl` seconds are left, negative when it was stale. None where it is kept until it changes.
    Hit {
        /// Seconds.
        ttl: Option<i64>,
    },
    /// Run by Postgres.
    Forward {
        /// Why.
        reason: Forward,
        /// Whether the answer was stored.
        stored: bool,
        /// Whether another request in flight got it.
        collapsed: bool,
        /// More about why.
        detail: Option<&'static str>,
    },
}

/// Why a request went to Postgres: the values of RFC 9211's `fwd`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forward {
    /// Nothing was stored for it.
    Miss,
    /// What was stored is too old.
    Stale,
    /// The request wanted it so.
    Request,
    /// It cannot be cached.
    Bypass,
}

impl CacheStatus {
    /// Whether another request in flight got the answer.
    pub fn is_collapsed(&self) -> bool {
        matches!(self, Self::Forward { collapsed: true, .. })
    }

    /// Cannot be cached, for this reason.
    pub fn bypass(detail: &'static str) -> Self {
        Self::Forward { reason: Forward::Bypass, stored: false, collapsed: false, detail: Some(detail) }
    }
}

/// A finished answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The body, written by the door's [`Format`].
    pub body: Bytes,
    /// What became of it at the cache; `None` when the client did not ask for caching.
    pub cache: Option<CacheStatus>,
    /// The entry that holds it, if one does.
    pub entry: Option<Arc<Entry>>,
    /// How old it is, when it comes from the cache.
    pub age: Option<Duration>,
    /// A place in the database's log that it covers: with it, nothing older is given.
    pub bookmark: Option<Lsn>,
    /// What took how long.
    pub timing: Timing,
}

impl From<Done> for Answer {
    /// Nobody but its client has it.
    fn from(Done { body, bookmark }: Done) -> Self {
        Self { body, cache: None, entry: None, age: None, bookmark, timing: Timing::default() }
    }
}

/// What took how long.
#[derive(Debug, Clone, Copy, Default)]
pub struct Timing {
    /// Waiting for a connection.
    pub queue: Duration,
    /// In Postgres.
    pub database: Duration,
}

/// Makes the places where results go.
pub trait Sinks: Send + Sync {
    /// Such a place.
    type Sink: RowSink;

    /// A place for the result of one query, by its index. What is written is charged to the budget. A statement that has
    /// to be run again gets a new one.
    fn sink(&self, query: usize, budget: Budget) -> Self::Sink;
}

/// How a door writes results. Implemented by doors; the gateway hands the rows on as they come in.
pub trait Format: Send + Sync {
    /// A place for the result of one query of the call, by its index. What is written is charged to the budget.
    fn sink(&self, query: usize, budget: Budget) -> Box<dyn ResultSink>;

    /// The body, from all results in order.
    fn finish(&self, results: Vec<Box<dyn ResultSink>>) -> Vec<u8>;
}

impl Sinks for Arc<dyn Format + '_> {
    type Sink = Box<dyn ResultSink>;

    fn sink(&self, query: usize, budget: Budget) -> Self::Sink {
        (**self).sink(query, budget)
    }
}

/// Where one result is written.
pub trait ResultSink: RowSink {
    /// What was written.
    fn into_bytes(self: Box<Self>) -> Vec<u8>;
}

/// How much an answer may still take. Shared by all results of a call, unless they take their own [part](Self::part).
#[derive(Debug, Clone)]
pub struct Budget(Arc<Spent>);

#[derive(Debug)]
struct Spent {
    limit: u64,
    bytes: AtomicU64,
    /// What this is a part of.
    whole: Option<Budget>,
}

impl Budget {
    /// Of so many bytes.
    pub fn new(limit: u64) -> Self {
        Self(Arc::new(Spent { limit, bytes: AtomicU64::new(0), whole: None }))
    }

    /// As many bytes for one result alone. Where that takes more, all of the call has.
    #[must_use]
    pub fn part(&self) -> Self {
        Self(Arc::new(Spent { limit: self.0.limit, bytes: AtomicU64::new(0), whole: Some(self.clone()) }))
    }

    /// Takes bytes out of it.
    ///
    /// # Errors
    /// [`QueryError::Full`] when they are not there; then the query is cancelled.
    pub fn spend(&self, bytes: usize) -> Result<(), QueryError> {
        let spent = self.0.bytes.fetch_add(bytes as u64, Ordering::Relaxed) + bytes as u64;
        if spent <= self.0.limit {
            return Ok(());
        }
        Err(self.overspend())
    }

    /// Takes more than there is.
    pub fn overspend(&self) -> QueryError {
        self.0.bytes.store(self.0.limit.saturating_add(1), Ordering::Relaxed);
        if let Some(whole) = &self.0.whole {
            whole.overspend();
        }
        QueryError::Full { limit: self.0.limit, completed: false }
    }

    /// The limit, in bytes.
    pub fn limit(&self) -> u64 {
        self.0.limit
    }

    /// Whether more was taken than there was.
    pub fn is_overspent(&self) -> bool {
        self.0.bytes.load(Ordering::Relaxed) > self.0.limit
    }
}
