//! Whether statements still mean what they meant.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// Changes of definitions and rights: those that were seen, and those that were made through this proxy and are still to be
/// looked for. Most of them are in no change stream.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    number: AtomicU64,
    doubted: AtomicU64,
    settled: AtomicU64,
    news: Notify,
}

impl Definitions {
    /// A number that is another one when statements may mean something else.
    pub(super) fn number(&self) -> u64 {
        self.number.load(Ordering::Acquire)
    }

    /// They do.
    pub(super) fn changed(&self) {
        self.number.fetch_add(1, Ordering::AcqRel);
    }

    /// They may.
    pub(super) fn doubt(&self) {
        self.doubted.fetch_add(1, Ordering::AcqRel);
        self.news.notify_one();
    }

    /// How often that was said.
    pub(super) fn doubted(&self) -> u64 {
        self.doubted.load(Ordering::Acquire)
    }

    /// What was said so often by then has been looked for since, and dealt with.
    pub(super) fn settle(&self, doubted: u64) {
        self.settled.fetch_max(doubted, Ordering::AcqRel);
    }

    /// Whether all of it has.
    pub(super) fn are_settled(&self) -> bool {
        let doubted = self.doubted();
        self.settled.load(Ordering::Acquire) >= doubted
    }

    /// Waits until something is to be looked for.
    pub(super) async fn in_doubt(&self) {
        loop {
            let news = self.news.notified();
            if !self.are_settled() {
                return;
            }
            news.await;
        }
    }
}

#[cfg(test)]
mod tests;
