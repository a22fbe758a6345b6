//! HTTP/2 on a connection, and how long its client may take over what.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderValue};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep};
use tracing::debug;

use super::fresh::Fresh;
use super::outgoing::{Followed, Outgoing};
use super::prefixed::Prefixed;
use super::streams::Streams;
use super::{GOODBYE, IDLE, MOST_HEAD};
use crate::drain::Drain;
use crate::frontend::terms::Terms;

/// The most requests at a time on one connection.
const MOST_STREAMS: u32 = 200;

/// Answers requests until the connection ends or nobody asks anything on it any more.
pub(super) async fn speak<S, A, F, B>(bytes: Prefixed<S>, terms: Terms, drain: &Drain, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Outgoing,
{
    let streams = Arc::new(Streams::default());
    let asking = Arc::clone(&streams);
    let service = service_fn(move |request: Request<Incoming>| {
        let asked = asking.asked();
        let bodiless = request.method() == Method::HEAD;
        let asking = Arc::clone(&asking);
        // Mapped, since an async block would hold the answer's future, which is large, twice.
        answer(request).map(move |reply| {
            let (mut head, body) = reply.into_parts();
            let mut body = match body.whole() {
                Ok(body) => body,
                // HTTP/2 asks for no more of it than its client takes.
                Err(body) => {
                    let body = Either::Right(Followed { body, end: Some(asked) });
                    return Ok::<_, Infallible>(Response::from_parts(head, body));
                }
            };
            if bodiless {
                // hyper leaves it out over HTTP/1.1 only (RFC 9110, 9.3.2).
                head.headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
                body.clear();
            }
            let body = Either::Left(Full::new(asking.follow(body)));
            // Only now, so that the connection is never quiet in between.
            drop(asked);
            Ok(Response::from_parts(head, body))
        })
    });
    let fresh = Fresh::default();
    let mut builder = http2::Builder::new(fresh.entrance());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(u32::try_from(MOST_HEAD).unwrap_or(u32::MAX));
    let mut connection = pin!(builder.serve_connection(TokioIo::new(bytes), service));
    let look = terms.body_timeout.min(IDLE);
    let mut tick = pin!(sleep(look));
    // Told early, so that the end finds it quiet: the next request takes another connection. Whoever has come since then
    // has found no other.
    let mut departure = pin!(async { if drain.is_leaving() { drain.stopped().await } else { drain.leaving().await } });
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = poll_fn(|cx| fresh.poll(connection.as_mut(), drain, cx)) => {
                if let Err(error) = ended {
                    debug!(%error, "client connection ended");
                }
                return;
            }
            () = &mut departure, if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
                tick.as_mut().reset(Instant::now() + GOODBYE);
            }
            () = &mut tick => {
                let now = Instant::now();
                if streams.is_stuck(now, &terms) {
                    debug!("a client does not read its answer");
                    return;
                }
                match streams.quiet_since().map(|since| since + IDLE) {
                    // It was told to leave, and does not.
                    Some(_) if leaving => return,
                    None if leaving => tick.as_mut().reset(now + GOODBYE),
                    Some(deadline) if deadline <= now => {
                        leaving = true;
                        connection.as_mut().graceful_shutdown();
                        tick.as_mut().reset(now + GOODBYE);
                    }
                    quiet_until => tick.as_mut().reset(quiet_until.unwrap_or(now + look).min(now + look)),
                }
            }
        }
    }
}
