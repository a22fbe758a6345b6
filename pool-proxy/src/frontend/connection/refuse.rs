//! Answers to what never became a request: hyper is not there yet, or no more.

use std::io;

use http_body_util::{BodyExt, Collected};
use hyper::header::{CONNECTION, HeaderValue, RETRY_AFTER};
use hyper::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::GOODBYE;
use crate::frontend::errors;
use crate::frontend::heads::Heads;
use crate::frontend::reply::{self, REQUEST_ID, Reply};

/// Answers what never became a request, and closes.
pub(in crate::frontend) async fn refuse<S: AsyncRead + AsyncWrite + Unpin>(
    socket: &mut S,
    status: StatusCode,
    message: &str,
    retry_after: Option<HeaderValue>,
) {
    let mut refusal = refusal(status, message, &HeaderMap::new());
    if let Some(when) = retry_after {
        refusal.headers_mut().insert(RETRY_AFTER, when);
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

/// Such an answer, behind which the connection ends.
pub(super) fn refusal(status: StatusCode, message: &str, asked: &HeaderMap) -> Reply {
    let id = reply::request_id(Heads::of(asked));
    let mut refusal = errors::refusal(status, message, &id);
    refusal.headers_mut().insert(REQUEST_ID.clone(), id);
    refusal.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    refusal
}

/// An answer as HTTP/1.1 writes it.
async fn written(reply: Reply) -> Vec<u8> {
    let (head, body) = reply.into_parts();
    let Ok(body) = body.collect().await.map(Collected::to_bytes);
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
