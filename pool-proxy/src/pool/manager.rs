//! Opening and re-using connections, under the cap.

use std::sync::Arc;

use deadpool::managed::{self, Metrics as Usage, RecycleError, RecycleResult};
use tokio::sync::Semaphore;

use crate::drain::Drain;
use crate::postgres::{ConnectError, Server, Target};
use crate::telemetry::DatabaseMetrics;

/// deadpool's view of a [`Server`].
pub(super) struct Manager {
    target: Target,
    cap: Arc<Semaphore>,
    drain: Drain,
    metrics: Arc<DatabaseMetrics>,
}

impl Manager {
    pub(super) fn new(target: Target, max: usize, drain: Drain, metrics: Arc<DatabaseMetrics>) -> Self {
        Self { target, cap: Arc::new(Semaphore::new(max)), drain, metrics }
    }
}

impl managed::Manager for Manager {
    type Type = Server;
    type Error = ConnectError;

    async fn create(&self) -> Result<Server, ConnectError> {
        // Waits while a connection that was given up is still closing. The semaphore is never closed itself.
        let permit = Arc::clone(&self.cap).acquire_owned().await.ok();
        // Boxed: every checkout would carry its size.
        let outcome = Box::pin(self.target.connect(&self.drain, permit)).await;
        self.metrics.connect(if outcome.is_ok() { "ok" } else { "failed" });
        outcome
    }

    async fn recycle(&self, server: &mut Server, _: &Usage) -> RecycleResult<ConnectError> {
        if server.is_idle() { Ok(()) } else { Err(RecycleError::message("the connection is gone")) }
    }
}
