//! Opening and re-using connections, under the cap.

use std::sync::Arc;

use deadpool::managed::{self, Metrics as Usage, RecycleError, RecycleResult};
use tokio::sync::Semaphore;

use crate::drain::Drain;
use crate::postgres::{ConnectError, Server, Target};
use crate::telemetry::Metrics;

/// deadpool's view of a [`Server`].
pub(super) struct Manager {
    name: Arc<str>,
    target: Target,
    cap: Arc<Semaphore>,
    drain: Drain,
    metrics: Arc<Metrics>,
}

impl Manager {
    pub(super) fn new(name: Arc<str>, target: Target, max: usize, drain: Drain, metrics: Arc<Metrics>) -> Self {
        Self { name, target, cap: Arc::new(Semaphore::new(max)), drain, metrics }
    }
}

impl managed::Manager for Manager {
    type Type = Server;
    type Error = ConnectError;

    async fn create(&self) -> Result<Server, ConnectError> {
        // Waits while a connection that was given up is still closing. The semaphore is never closed itself.
        let permit = Arc::clone(&self.cap).acquire_owned().await.ok();
        let outcome = self.target.connect(&self.drain, permit).await;
        self.metrics.connect(&self.name, if outcome.is_ok() { "ok" } else { "failed" });
        outcome
    }

    async fn recycle(&self, server: &mut Server, _: &Usage) -> RecycleResult<ConnectError> {
        if server.is_idle() { Ok(()) } else { Err(RecycleError::message("the connection is gone")) }
    }
}
