//! A connection on loan. It comes back clean or is closed: also when the borrower panics, runs out of time or leaves.

use std::any::Any;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool::managed::Object;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::manager::Manager;
use super::share::{Left, Share};
use super::{Pool, hygiene};
use crate::error::Failure;
use crate::postgres::cancel::Canceller;
use crate::postgres::{Multiplex, Server};
use crate::telemetry::DatabaseMetrics;

/// What may still be done with a leased connection; known to the lease and to whoever watches its deadline.
#[derive(Debug)]
pub struct Fate {
    cancellable: AtomicBool,
    /// Told when that becomes true.
    news: Notify,
    spoilt: AtomicBool,
    /// A cancel is on its way, and may hit whoever has the connection then.
    cancelling: AtomicBool,
    metrics: Arc<DatabaseMetrics>,
}

impl Fate {
    /// While false, a cancel could hit the BEGIN of what is under way and let the rest run outside of it.
    pub fn set_cancellable(&self, cancellable: bool) {
        self.cancellable.store(cancellable, Ordering::Release);
        if cancellable {
            self.news.notify_waiters();
        }
    }

    /// Waits until a cancel is safe.
    pub async fn cancellable(&self) {
        loop {
            let mut news = pin!(self.news.notified());
            // Before the look, so that nothing is missed after it.
            news.as_mut().enable();
            if self.cancellable.load(Ordering::Acquire) {
                return;
            }
            news.await;
        }
    }

    /// Something was done to the session that cannot be undone: it will be closed.
    pub fn spoil(&self) {
        self.spoilt.store(true, Ordering::Release);
    }

    /// Cancels what runs, and waits until Postgres has dealt with it; false if nobody knows whether it has. To be called,
    /// and once called to be waited for, only while that is safe: see [`cancellable`](Self::cancellable).
    pub async fn cancel(&self, canceller: &Canceller) -> bool {
        self.metrics.cancel();
        // Stays so if the cancel fails, or if whoever waits for it leaves.
        self.cancelling.store(true, Ordering::Release);
        let done = canceller.cancel().await.is_ok();
        if done {
            self.cancelling.store(false, Ordering::Release);
        }
        done
    }

    /// Whether the connection may be brought back.
    fn is_sound(&self) -> bool {
        let doubtful = self.spoilt.load(Ordering::Acquire) || self.cancelling.load(Ordering::Acquire);
        self.cancellable.load(Ordering::Acquire) && !doubtful
    }
}

/// A connection on loan.
pub struct Lease {
    server: Option<Object<Manager>>,
    pool: Pool,
    fate: Arc<Fate>,
    held: Option<Box<dyn Any + Send>>,
    /// What the connection had sent when it was lent.
    departures: u64,
    /// Others read through it, too.
    share: Option<Share>,
}

impl std::fmt::Debug for Lease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Lease").field("fate", &self.fate).finish_non_exhaustive()
    }
}

impl Lease {
    pub(super) fn new(pool: Pool, server: Object<Manager>) -> Self {
        let metrics = Arc::clone(&pool.0.metrics);
        let fate = Fate {
            cancellable: AtomicBool::new(true),
            news: Notify::new(),
            spoilt: AtomicBool::new(false),
            cancelling: AtomicBool::new(false),
            metrics,
        };
        let departures = server.departures();
        Self { server: Some(server), pool, fate: Arc::new(fate), held: None, departures, share: None }
    }

    /// Keeps something, such as the caller's turn, until the connection is back or closed.
    pub fn hold(&mut self, held: impl Any + Send) {
        self.held = Some(Box::new(held));
    }

    /// Lets others read through the connection, from now on until it is brought back; and so does the borrower.
    pub fn share(&mut self) -> Option<(Share, Multiplex)> {
        let connection = self.server()?.multiplex();
        Some((self.share.insert(Share::of(connection.clone())).clone(), connection))
    }

    /// Whether others may read through it: then it is not to be used but as they do.
    pub fn is_shared(&self) -> bool {
        self.share.is_some()
    }

    /// The connection. `None` only after it was given up, or while it is shared: who counts executions, or begins a transaction,
    /// has to be alone.
    pub fn server(&mut self) -> Option<&mut Server> {
        if self.is_shared() {
            return None;
        }
        self.server.as_deref_mut().map(AsMut::as_mut)
    }

    /// Whether the statement is one that was prepared here before that moment.
    pub fn was_prepared_before(&self, text: &str, moment: Instant) -> bool {
        self.server.as_ref().is_some_and(|server| server.was_prepared_before(text, moment))
    }

