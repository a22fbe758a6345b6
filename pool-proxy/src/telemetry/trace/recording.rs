//! What is recorded of one request: its spans go to the collector as they end.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::Recorder;
use super::comment::Comment;
use super::span::{Kind, Span, Value, span_id};

/// A request that is sampled, and the span of its own that all others are within.
pub struct Recording {
    recorder: Arc<Recorder>,
    trace: u128,
    span: u64,
    parent: Option<u64>,
    /// When it arrived, by both clocks: spans of one request agree with each other, whatever is done to the clock meanwhile.
    arrived: Instant,
    since: Duration,
    /// Names its own span, for whoever comes next.
    traceparent: Box<str>,
    /// What is found out about it on its way.
    noted: Mutex<Vec<(&'static str, Value)>>,
    /// How many parts it has.
    parts: AtomicU32,
}

/// The most parts that are told of one request: a batch may have thousands, and others are to have room.
const PARTS: u32 = 128;

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Recording").field(&self.traceparent).finish()
    }
}

/// W3C `traceparent` of a sampled span (<https://www.w3.org/TR/trace-context/#traceparent-header>).
fn traceparent(trace: u128, span: u64) -> String {
    format!("00-{trace:032x}-{span:016x}-01")
}

impl Recording {
    pub(super) fn new(recorder: &Arc<Recorder>, trace: u128, parent: Option<u64>, arrived: Instant) -> Arc<Self> {
        let span = span_id();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Arc::new(Self {
            recorder: Arc::clone(recorder),
            trace,
            span,
            parent,
            arrived,
            since: now.saturating_sub(arrived.elapsed()),
            traceparent: traceparent(trace, span).into(),
            noted: Mutex::default(),
            parts: AtomicU32::new(0),
        })
    }

    /// The trace it belongs to: 32 hexadecimal digits.
    pub fn trace_id(&self) -> &str {
        self.traceparent.get(3..35).unwrap_or_default()
    }

    /// The id of a span to come, for whoever has to be told before.
    pub fn next_id() -> u64 {
        span_id()
    }

    /// `traceparent` of a span of this trace.
    pub fn traceparent(&self, span: u64) -> String {
        traceparent(self.trace, span)
    }

    /// The comment that names a span, if statements are to have one.
    pub fn comment(&self, span: u64) -> Option<Comment> {
        self.has_comments().then(|| Comment::new(&self.traceparent(span)))
    }

    /// Whether statements are to have comments.
    pub fn has_comments(&self) -> bool {
        self.recorder.comments
    }

    /// Takes note of something about the request, for its own span.
    pub fn note(&self, key: &'static str, value: impl Into<Value>) {
        self.noted.lock().unwrap_or_else(PoisonError::into_inner).push((key, value.into()));
    }

    /// The request has ended now.
    pub fn end(&self, name: impl Into<Cow<'static, str>>, mut attributes: Vec<(&'static str, Value)>, failed: bool) {
        let mut noted = self.noted.lock().unwrap_or_else(PoisonError::into_inner);
        attributes.retain(|(key, _)| noted.iter().all(|(known, _)| known != key));
        attributes.append(&mut noted);
        drop(noted);
        let untold = self.parts.load(Ordering::Relaxed).saturating_sub(PARTS);
        if untold > 0 {
            attributes.push(("pool_proxy.spans_dropped", u64::from(untold).into()));
        }
        self.recorder.tell(Span {
            trace: self.trace,
            id: self.span,
            parent: self.parent,
            name: name.into(),
            kind: Kind::Server,
            start: self.moment(self.arrived),
            end: self.moment(Instant::now()),
            attributes,
            failed,
        });
    }

    /// Something within it has ended. `id` is a new one, or one that was [given away](Self::next_id).
    pub fn part(
        &self,
        id: u64,
        (name, kind): (impl Into<Cow<'static, str>>, Kind),
        (from, until): (Instant, Instant),
        (attributes, failed): (Vec<(&'static str, Value)>, bool),
    ) {
        if self.parts.fetch_add(1, Ordering::Relaxed) >= PARTS {
            self.recorder.metrics.dropped.inc();
            return;
        }
        self.recorder.tell(Span {
            trace: self.trace,
            id,
            parent: Some(self.span),
            name: name.into(),
            kind,
            start: self.moment(from),
            end: self.moment(until.max(from)),
            attributes,
            failed,
        });
    }

    /// Nanoseconds since 1970.
    fn moment(&self, moment: Instant) -> u64 {
        let at = self.since + moment.saturating_duration_since(self.arrived);
        u64::try_from(at.as_nanos()).unwrap_or(u64::MAX)
    }
}
