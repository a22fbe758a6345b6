//! The warm connections to one database: never more than the cap, and none that remembers a request.
//!
//! Calls hardly wait here: the gateway admits no more of them than there may be connections. But there may be fewer for a
//! while: the server is full, or one that was given up is still closing. deadpool keeps the connections; its slot is
//! freed when a connection is given up, so the cap is a permit of our own that a connection holds until the server has
//! closed it.

mod dial;
mod hygiene;
mod lease;
mod manager;
mod outlook;
mod room;
mod share;
mod warm;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, Object, PoolError, QueueMode, Timeouts};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

pub use lease::{Fate, Lease};
pub use share::{Seat, Share};

use crate::drain::Drain;
use crate::error::Failure;
use crate::postgres::{Schema, Target};
use crate::telemetry::DatabaseMetrics;
use crate::telemetry::metrics::PoolGauges;
use dial::Dialer;
use manager::Manager;
use outlook::{Outlook, SHORTLY, Waiter};

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// The most connections to the database at any moment, at least 1.
    pub max: usize,
    /// The most that may be held by transactions that are open between their client's requests; at least 1.
    pub transactions: usize,
    /// How many are kept open also when nobody asks.
    pub min_idle: usize,
    /// Whether light reads of several clients may go through one connection where none is free.
    pub shared_reads: bool,
    /// How old one may become; each gets somewhat less, so that they do not all end together.
    pub max_lifetime: Duration,
    /// How long one may be idle if there are more than `min_idle`.
    pub idle_timeout: Duration,
}

impl Default for PoolConfig {
    fn default() -> Self {
        let (max_lifetime, idle_timeout) = (Duration::from_mins(30), Duration::from_mins(1));
        Self {
            max: 10,
            transactions: Self::most_transactions(10),
            min_idle: 2,
            shared_reads: true,
            max_lifetime,
            idle_timeout,
        }
    }
}

impl PoolConfig {
    /// Unless it is said otherwise, four out of five: the fifth is for everybody else.
    pub fn most_transactions(max: usize) -> usize {
        (max - max.div_ceil(5).min(max)).max(1)
    }
}

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    config: PoolConfig,
    schema: Schema,
    connections: managed::Pool<Manager>,
    dialer: Dialer,
    /// Held by whoever is next to get a connection.
    line: Mutex<()>,
    drain: Drain,
    metrics: Arc<DatabaseMetrics>,
}

impl Pool {
    /// A pool without connections; [`keep_warm`](Self::keep_warm) opens the first.
    ///
    /// # Errors
    /// When deadpool refuses the configuration.
    pub fn new(
        name: Arc<str>,
        target: Target,
        config: PoolConfig,
        drain: Drain,
        metrics: Arc<DatabaseMetrics>,
    ) -> Result<Self, managed::BuildError> {
        let schema = target.schema().clone();
        let dialer = Dialer::new(name, target, config, drain.clone(), Arc::clone(&metrics));
        let connections = managed::Pool::builder(Manager::new(dialer.clone()))
            .max_size(config.max)
            .queue_mode(QueueMode::Lifo)
            .build()?;
        let line = Mutex::new(());
        Ok(Self(Arc::new(Inner { config, schema, connections, dialer, line, drain, metrics })))
    }

    /// Takes a connection, or opens one. While the server is full (SQLSTATE 53300), or one of ours is still closing, it
    /// waits for its turn; whoever came first is served first.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when none can be had within `patience`, or at once while the server is known to be down;
    /// nothing was run then. Patience is asked for only where it is needed.
    pub async fn checkout(&self, patience: impl FnOnce() -> Duration) -> Result<Lease, Failure> {
        if self.0.dialer.waiting() == 0
            && let Some(server) = self.take().await?
        {
            return Ok(Lease::new(self.clone(), server));
        }
        // Boxed: most calls never come here.
        let server = Box::pin(self.wait(Instant::now() + patience())).await?;
        Ok(Lease::new(self.clone(), server))
    }

