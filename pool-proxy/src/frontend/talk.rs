//! One connection: which HTTP it speaks, and how long it may take over what.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tracing::debug;

use super::reply::{self, REQUEST_ID, Reply};
use super::sql::errors;
use super::streams::Streams;
use super::terms::Terms;
use super::watched::{Look, TICK, Watch, Watched};
use crate::drain::Drain;

/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(75);
/// How long a client may take to leave once it was told to.
const GOODBYE: Duration = Duration::from_secs(2);
/// The most bytes of a request's head: a token and a connection string are the longest in it.
const MOST_HEAD: usize = 64 << 10;
/// The most requests at a time on one HTTP/2 connection.
const MOST_STREAMS: u32 = 200;
/// What every HTTP/2 client says first (RFC 9113, 3.4). No method of HTTP/1.1 begins like this.
const PREFACE: &[u8] = b"PRI";

/// Answers the requests of a connection until it ends, `drain` stops, or its client takes too long.
pub(super) async fn talk<S, A, F>(mut socket: S, encrypted: bool, terms: &Terms, drain: &Drain, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let mut start = Bytes::new();
    loop {
        if start.is_empty() {
            // Nothing is under way: what waits here has no buffers.
            let first = tokio::select! {
                first = tokio::time::timeout(IDLE, first_bytes(&mut socket, terms.header_timeout)) => first,
                () = drain.stopped() => Ok(Ok(Bytes::new())),
            };
            match first {
                Ok(Ok(bytes)) if !bytes.is_empty() => start = bytes,
                _ => {
                    let _ = tokio::time::timeout(GOODBYE, socket.shutdown()).await;
                    return;
                }
            }
        }
        let first = std::mem::take(&mut start);
        // Boxed, so that an idle connection does not carry their size.
        if first.starts_with(PREFACE) {
            return Box::pin(speak_http2(socket, first, *terms, drain, answer)).await;
        }
        match Box::pin(speak_http1(socket, first, encrypted, terms, drain, answer.clone())).await {
            Some((idle, rest)) => (socket, start) = (idle, rest),
            None => return,
        }
    }
}

/// Enough of them to tell which HTTP it is; none at the end.
async fn first_bytes<S: AsyncRead + Unpin>(socket: &mut S, patience: Duration) -> io::Result<Bytes> {
    let mut bytes = [0; 16];
    let mut length = socket.read(&mut bytes).await?;
    while length > 0 && length < PREFACE.len() && PREFACE.starts_with(&bytes[..length]) {
        let more = tokio::time::timeout(patience, socket.read(&mut bytes[length..])).await??;
        if more == 0 {
            break;
        }
        length += more;
    }
    Ok(Bytes::copy_from_slice(&bytes[..length]))
}

/// HTTP/1.1, until the connection ends (`None`) or idles; then with what was read of its next request.
async fn speak_http1<S, A, F>(
    socket: S,
    start: Bytes,
    encrypted: bool,
    terms: &Terms,
    drain: &Drain,
    answer: A,
) -> Option<(S, Bytes)>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let watch = Arc::new(Watch::begun());
    let io = TokioIo::new(Watched { start, socket, watch: Arc::clone(&watch) });
    let watching = Arc::clone(&watch);
    let service = service_fn(move |request| {
        watching.asked();
        let watching = Arc::clone(&watching);
        // Mapped, since an async block would copy the answer's future, which is large, once more.
        answer(request).map(move |reply| {
            watching.answered();
            Ok::<_, Infallible>(reply)
        })
    });
    let mut builder = http1::Builder::new();
    builder.max_buf_size(MOST_HEAD);
    let mut connection = builder.serve_connection(io, service);
    let mut tick = pin!(tokio::time::sleep(TICK.min(terms.header_timeout)));
    let mut stopped = pin!(drain.stopped());
    let mut leaving = false;
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
            () = &mut stopped, if !leaving => {
                leaving = true;
                std::pin::Pin::new(&mut connection).graceful_shutdown();
            }
            () = &mut tick => match watch.look(terms) {
                Look::Again(when) => tick.as_mut().reset(when),
                Look::Idle => {
                    let parts = connection.into_parts();
                    return Some((parts.io.into_inner().socket, parts.read_buf));
                }
                Look::HeadLate => {
                    let mut socket = connection.into_parts().io.into_inner().socket;
                    refuse(&mut socket, StatusCode::REQUEST_TIMEOUT, "the head did not arrive in time", None).await;
                    return None;
                }
                Look::Unread => {
                    debug!(encrypted, "a client does not read its answer");
                    return None;
                }
            },
        }
    }
}

/// HTTP/2, until the connection ends or nobody asks anything on it any more.
async fn speak_http2<S, A, F>(socket: S, start: Bytes, terms: Terms, drain: &Drain, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let streams = Arc::new(Streams::default());
    let asking = Arc::clone(&streams);
    let service = service_fn(move |request| {
        let asked = asking.asked();
        let (answering, asking) = (answer(request), Arc::clone(&asking));
        async move {
            let (head, body) = answering.await.into_parts();
            // A body is in memory whole.
            let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
            let body = Full::new(asking.follow(body));
            // Only now, so that the connection is never quiet in between.
            drop(asked);
            Ok::<_, Infallible>(hyper::Response::from_parts(head, body))
        }
    });
    // The watch is for HTTP/1.1 alone.
    let io = TokioIo::new(Watched { start, socket, watch: Arc::new(Watch::begun()) });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(30)))
        .max_concurrent_streams(MOST_STREAMS)
        .max_header_list_size(u32::try_from(MOST_HEAD).unwrap_or(u32::MAX));
    let mut connection = pin!(builder.serve_connection(io, service));
    let look = terms.body_timeout.min(IDLE);
    let mut tick = pin!(tokio::time::sleep(look));
    let mut stopped = pin!(drain.stopped());
    let mut leaving = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    debug!(%error, "client connection ended");
                }
                return;
            }
            () = &mut stopped, if !leaving => {
                leaving = true;
                connection.as_mut().graceful_shutdown();
                tick.as_mut().reset(tokio::time::Instant::now() + GOODBYE);
            }
            () = &mut tick => {
                let now = tokio::time::Instant::now();
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

/// Answers what never became a request, and closes.
pub(super) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    status: StatusCode,
    message: &str,
    retry_after: Option<HeaderValue>,
) {
    let id = reply::request_id(&hyper::HeaderMap::new());
    let mut refusal = errors::refusal(status, message, &id);
    let headers = refusal.headers_mut();
    headers.insert(REQUEST_ID.clone(), id);
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    if let Some(when) = retry_after {
        headers.insert(hyper::header::RETRY_AFTER, when);
    }
    let _ = tokio::time::timeout(GOODBYE, async {
        socket.write_all(&written(refusal).await).await?;
        socket.shutdown().await?;
        // If something is left unread, closing resets the connection, and the answer may be lost with it.
        let mut rest = [0; 1024];
        while socket.read(&mut rest).await? > 0 {}
        io::Result::Ok(())
    })
    .await;
}

/// An answer as HTTP/1.1 writes it.
async fn written(reply: Reply) -> Vec<u8> {
    let (head, body) = reply.into_parts();
    let Ok(body) = body.collect().await.map(http_body_util::Collected::to_bytes);
    let mut text = format!("HTTP/1.1 {}\r\ncontent-length: {}\r\n", head.status, body.len()).into_bytes();
    for (name, value) in &head.headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            text.extend_from_slice(part);
        }
    }
    text.extend_from_slice(b"\r\n");
    text.extend_from_slice(&body);
    text
}
