//! Traces: where the time of a request went, told to a collector by OTLP (<https://opentelemetry.io/docs/specs/otlp/>).
//!
//! Spans are made after the fact, of times that are measured anyway, so a request that is not sampled costs a comparison. What
//! the collector does not take in time is dropped and counted: no request ever waits for it.

mod comment;
mod encode;
mod export;
mod line;
mod recording;
mod settings;
mod span;

use std::sync::Arc;

use prometheus_client::metrics::counter::Counter;
use tokio::sync::mpsc;
use tokio::time::Instant;

pub use comment::Comment;
pub use export::Export;
pub use recording::Recording;
pub use settings::{Endpoint, EndpointError, TraceConfig, TraceHeaders};
pub use span::{Kind, Parent, Span, Value};

/// Spans that wait for the collector.
const WAITING: usize = 2048;

/// What became of spans. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TraceMetrics {
    /// The collector has taken them.
    pub exported: Counter,
    /// They found no room.
    pub dropped: Counter,
    /// The collector did not take them.
    pub failed: Counter,
}

/// Begins recordings. Without a collector it never does. Cheap to clone.
#[derive(Clone, Default)]
pub struct Tracer(Option<Arc<Recorder>>);

/// What recordings share.
struct Recorder {
    spans: mpsc::Sender<Span>,
    sample: f64,
    comments: bool,
    metrics: TraceMetrics,
}

impl Tracer {
    /// One that hands spans to an export, which is to run for as long as requests do. `region` and `instance` may be empty.
    pub fn new(
        config: &TraceConfig,
        tls: rustls::ClientConfig,
        of: (&str, &str),
        metrics: TraceMetrics,
    ) -> (Self, Export) {
        let (spans, waiting) = mpsc::channel(WAITING);
        let export = Export::new(config, tls, of, waiting, metrics.clone());
        let recorder = Recorder { spans, sample: config.sample, comments: config.sql_comment, metrics };
        (Self(Some(Arc::new(recorder))), export)
    }

    /// Whether anything is ever recorded.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Records a request that arrived at that moment and belongs to no trace yet, if it is among those that are sampled.
    pub fn begin(&self, arrived: Instant) -> Option<Arc<Recording>> {
        let recorder = self.0.as_ref()?;
        // From 0 on and below 1.
        let is_sampled = recorder.sample > 0.0 && rand::random::<f64>() < recorder.sample;
        is_sampled.then(|| Recording::new(recorder, span::trace_id(), None, arrived))
    }

    /// Records a request that belongs to the trace of its caller, which is sampled.
    pub fn follow(&self, parent: Parent, arrived: Instant) -> Option<Arc<Recording>> {
        let recorder = self.0.as_ref()?;
        Some(Recording::new(recorder, parent.trace, Some(parent.span), arrived))
    }
}

impl Recorder {
    fn tell(&self, span: Span) {
        if self.spans.try_send(span).is_err() {
            self.metrics.dropped.inc();
        }
    }
}
