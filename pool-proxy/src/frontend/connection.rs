//! One connection: which HTTP it speaks, and how long it may idle.

mod framing;
mod fresh;
mod http1;
mod http2;
mod outgoing;
mod prefixed;
mod refuse;
mod streams;
mod watched;

use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::{Request, Response};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

pub use outgoing::Outgoing;
pub(super) use refuse::refuse;

use super::terms::Terms;
use crate::drain::Drain;
use prefixed::Prefixed;

/// How long a connection is kept without a request.
const IDLE: Duration = Duration::from_secs(75);
/// How long a client may take to leave once it was told to.
const GOODBYE: Duration = Duration::from_secs(2);
/// The most bytes of a request's head: a token and a connection string are the longest in it.
const MOST_HEAD: usize = 64 << 10;
/// What every HTTP/2 client says first (RFC 9113, 3.4). No method of HTTP/1.1 begins like this.
const PREFACE: &[u8] = b"PRI";

/// Answers the requests of a connection until it ends, `drain` stops, or its client takes too long.
pub(super) async fn talk<S, A, F, B>(mut socket: S, encrypted: bool, terms: &Terms, drain: &Drain, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Outgoing,
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
        // Boxed, so that an idle connection does not carry their size.
        if start.starts_with(PREFACE) {
            return Box::pin(http2::speak(Prefixed { start, socket }, *terms, drain, answer)).await;
        }
        let bytes = Prefixed { start, socket };
        match Box::pin(http1::speak(bytes, encrypted, terms, drain, answer.clone())).await {
            Some(idle) => Prefixed { start, socket } = idle,
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
