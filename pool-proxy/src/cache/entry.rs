//! One answer on the shelf.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::changes::Fence;
use super::etag::ETag;
use super::key::Key;
use super::tags::Tag;
use crate::telemetry::statement::StatementMetrics;

/// An answer, and until when it may be of use.
#[derive(Debug)]
pub struct Entry {
    /// The finished body.
    pub body: Bytes,
    /// The body as clients want it that take it smaller; none if it gets no smaller.
    pub packed: OnceCell<Option<Bytes>>,
    /// What stands for the body.
    pub etag: Option<ETag>,
    /// When its query began: it is no younger than what the query saw.
    pub born: Instant,
    /// How long any request may still want it: time to live plus stale-while-revalidate of the one that stored it.
    pub lifetime: Duration,
    /// What binds it to the changes of what it was read from, if it may be kept until it changes.
    pub fence: Option<Fence>,
    /// Where the statements are counted that it was read by.
    sources: Box<[Arc<StatementMetrics>]>,
    pub(super) database: Arc<str>,
    /// Its own key, so that every place that knows it shares one.
    pub(super) key: Key,
    tags: Mutex<BTreeSet<Tag>>,
    /// Whether it is known that no invalidation was missed: until then nobody is given it.
    settled: AtomicBool,
}

impl Entry {
    /// An answer whose query began at `born`.
    pub fn new(
        key: Key,
        database: Arc<str>,
        body: Bytes,
        born: Instant,
        lifetime: Duration,
        tags: BTreeSet<Tag>,
    ) -> Self {
        Self {
            body,
            packed: OnceCell::new(),
            etag: None,
            born,
            lifetime,
            fence: None,
            sources: Box::default(),
            database,
            key,
            tags: Mutex::new(tags),
            settled: AtomicBool::new(false),
        }
    }

    /// To be kept until it changes.
    #[must_use]
    pub fn with_fence(self, fence: Option<Fence>) -> Self {
        Self { fence, ..self }
    }

    /// Read by these statements.
    #[must_use]
    pub fn with_sources(self, sources: Box<[Arc<StatementMetrics>]>) -> Self {
        Self { sources, ..self }
    }

    /// Where the statements are counted that it was read by.
    pub fn sources(&self) -> &[Arc<StatementMetrics>] {
        &self.sources
    }

    /// With what stands for its body.
    #[must_use]
    pub fn with_etag(self, etag: ETag) -> Self {
        Self { etag: Some(etag), ..self }
    }

    /// Whether it is true as far as the change stream has told.
    pub fn holds(&self) -> bool {
        self.fence.as_ref().is_some_and(Fence::holds)
    }

    /// Whether any request may be given it for its age alone.
    pub fn has_time(&self) -> bool {
        self.lifetime > self.age()
    }

    /// Whether it is, or is about to be, kept until it changes.
    pub(super) fn may_be_true(&self) -> bool {
        self.fence.as_ref().is_some_and(|fence| !fence.has_fallen())
    }

    /// It is kept no more.
    pub(super) fn release(self: &Arc<Self>) {
        if let Some(fence) = &self.fence {
            fence.release(self);
        }
    }

    /// What its bodies and its tag take, in bytes.
    pub(super) fn size(&self) -> usize {
        let etag = self.etag.as_ref().map_or(0, |etag| etag.as_bytes().len());
        self.body.len() + etag + self.packed.get().and_then(Option::as_ref).map_or(0, Bytes::len)
    }

    /// How old it is.
    pub fn age(&self) -> Duration {
        self.born.elapsed()
    }

    pub(super) fn is_settled(&self) -> bool {
        self.settled.load(Ordering::Acquire)
    }

    pub(super) fn settle(&self) {
        self.settled.store(true, Ordering::Release);
    }

    pub(super) fn tags(&self) -> MutexGuard<'_, BTreeSet<Tag>> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
