//! Requests to the upstream over connections that are kept and shared, with bodies that pass through as they come.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::rt::Executor;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::capture_connection;
use hyper_util::rt::TokioTimer;

use super::address::Upstream;
use super::connector::{Connector, SIGN_OF_LIFE, SILENCE};
use super::loan::Loan;
use crate::drain::Drain;

/// How long an idle connection is kept. The proxy keeps them for 75 seconds: so it is not the one that closes.
const IDLE: Duration = Duration::from_mins(1);

/// Over HTTP/2 the proxy takes 200 requests at a time on a connection, and a request that waits behind those may be the
/// end of a transaction for which they wait themselves. So a further lane is taken before one is full.
const MOST_IN_A_LANE: usize = 100;
const LANES: usize = 16;

/// What an answer that is not read may hold of the room of its connection, and all answers together, in bytes.
const STREAM_WINDOW: u32 = 1 << 20;
const CONNECTION_WINDOW: u32 = 32 << 20;

/// The way to the upstream.
pub struct Lanes {
    upstream: Upstream,
    all: Vec<Lane>,
    /// Whether the last answer came over HTTP/2.
    speaks_http2: AtomicBool,
}

/// One connection, if HTTP/2 is spoken; else one for each request that is under way.
struct Lane {
    /// Takes what ALPN says. Since it does not know that beforehand, each request that finds no connection opens one.
    either: Client<Connector, Loan>,
    /// Knows that one will do, for which all others wait.
    http2: Client<Connector, Loan>,
    /// Held by each request that is under way.
    busy: Arc<()>,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// No connection: nothing was sent.
    #[error("the upstream cannot be reached: {0}")]
    Unreachable(String),
    /// The connection was lost after the request was sent, in part or whole.
    #[error("the connection to the upstream was lost: {0}")]
    Lost(String),
}

/// The body of an answer, as it comes in.
#[derive(Debug)]
pub struct Coming {
    body: Incoming,
    _busy: Arc<()>,
}

impl Body for Coming {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Has the drain run what hyper runs beside requests.
#[derive(Clone)]
struct Tasks(Drain);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.spawn("upstream connection", task);
    }
}

impl Lanes {
    pub(super) fn new(upstream: &Upstream, drain: &Drain) -> Self {
        let connector = Connector::new(upstream.tls.clone());
        let client = |http2_only| {
            Client::builder(Tasks(drain.clone()))
                .pool_timer(TokioTimer::new())
                .pool_idle_timeout(IDLE)
                .timer(TokioTimer::new())
                .http2_only(http2_only)
                .http2_initial_stream_window_size(STREAM_WINDOW)
                .http2_initial_connection_window_size(CONNECTION_WINDOW)
                .http2_keep_alive_interval(SILENCE)
                .http2_keep_alive_timeout(SIGN_OF_LIFE)
                .http2_keep_alive_while_idle(true)
                .build(connector.clone())
        };
        let lane = || Lane { either: client(false), http2: client(true), busy: Arc::new(()) };
        let all = std::iter::repeat_with(lane).take(LANES).collect();
        Self { upstream: upstream.clone(), all, speaks_http2: AtomicBool::new(false) }
    }

    /// Where it leads.
    pub fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// Sends a request, of whose address only the path counts. Whoever drops the future, or the answer's body, ends the
    /// request at the upstream, too.
    ///
    /// # Errors
    /// Why there is no answer.
    pub async fn send(&self, mut request: Request<Loan>) -> Result<Response<Coming>, SendError> {
        let unfit = |error: hyper::http::Error| SendError::Unreachable(causes(&error));
        *request.uri_mut() = self.upstream.uri(request.uri()).map_err(unfit)?;
        // The client's own; which one is spoken further on is settled when a connection opens.
        *request.version_mut() = Version::HTTP_11;
        let Some(lane) = self.free() else { return Err(SendError::Unreachable("there is no way".to_owned())) };
        let busy = Arc::clone(&lane.busy);
        let connection = capture_connection(&mut request);
        let client = if self.speaks_http2.load(Ordering::Relaxed) { &lane.http2 } else { &lane.either };
        let sent = client.request(request).await;
        // An upstream that speaks it no more is asked anew.
        let http2 = sent.as_ref().is_ok_and(|answer| answer.version() == Version::HTTP_2);
        self.speaks_http2.store(http2, Ordering::Relaxed);
        match sent {
            Ok(answer) => Ok(answer.map(|body| Coming { body, _busy: busy })),
            // Without a connection it was not handed to any: it waited for one, or for the end of a handshake.
            Err(error) if error.is_connect() || connection.connection_metadata().is_none() => {
                Err(SendError::Unreachable(causes(&error)))
            }
            Err(error) => Err(SendError::Lost(causes(&error))),
        }
    }

    /// The first that has room, so that few connections stay warm.
    fn free(&self) -> Option<&Lane> {
        let room = |lane: &&Lane| Arc::strong_count(&lane.busy) <= MOST_IN_A_LANE;
        self.all.iter().find(room).or(self.all.last())
    }

    /// Asks whether it is there.
    ///
    /// # Errors
    /// What it says instead, within this time.
    pub async fn probe(&self, patience: Duration) -> Result<(), String> {
        let mut request = Request::new(Loan::default());
        *request.uri_mut() = hyper::Uri::from_static("/health");
        match tokio::time::timeout(patience, self.send(request)).await {
            Ok(Ok(answer)) if answer.status() == StatusCode::OK => Ok(()),
            Ok(Ok(answer)) => Err(format!("the upstream answers {} to GET /health", answer.status())),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err(format!("the upstream does not answer within {} s", patience.as_secs())),
        }
    }
}

/// hyper's errors say what happened only in their sources.
fn causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}
