//! Reading a request's body, within its limit, in time, and within what all bodies together may take.

use std::ops::Deref;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};
use tokio::time::Instant;

use super::ledger::Held;
use super::terms::{SMALL, Terms};
use crate::error::Failure;

/// How long a body that is refused may still come in, so that its client, who writes first, gets to read why.
const FAREWELL: Duration = Duration::from_secs(2);

/// The most room that is made for a body before it is there, in bytes.
const AT_ONCE: usize = 256 << 10;

/// A whole body. Its bytes count until it is dropped.
pub struct Body {
    bytes: Bytes,
    _held: Held,
}

impl Deref for Body {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.bytes
    }
}

/// Reads it whole, into its place in the ledger.
///
/// # Errors
/// [`Failure::RequestTooLarge`] as soon as its length is known to be over the limit, [`Failure::TooSlow`] when it does
/// not arrive in time, and what [`Held::grow`] says when there is no room for it.
pub async fn read(body: &mut Incoming, limit: u64, terms: &Terms, mut held: Held) -> Result<Body, Failure> {
    let announced = body.size_hint().lower();
    if announced > limit {
        return Err(Failure::RequestTooLarge(limit));
    }
    let mut began = None;
    let (mut first, mut whole, mut length) = (Bytes::new(), BytesMut::new(), 0_u64);
    // A body whose last byte is known has no frame to wait for behind it.
    while !body.is_end_stream() {
        // Most bodies are there with their head: no timer for those.
        let frame = if let Some(frame) = body.frame().now_or_never() {
            Ok(frame)
        } else {
            let deadline = *began.get_or_insert_with(Instant::now) + terms.patience(length);
            tokio::time::timeout_at(deadline, body.frame()).await
        };
        let frame = match frame {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(_))) => return Err(Failure::BadRequest("the request body ended early".to_owned())),
            Err(_) => return Err(Failure::TooSlow("the request body did not arrive in time")),
        };
        // Trailers mean nothing here.
        let Ok(data) = frame.into_data() else { continue };
        length += data.len() as u64;
        if length > limit {
            return Err(Failure::RequestTooLarge(limit));
        }
        // What has come counts, not what is announced: that takes no memory, and may never come.
        if length > SMALL as u64 {
            held.grow(length)?;
        }
        // Most bodies come in one piece, which needs no copy.
        if first.is_empty() && whole.is_empty() {
            first = data;
        } else {
            if whole.is_empty() {
                whole.reserve(usize::try_from(announced).unwrap_or(0).min(AT_ONCE).max(first.len() + data.len()));
                whole.extend_from_slice(&std::mem::take(&mut first));
            }
            whole.extend_from_slice(&data);
        }
    }
    let bytes = if whole.is_empty() { first } else { whole.freeze() };
    Ok(Body { bytes, _held: held })
}

/// Whether nothing is left of a body that is over, or was not asked for. What is there already counts as read, unless its client
/// waits to be asked for it.
pub fn is_read(body: &mut Incoming, waits: bool) -> bool {
    loop {
        if body.is_end_stream() {
            return true;
        }
        if waits {
            return false;
        }
        match body.frame().now_or_never() {
            Some(Some(Ok(_))) => {}
            // Of one that tells no length, the end is a frame that there is none.
            Some(None) => return true,
            Some(Some(Err(_))) | None => return false,
        }
    }
}

/// Lets what is left of a body come in without keeping any of it, for a while: a client that is still writing when the
/// connection is closed may never see the answer.
pub async fn discard(body: &mut Incoming) {
    let _ = tokio::time::timeout(FAREWELL, async { while let Some(Ok(_)) = body.frame().await {} }).await;
}
