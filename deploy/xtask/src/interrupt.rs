//! Ctrl-C and its kin, as something to ask about, so that every wait can end in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use harness::Error;
use tokio::signal::unix::{SignalKind, signal};

/// Counts the signals that ask this process to end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupts {
    all: Arc<AtomicUsize>,
    to_us_alone: Arc<AtomicUsize>,
}

impl Interrupts {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on.
    pub(crate) fn catch() -> Result<Self, Error> {
        let interrupts = Self::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(Error::doing("starting a runtime"))?;
        let entered = runtime.enter();
        let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
        let streams = kinds.map(|kind| signal(kind).map_err(Error::doing("catching signals")));
        for (stream, kind) in streams.into_iter().zip(kinds) {
            let mut stream = stream?;
            let counted = interrupts.clone();
            runtime.spawn(async move {
                while stream.recv().await.is_some() {
                    counted.all.fetch_add(1, Ordering::Relaxed);
                    // A terminal sends Ctrl-C to our children as well.
                    if kind != SignalKind::interrupt() {
                        counted.to_us_alone.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        drop(entered);
        thread::spawn(move || runtime.block_on(std::future::pending::<()>()));
        Ok(interrupts)
    }

    /// How often we were asked to end.
    pub(crate) fn count(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// As if we had been asked to end.
    #[cfg(test)]
    pub(crate) fn pretend_one(&self) {
        self.all.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether we were asked to end in a way that children in our process group have not noticed.
    pub(crate) fn to_us_alone(&self) -> bool {
        self.to_us_alone.load(Ordering::Relaxed) > 0
    }
}
