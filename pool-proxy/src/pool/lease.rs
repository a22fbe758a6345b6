//! A connection on loan. It comes back clean or is closed: also when the borrower panics, runs out of time or leaves.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::Object;
use futures_util::future::OptionFuture;

use super::manager::Manager;
use super::{Pool, hygiene};
use crate::postgres::Server;
use crate::postgres::cancel::Canceller;

/// A connection on loan.
pub struct Lease {
    server: Option<Object<Manager>>,
    pool: Pool,
    cancellable: Arc<AtomicBool>,
    holds: Vec<Box<dyn Any + Send>>,
}

impl Lease {
    pub(super) fn new(pool: Pool, server: Object<Manager>) -> Self {
        Self { server: Some(server), pool, cancellable: Arc::new(AtomicBool::new(true)), holds: Vec::new() }
    }

    /// Keeps something, such as the caller's turn, until the connection is back or closed.
    pub fn hold(&mut self, held: impl Any + Send) {
        self.holds.push(Box::new(held));
    }

    /// The connection. `None` only after the lease has ended, which consumes it.
    pub fn server(&mut self) -> Option<&mut Server> {
        self.server.as_deref_mut()
    }

    /// While false, a cancel could hit the BEGIN of what is under way and let the rest run outside of it: then the
    /// connection is closed instead.
    pub fn cancellable(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.cancellable)
    }

    /// Sends a cancel for what runs, and waits until Postgres has dealt with it; false if it must not or could not.
    pub async fn cancel(cancellable: &AtomicBool, canceller: &Canceller) -> bool {
        cancellable.load(Ordering::Acquire) && canceller.cancel().await.is_ok()
    }

    /// Gives the connection back. What is still under way is waited for, shortly; after an error in a transaction
    /// it is rolled back.
    pub async fn finish(mut self) {
        const PATIENCE: Duration = Duration::from_secs(5);
        let settled: OptionFuture<_> = self.server.as_deref().map(hygiene::settle).into();
        if let Ok(Some(true)) = tokio::time::timeout(PATIENCE, settled).await {
            self.server.take();
        }
    }

    /// Closes the connection: what was done to it cannot be undone.
    pub fn close(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(server) = self.server.take() {
            // Leaves the pool, and ends the connection.
            drop(Object::take(server));
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(server) = self.server.take() else { return };
        let holds = std::mem::take(&mut self.holds);
        let pool = self.pool.clone();
        let cancellable = self.cancellable.load(Ordering::Acquire);
        let drain = pool.0.drain.clone();
        drain.spawn("reclaim connection", async move {
            if cancellable && hygiene::reclaim(&pool, &server).await {
                drop(server);
            } else {
                drop(Object::take(server));
            }
            drop(holds);
        });
    }
}
