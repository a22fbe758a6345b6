//! HTTP/1.1 on a connection, and how long its client may take over what.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::{Either, ready};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;
use tracing::debug;

use super::MOST_HEAD;
use super::framing;
use super::outgoing::{Followed, Outgoing};
use super::prefixed::Prefixed;
use super::refuse::{refusal, refuse};
use super::watched::{FIRST_LOOK, Look, Streaming, Watch, Watched};
use crate::drain::Drain;
use crate::frontend::terms::Terms;

/// What a connection at work is told.
enum Event {
    /// The process comes to its end.
    Stopped,
    /// It is time to look at it.
    Tick,
}

/// Answers requests until the connection ends (`None`) or idles; then with what was read of its next request.
pub(super) async fn speak<S, A, F, B>(
    bytes: Prefixed<S>,
    encrypted: bool,
    terms: &Terms,
    drain: &Drain,
    answer: A,
) -> Option<Prefixed<S>>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Outgoing,
{
    let watch = Arc::new(Watch::begun());
    let io = TokioIo::new(Watched { bytes, watch: Arc::clone(&watch) });
    let (watching, departure) = (Arc::clone(&watch), drain.clone());
    let service = service_fn(move |request| {
        watching.asked();
        let (watching, departure) = (Arc::clone(&watching), departure.clone());
        let answering = match framing::fault(request.headers(), request.version()) {
            None => Either::Right(answer(request)),
            Some(message) => {
                let refusal = refusal(StatusCode::BAD_REQUEST, message, request.headers());
                Either::Left(ready(refusal.map(|body| B::of(body))))
            }
        };
        // Mapped, since an async block would copy the answer's future, which is large, once more.
        answering.map(move |mut reply: Response<B>| {
            // Not to be at the next request's mercy when the end comes: a connection that is closed while one is on its
            // way loses it (RFC 9112, 9.6).
            if departure.is_leaving() {
                reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            // One that is still to come is watched to its end.
            let end = if reply.body().is_whole() {
                watching.answered();
                None
            } else {
                Some(Streaming(watching))
            };
            Ok::<_, Infallible>(reply.map(|body| Followed { body, end }))
        })
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MOST_HEAD);
    let mut connection = builder.serve_connection(io, service);
    // Together, so that only what has woken the task is asked: a request would ask both twice.
    let mut events = FuturesUnordered::new();
    events.push(Either::Left(drain.stopped().map(|()| Event::Stopped)));
    let tick = |when| Either::Right(tokio::time::sleep_until(when).map(|()| Event::Tick));
    events.push(tick(Instant::now() + FIRST_LOOK.min(terms.header_timeout)));
    loop {
        tokio::select! {
            // A request that is there is taken up also when the end has come.
            biased;
            ended = &mut connection => {
                if let Err(error) = ended {
                    // A client that breaks off is everyday life.
                    debug!(%error, encrypted, "client connection ended");
                }
                return None;
            }
            Some(event) = events.next() => match event {
                Event::Stopped => Pin::new(&mut connection).graceful_shutdown(),
                Event::Tick => match watch.look(terms) {
                    Look::Again(when) => events.push(tick(when)),
                    Look::Idle => {
                        let parts = connection.into_parts();
                        // Copied: it is part of hyper's buffer, which it would keep, also when nothing is in it.
                        let start = Bytes::copy_from_slice(&parts.read_buf);
                        return Some(Prefixed { start, socket: parts.io.into_inner().bytes.socket });
                    }
                    Look::HeadLate => {
                        let mut socket = connection.into_parts().io.into_inner().bytes.socket;
                        refuse(&mut socket, StatusCode::REQUEST_TIMEOUT, "the head did not arrive in time", None).await;
                        return None;
                    }
                    Look::Unread => {
                        debug!(encrypted, "a client does not read its answer");
                        return None;
                    }
                },
            },
        }
    }
}
