//! What every answer has in common.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};

use super::heads::{HEADERS, Heads, Name};

/// An answer, whole in memory.
pub type Reply = Response<Full<Bytes>>;

/// The header every answer carries.
pub static REQUEST_ID: Name = Name::of("x-request-id");

/// What took how long.
pub static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// JSON, as it stands.
pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    json_with(HeaderMap::new(), status, body)
}

/// The same with an empty map for its headers, if there is room in it.
pub fn json_with(headers: HeaderMap, status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::new(body.into()));
    *reply.status_mut() = status;
    let has_room = headers.capacity() >= HEADERS;
    *reply.headers_mut() = if has_room { headers } else { HeaderMap::with_capacity(HEADERS) };
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
pub fn request_id(headers: Heads<'_>) -> HeaderValue {
    once(given_or_new_id(headers))
}

/// A value that is not expected again. HTTP/2 names what was sent before by its place in a table (RFC 7541, 2.3.2); this one stays
/// out of that ("never indexed", 6.2.3), where it would only drive out what does come again.
pub(super) fn once(mut value: HeaderValue) -> HeaderValue {
    value.set_sensitive(true);
    value
}

fn given_or_new_id(headers: Heads<'_>) -> HeaderValue {
    let valid = |value: &&HeaderValue| {
        (1..=128).contains(&value.len())
            && value.as_bytes().iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.'))
    };
    headers.get(&REQUEST_ID).filter(valid).cloned().unwrap_or_else(|| {
        // Digit by digit: in every answer, and formatting a number costs as much as the look into the cache.
        let mut id = [0; 32];
        for (pair, byte) in id.chunks_exact_mut(2).zip(rand::random::<u128>().to_ne_bytes()) {
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
    let mut text = Text::default();
    for (index, (name, took)) in parts.into_iter().enumerate() {
        if index > 0 {
            text.push(", ");
        }
        text.push(name);
        text.push(";dur=");
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        text.number(micros / 1000);
        text.push(".");
        // Three digits, with leading zeros.
        text.push(itoa::Buffer::new().format(micros % 1000 + 1000).get(1..).unwrap_or_default());
    }
    once(text.value())
}

/// A header's value that is being written. It is short, so it has its room on the stack: to allocate for it twice, here
/// and in the header, would cost more than to write it.
pub(super) struct Text {
    bytes: [u8; Self::MOST],
    length: usize,
}

impl Default for Text {
    fn default() -> Self {
        Self { bytes: [0; Self::MOST], length: 0 }
    }
}

impl Text {
    /// In bytes; names and numbers of this program take less.
    const MOST: usize = 192;

    /// What finds no room is left out.
    #[inline]
    pub(super) fn push(&mut self, part: &str) {
        let end = self.length + part.len();
        if let Some(room) = self.bytes.get_mut(self.length..end) {
            room.copy_from_slice(part.as_bytes());
            self.length = end;
        }
    }

    pub(super) fn number(&mut self, number: impl itoa::Integer) {
        self.push(itoa::Buffer::new().format(number));
    }

    /// Empty if something in it may not stand in a header.
    pub(super) fn value(&self) -> HeaderValue {
        let written = self.bytes.get(..self.length).unwrap_or_default();
        HeaderValue::from_bytes(written).unwrap_or(HeaderValue::from_static(""))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    #[test]
    fn a_new_id_is_hexadecimal() {
        let id = super::request_id(super::Heads::of(&hyper::HeaderMap::new()));
        let digits = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        assert!(id.len() == 32 && id.as_bytes().iter().all(digits), "{id:?}");
        assert_eq!((0..16).map(super::hex).collect::<Vec<_>>(), b"0123456789abcdef");
    }

    #[test]
    fn what_does_not_come_again_is_no_entry_of_a_table() {
        let headers = [(super::REQUEST_ID.clone(), "mine".parse().unwrap())].into_iter().collect();
        let given = super::request_id(super::Heads::of(&headers));
        assert_eq!(given, "mine");
        assert!(given.is_sensitive() && super::timing([("total", Duration::ZERO)]).is_sensitive());
        assert!(!super::json(hyper::StatusCode::OK, "{}").headers()["content-type"].is_sensitive());
    }

    #[test]
    fn timing_is_in_milliseconds() {
        let parts = [("auth", Duration::from_micros(7)), ("database", Duration::from_micros(1_234_050))];
        assert_eq!(super::timing(parts), "auth;dur=0.007, database;dur=1234.050");
        // The longest there can be.
        let longest = super::timing([("database", Duration::MAX); 4]);
        assert!(longest.to_str().unwrap().ends_with("database;dur=18446744073709551.615"), "{longest:?}");
    }

    #[test]
    fn what_finds_no_room_is_left_out() {
        let mut text = super::Text::default();
        text.push(&"a".repeat(190));
        text.push("bcd");
        text.number(42);
        assert_eq!(text.value().len(), 192);
        assert!(text.value().as_bytes().ends_with(b"a42"));
    }
}
