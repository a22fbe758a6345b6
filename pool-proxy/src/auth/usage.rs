//! How much a key is used, or all tokens of an issuer together.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counters that all principals of one key share. Cheap to clone. Any two are equal: they say nothing of what a principal may.
#[derive(Debug, Clone, Default)]
pub struct Usage(Arc<Counters>);

#[derive(Debug, Default)]
struct Counters {
    begun: AtomicU64,
    ended: AtomicU64,
    refused: AtomicU64,
}

/// How it stands at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used {
    /// Requests let in so far.
    pub requests: u64,
    /// Those of them that are under way.
    pub running: u64,
    /// Requests that were refused since there were too many.
    pub refused: u64,
}

impl PartialEq for Usage {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Usage {}

impl Usage {
    /// A request was let in.
    pub fn begin(&self) {
        self.0.begun.fetch_add(1, Ordering::Relaxed);
    }

    /// One of those was answered.
    pub fn end(&self) {
        self.0.ended.fetch_add(1, Ordering::Relaxed);
    }

    /// One was refused.
    pub fn refuse(&self) {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// How it stands.
    pub fn used(&self) -> Used {
        // What ends meanwhile has begun.
        let ended = self.0.ended.load(Ordering::Relaxed);
        let requests = self.0.begun.load(Ordering::Relaxed);
        Used { requests, running: requests.saturating_sub(ended), refused: self.0.refused.load(Ordering::Relaxed) }
    }
}
