//! The warm connections to one database: never more than the cap, and none that remembers a request.
//!
//! Calls do not wait here: the gateway admits no more of them than there are connections. deadpool keeps the
//! connections; its slot is freed when a connection is given up, so the cap is a permit of our own that a connection
//! holds until the server has closed it.

mod hygiene;
mod lease;
mod manager;

use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{self, PoolError, QueueMode, TimeoutType, Timeouts};
use deadpool_postgres::Runtime;
use tracing::{debug, warn};

pub use lease::{Fate, Lease};

use crate::drain::Drain;
use crate::error::Failure;
use crate::postgres::{ConnectError, Schema, Target};
use crate::telemetry::DatabaseMetrics;
use crate::telemetry::metrics::PoolGauges;
use manager::Manager;

/// How many connections there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// The most connections to the database at any moment, at least 1.
    pub max: usize,
    /// How many are kept open also when nobody asks.
    pub min_idle: usize,
}

impl Default for PoolConfig {
    fn default() -> Self {
        Self { max: 10, min_idle: 2 }
    }
}

/// A pool of connections. Cheap to clone.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    config: PoolConfig,
    schema: Schema,
    connections: managed::Pool<Manager>,
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
        let manager = Manager::new(target, config.max, drain.clone(), Arc::clone(&metrics));
        let connections = managed::Pool::builder(manager)
            .max_size(config.max)
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .build()?;
        Ok(Self(Arc::new(Inner { name, config, schema, connections, drain, metrics })))
    }

    /// Takes a connection, or opens one. Whoever calls has been admitted, so a connection is free or can be opened.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when none can be had within `patience`; nothing was run then.
    pub async fn checkout(&self, patience: Duration) -> Result<Lease, Failure> {
        match self.get(patience).await {
            Ok(server) => Ok(Lease::new(self.clone(), server)),
            Err(PoolError::Backend(error)) => {
                warn!(database = %self.0.name, stage = error.stage.as_str(), error = %error.message, "cannot connect");
                Err(unavailable(&error))
            }
            Err(PoolError::Timeout(TimeoutType::Create)) => {
                warn!(database = %self.0.name, "connecting took too long");
                Err(Failure::unavailable("the database did not accept a connection in time"))
            }
            Err(PoolError::Closed) => Err(Failure::unavailable("the proxy is shutting down")),
            Err(_) => Err(Failure::unavailable("no connection to the database came free in time")),
        }
    }

    async fn get(&self, patience: Duration) -> Result<managed::Object<Manager>, PoolError<ConnectError>> {
        let timeouts = Timeouts { wait: Some(patience), create: Some(patience), recycle: Some(patience) };
        self.0.connections.timeout_get(&timeouts).await
    }

    /// Keeps the least number of connections open, for as long as the process serves. While the database is down
    /// this is the one that keeps trying, ever more slowly.
    pub async fn keep_warm(self) {
        const CALM: Duration = Duration::from_millis(500);
        let mut pause = CALM;
        loop {
            let wanted = self.0.config.min_idle.min(self.0.config.max);
            let mut held = Vec::new();
            pause = CALM.max(pause.min(Duration::from_secs(8)));
            // What the server has closed counts for nothing.
            self.0.connections.retain(|server, _| server.is_idle());
            while self.0.connections.status().size < wanted {
                match self.get(Duration::from_secs(15)).await {
                    Ok(server) => {
                        held.push(server);
                        pause = CALM;
                    }
                    Err(error) => {
                        debug!(database = %self.0.name, %error, "cannot keep connections warm");
                        pause = pause.saturating_mul(2);
                        break;
                    }
                }
            }
            drop(held);
            let jitter = Duration::from_millis(rand::random_range(0..100));
            tokio::time::sleep(pause + jitter).await;
        }
    }

    /// Which schema the database has, as far as is known.
    pub fn schema_version(&self) -> u64 {
        self.0.schema.version()
    }

    /// How the pool stands; `waiting` is the gateway's to know.
    pub fn gauges(&self) -> PoolGauges {
        let status = self.0.connections.status();
        let idle = status.available.min(status.size);
        PoolGauges { idle, active: status.size - idle, max: self.0.config.max, waiting: 0 }
    }

    /// Closes what is idle now, and the rest as it comes back.
    pub fn close(&self) {
        self.0.connections.close();
    }
}

/// What a client may read of a failed attempt to connect: no address, no role.
fn unavailable(error: &ConnectError) -> Failure {
    Failure::unavailable(match error.code.as_deref() {
        Some("53300") => "the database has no connection to spare".to_owned(),
        _ => format!("the database cannot be reached ({} failed)", error.stage.as_str()),
    })
}
