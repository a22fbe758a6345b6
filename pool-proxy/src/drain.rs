//! The one place where tasks are spawned: each has a name, and the process ends only when they have.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Spawns named tasks and tells them when to stop. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Drain {
    phase: Arc<watch::Sender<Phase>>,
    running: Arc<watch::Sender<usize>>,
}

/// How near the end is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Serving,
    Leaving,
    Stopped,
}

impl Default for Drain {
    fn default() -> Self {
        Self { phase: Arc::new(watch::Sender::new(Phase::Serving)), running: Arc::new(watch::Sender::new(0)) }
    }
}

/// Counts a running task down, also when it panics or is aborted.
struct Running {
    name: &'static str,
    count: Arc<watch::Sender<usize>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(task = self.name, "a task has panicked");
        }
        self.count.send_modify(|count| *count -= 1);
    }
}

impl Drain {
    /// Spawns a task that [`finish`](Self::finish) waits for.
    pub fn spawn<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.running.send_modify(|count| *count += 1);
        let running = Running { name, count: Arc::clone(&self.running) };
        tokio::spawn(async move {
            let _running = running;
            task.await;
        })
    }

    /// Spawns a task that goes on for as long as the process serves and ends with [`stop`](Self::stop).
    pub fn spawn_until_stopped<F>(&self, name: &'static str, task: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let drain = self.clone();
        self.spawn(name, async move {
            tokio::select! {
                () = task => {}
                () = drain.stopped() => {}
            }
        })
    }

    /// A task that does nothing but keep `held` until it is aborted; nobody waits for it.
    pub fn spawn_leash<T: Send + 'static>(&self, held: T) -> JoinHandle<()> {
        tokio::spawn(async move {
            let _held = held;
            std::future::pending::<()>().await;
        })
    }

    /// Says that the end is near: all goes on, and whoever comes again is sent elsewhere.
    pub fn leave(&self) {
        self.phase.send_modify(|phase| *phase = Phase::Leaving.max(*phase));
    }

    /// Whether the end is near, or has come.
    pub fn is_leaving(&self) -> bool {
        *self.phase.borrow() >= Phase::Leaving
    }

    /// Resolves once the end is near.
    pub async fn leaving(&self) {
        self.reached(Phase::Leaving).await;
    }

    /// Tells every task to come to its end.
    pub fn stop(&self) {
        self.phase.send_replace(Phase::Stopped);
    }

    /// Whether [`stop`](Self::stop) was called.
    pub fn is_stopping(&self) -> bool {
        *self.phase.borrow() == Phase::Stopped
    }

    /// Resolves once [`stop`](Self::stop) was called.
    pub async fn stopped(&self) {
        self.reached(Phase::Stopped).await;
    }

    async fn reached(&self, wanted: Phase) {
        // The sender lives in self, so the wait cannot fail.
        let _ = self.phase.subscribe().wait_for(|phase| *phase >= wanted).await;
    }

    /// Waits until every task has ended; false if some had not by then.
    pub async fn finish(&self, patience: Duration) -> bool {
        let mut running = self.running.subscribe();
        tokio::time::timeout(patience, running.wait_for(|count| *count == 0)).await.is_ok()
    }
}
