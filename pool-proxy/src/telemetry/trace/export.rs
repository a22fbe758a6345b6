//! Takes spans to the collector: in batches, one after the other, and again where that may help.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{info, warn};

use super::TraceMetrics;
use super::encode::Resource;
use super::line::{Line, Sent};
use super::settings::TraceConfig;
use super::span::Span;

/// Spans that go in one request.
const BATCH: usize = 512;
/// What a request has of them at most, in bytes: collectors refuse what is too long, some from a megabyte on.
const LARGEST: usize = 512 << 10;
/// How long the first of them may wait for others.
const LINGER: Duration = Duration::from_secs(1);
/// How often a batch is sent at most.
const ATTEMPTS: u32 = 5;
/// The pause before the second time, on average; it doubles from one to the next.
const PAUSE: Duration = Duration::from_secs(1);
/// No collector has its spans wait longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// What takes spans to the collector, for as long as it runs.
#[must_use = "spans go nowhere until it runs"]
pub struct Export {
    spans: mpsc::Receiver<Span>,
    resource: Resource,
    line: Line,
    metrics: TraceMetrics,
    /// The last batch was not taken, and somebody was told.
    is_down: bool,
    /// The end is near: nothing is waited for any more.
    is_stopping: bool,
}

impl Export {
    pub(super) fn new(
        config: &TraceConfig,
        tls: rustls::ClientConfig,
        of: (&str, &str),
        spans: mpsc::Receiver<Span>,
        metrics: TraceMetrics,
    ) -> Self {
        let resource = Resource::new(&config.service_name, of);
        Self { spans, resource, line: Line::new(config, tls), metrics, is_down: false, is_stopping: false }
    }

    /// Runs until `stopped`; then sends what there is still, each batch once.
    pub async fn run(mut self, stopped: impl Future<Output = ()> + Send) {
        let mut stopped = pin!(stopped);
        let mut batch = Vec::new();
        while !self.is_stopping {
            self.gather(&mut batch, stopped.as_mut()).await;
            if !batch.is_empty() {
                self.deliver(&mut batch, stopped.as_mut()).await;
            }
        }
        self.spans.close();
        while self.spans.recv_many(&mut batch, BATCH).await > 0 {
            self.deliver(&mut batch, stopped.as_mut()).await;
        }
    }

    /// Waits for a span and for those that come soon behind it.
    async fn gather(&mut self, batch: &mut Vec<Span>, mut stopped: Pin<&mut impl Future<Output = ()>>) {
        let mut until = None;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            let lingers = async {
                match until {
                    Some(until) => sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                count = self.spans.recv_many(batch, room) => {
                    if count == 0 {
                        // Nobody records any more.
                        self.is_stopping = true;
                        return;
                    }
                    until = until.or(Some(Instant::now() + LINGER));
                }
                () = stopped.as_mut() => {
                    self.is_stopping = true;
                    return;
                }
                () = lingers => return,
            }
        }
    }

    async fn deliver(&mut self, batch: &mut Vec<Span>, mut stopped: Pin<&mut impl Future<Output = ()>>) {
        while !batch.is_empty() {
            let mut bytes = 0;
            let fits = |span: &&Span| {
                bytes += span.size();
                bytes <= LARGEST
            };
            let some = batch.iter().take_while(fits).count().max(1);
            let count = some as u64;
            let body = {
                // They take more room than their text.
                let part: Vec<Span> = batch.drain(..some).collect();
                Bytes::from(self.resource.request(&part))
            };
            self.deliver_some(count, body, stopped.as_mut()).await;
        }
    }

    async fn deliver_some(&mut self, count: u64, body: Bytes, mut stopped: Pin<&mut impl Future<Output = ()>>) {
        let mut attempt = 1;
        let problem = loop {
            match self.line.send(body.clone()).await {
                Sent::Taken { rejected } => {
                    let rejected = rejected.min(count);
                    self.metrics.exported.inc_by(count - rejected);
                    self.metrics.failed.inc_by(rejected);
                    if std::mem::take(&mut self.is_down) {
                        info!("the collector takes traces again");
                    }
                    return;
                }
                Sent::Again(_, asked) if attempt < ATTEMPTS && !self.is_stopping => {
                    tokio::select! {
                        () = sleep(pause(attempt, asked)) => {}
                        () = stopped.as_mut() => self.is_stopping = true,
                    }
                    attempt += 1;
                }
                Sent::Again(problem, _) | Sent::Refused(problem) => break problem,
            }
        };
        self.metrics.failed.inc_by(count);
        // Once: it may go on for days.
        if !std::mem::replace(&mut self.is_down, true) {
            warn!("traces are lost, since the collector does not take them: {problem}");
        }
    }
}

/// Half to one and a half times the usual pause, so that those who were refused together do not come back together.
fn pause(attempt: u32, asked: Option<Duration>) -> Duration {
    let usual = PAUSE.saturating_mul(1 << attempt.saturating_sub(1).min(6));
    let jittered = usual.mul_f64(rand::random_range(0.5..1.5));
    asked.map_or(jittered, |asked| asked.max(jittered)).min(LONGEST_PAUSE)
}