    /// Drops a prepared statement that no longer fits the schema.
    pub fn forget(&self, text: &str) {
        if let Some(server) = &self.server {
            server.forget(text);
        }
    }

    /// Whether the connection is there, and may be brought back.
    pub fn is_sound(&self) -> bool {
        self.fate.is_sound() && self.server.as_ref().is_some_and(|server| !server.is_closed())
    }

    /// Whether nothing was sent through the connection for this borrower.
    pub fn is_untouched(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.departures() == self.departures)
    }

    /// Whether its session has settings that are not given any more: what it reads, others may read otherwise.
    pub fn is_outdated(&self) -> bool {
        self.server.as_ref().is_some_and(|server| self.pool.0.dialer.is_outdated(server))
    }

    /// Gives the connection up and takes another for the same borrower, within `patience`.
    ///
    /// # Errors
    /// As of [`Pool::checkout`]; the lease has no connection then.
    pub async fn exchange(&mut self, patience: Duration) -> Result<(), Failure> {
        self.fate.spoil();
        self.swap(patience).await
    }

    /// The same, but the connection is brought back once others are done with it.
    ///
    /// # Errors
    /// As of [`exchange`](Self::exchange).
    pub async fn swap(&mut self, patience: Duration) -> Result<(), Failure> {
        let held = self.held.take();
        self.let_go();
        self.held = held;
        let mut other = self.pool.checkout(|| patience).await?;
        other.held = self.held.take();
        *self = other;
        Ok(())
    }

    /// Closes the connection instead of giving it back.
    pub(super) fn give_up(self) {
        self.fate.spoil();
    }

    /// What may still be done with the connection.
    pub fn fate(&self) -> Arc<Fate> {
        Arc::clone(&self.fate)
    }

    /// Gives the connection back. What is still under way is waited for, shortly; after an error in a transaction
    /// it is rolled back; and what may be left of the request in the session is undone if `reset` asks for it.
    pub async fn finish(mut self, reset: bool) {
        const PATIENCE: Duration = Duration::from_secs(5);
        if let Some(share) = self.share.take() {
            let is_clean = !reset && self.fate.is_sound();
            match share.leave(self, is_clean) {
                Left::Clean(lease) => self = lease,
                // Those are brought back in the background.
                Left::Behind | Left::Doubtful(_) => return,
            }
        }
        let Some(server) = self.server.as_deref().filter(|_| self.fate.is_sound()) else { return };
        let settled = if !reset && server.is_idle() {
            true
        } else {
            // Boxed: most calls never come here.
            let settle = Box::pin(async {
                hygiene::settle(server).await && (!reset || hygiene::undo(&self.pool, server).await)
            });
            matches!(tokio::time::timeout(PATIENCE, settle).await, Ok(true))
        };
        if settled {
            self.settled();
        } else {
            self.fate.spoil();
        }
    }

    /// Gives the connection back if nothing is under way, or has it seen to in the background.
    pub(super) fn bring_back(self) {
        if self.fate.is_sound() && self.server.as_deref().is_some_and(|server| server.is_idle()) {
            self.settled();
        }
    }

    fn settled(mut self) {
        let now = Instant::now();
        match self.server.as_deref_mut() {
            // Always at work, it would never be found at rest.
            Some(server) if server.is_overdue(now) || self.pool.0.dialer.is_outdated(server) => {
                self.fate.spoil();
                let _ = self.pool.0.dialer.want(1);
            }
            Some(server) => {
                server.begin_rest(now);
                self.server.take();
                self.pool.0.dialer.tell();
            }
            None => {}
        }
    }

    /// Brings the connection back in the background, or closes it.
    fn let_go(&mut self) {
        let Some(mut server) = self.server.take() else { return };
        let held = self.held.take();
        if let Some(share) = self.share.take() {
            let (pool, fate, departures) = (self.pool.clone(), Arc::clone(&self.fate), self.departures);
            // What is handed back goes by way of this same function.
            drop(share.leave(Self { server: Some(server), pool, fate, held, departures, share: None }, false));
            return;
        }
        let pool = self.pool.clone();
        let sound = self.fate.is_sound();
        let drain = pool.0.drain.clone();
        drain.spawn("reclaim connection", async move {
            if sound && hygiene::reclaim(&pool, &server).await {
                server.begin_rest(Instant::now());
                drop(server);
            } else {
                drop(Object::take(server));
            }
            pool.0.dialer.tell();
            drop(held);
        });
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.let_go();
    }
}