    /// One that is there.
    async fn take(&self) -> Result<Option<Object<Manager>>, Failure> {
        let at_once = Timeouts { wait: Some(Duration::ZERO), create: None, recycle: None };
        match self.0.connections.timeout_get(&at_once).await {
            Ok(server) => Ok(Some(server)),
            Err(PoolError::Closed) => Err(Failure::unavailable("the proxy is shutting down")),
            Err(_) => Ok(None),
        }
    }

    /// Waits for one that comes back or is opened, behind those who wait already.
    async fn wait(&self, deadline: Instant) -> Result<Object<Manager>, Failure> {
        let dialer = &self.0.dialer;
        let _waiting = dialer.wait();
        let mut waiter = Waiter { deadline, shortly: deadline.min(Instant::now() + SHORTLY), probes: false };
        let mut place = pin!(self.0.line.lock());
        // Only the first in the line takes what comes.
        let mut head = None;
        loop {
            let outlook = dialer.want(dialer.waiting());
            waiter.probes |= matches!(outlook, Outlook::Coming { probe: true });
            let others = self.0.connections.status().size > 0;
            let Some(until) = outlook.until(&waiter, Instant::now(), others) else { return Err(late(&outlook)) };
            if head.is_some() {
                let _ = timeout_at(until, dialer.news()).await;
            } else {
                head = timeout_at(until, place.as_mut()).await.ok();
            }
            // A connection that is just being asked for a sign of life may take a moment.
            if head.is_some()
                && let Ok(taken) = timeout_at(deadline, self.take()).await
                && let Some(server) = taken?
            {
                return Ok(server);
            }
            if Instant::now() >= deadline {
                return Err(late(&dialer.outlook()));
            }
        }
    }

    /// How many connections there are.
    fn size(&self) -> usize {
        self.0.connections.status().size + self.0.dialer.ready()
    }

    /// The most connections there may be.
    pub fn max(&self) -> usize {
        self.0.config.max
    }

    /// Whether light reads may share a connection.
    pub fn shares_reads(&self) -> bool {
        self.0.config.shared_reads
    }

    /// The most connections that open transactions may hold.
    pub fn places(&self) -> usize {
        self.0.config.transactions.min(self.0.config.max)
    }

    /// Whether the server answers within `patience`; takes no connection for that, not even for a moment.
    pub async fn server_answers(&self, patience: Duration) -> bool {
        tokio::time::timeout(patience, self.0.dialer.server_answers()).await.unwrap_or(false)
    }

    /// Definitions or rights were seen to be others: statements are prepared anew. Postgres does so by itself for most of what
    /// changes, but not for a role's BYPASSRLS and memberships, which it looks at when it plans.
    pub fn redefined(&self) {
        self.0.schema.changed();
    }

    /// Postgres gives sessions other settings than those that are open were given when they began. None of these is lent any
    /// more: who is idle is closed now, the others as they come back.
    pub fn renew(&self) {
        let dialer = &self.0.dialer;
        dialer.renew();
        self.0.connections.retain(|server, _| !dialer.is_outdated(server));
        dialer.retain(|server| !dialer.is_outdated(server));
        dialer.tell();
    }

    /// Which schema the database has, as far as is known.
    pub fn schema_version(&self) -> u64 {
        self.0.schema.version()
    }

    /// How the pool stands; who waits, and for whom transactions are open, is the gateway's to know.
    pub fn gauges(&self) -> PoolGauges {
        let status = self.0.connections.status();
        let available = status.available.min(status.size);
        let idle = available + self.0.dialer.ready();
        PoolGauges { idle, active: status.size - available, max: self.0.config.max, waiting: 0, transactions: 0 }
    }

    /// Closes what is idle now, and the rest as it comes back.
    pub fn close(&self) {
        self.0.connections.close();
        self.0.dialer.close();
    }
}

/// Why none came in time, or can be expected to.
fn late(outlook: &Outlook) -> Failure {
    match outlook {
        Outlook::Full { .. } => Failure::unavailable("the database has no connection to spare"),
        // A client may read of a failed attempt how far it came: no address, no role.
        Outlook::Down { error, .. } => {
            Failure::unavailable(format!("the database cannot be reached ({} failed)", error.stage.as_str()))
        }
        Outlook::Coming { .. } => Failure::unavailable("the database did not accept a connection in time"),
    }
}
