//! What every answer has in common.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

/// An answer, whole in memory.
pub type Reply = Response<Full<Bytes>>;

/// The header every answer carries.
pub static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What took how long.
pub static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// JSON, as it stands.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, JSON);
    reply
}

/// A line of text.
pub fn text(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}

/// The caller's own id for the request, if it is one, else a new one.
pub fn request_id(headers: &HeaderMap) -> HeaderValue {
    let valid = |value: &&HeaderValue| {
        (1..=128).contains(&value.len())
            && value.as_bytes().iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
    };
    headers.get(&REQUEST_ID).filter(valid).cloned().unwrap_or_else(|| {
        // Digit by digit: in every answer, and formatting a number costs as much as the look into the cache.
        let mut id = [0; 32];
        for (pair, byte) in id.chunks_exact_mut(2).zip(rand::random::<[u8; 16]>()) {
            pair.copy_from_slice(&[hex(byte >> 4), hex(byte & 15)]);
        }
        HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static("unknown"))
    })
}

/// The digit of a value below 16.
fn hex(value: u8) -> u8 {
    if value < 10 { b'0' + value } else { b'a' + value - 10 }
}

/// The value of `Server-Timing`: `auth;dur=0.123, queue;dur=4.567`, in milliseconds
/// (<https://www.w3.org/TR/server-timing/>).
pub fn timing<const N: usize>(parts: [(&str, Duration); N]) -> HeaderValue {
    let mut text = Vec::with_capacity(32 * N);
    for (name, took) in parts {
        if !text.is_empty() {
            text.extend_from_slice(b", ");
        }
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b";dur=");
        let micros = took.as_micros();
        text.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
        text.push(b'.');
        // Three digits, with leading zeros.
        text.extend_from_slice(
            itoa::Buffer::new().format(micros % 1000 + 1000).as_bytes().get(1..).unwrap_or_default(),
        );
    }
    // Names, digits and punctuation only.
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn a_new_id_is_hexadecimal() {
        let id = super::request_id(&hyper::HeaderMap::new());
        let digits = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        assert!(id.len() == 32 && id.as_bytes().iter().all(digits), "{id:?}");
        assert_eq!((0..16).map(super::hex).collect::<Vec<_>>(), b"0123456789abcdef");
    }

    #[test]
    fn timing_is_in_milliseconds() {
        let parts = [("auth", Duration::from_micros(7)), ("database", Duration::from_micros(1_234_050))];
        assert_eq!(super::timing(parts), "auth;dur=0.007, database;dur=1234.050");
    }
}
