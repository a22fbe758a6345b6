//! HTTP/2 by hand, frame by frame (RFC 9113), with heads compressed as little as RFC 7541 allows.

use harness::{Proxy, Wire};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

// Kinds of frames (RFC 9113, 6).
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const PRIORITY: u8 = 2;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PUSH_PROMISE: u8 = 5;
pub(super) const PING: u8 = 6;
pub(super) const GOAWAY: u8 = 7;
pub(super) const WINDOW_UPDATE: u8 = 8;
pub(super) const CONTINUATION: u8 = 9;

// Flags.
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A frame (4.1).
pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// What a client says first (3.4), with empty SETTINGS.
pub(super) fn hello() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &[])].concat()
}

/// The fields of `POST /sql` with this key.
pub(super) fn sql(key: &str) -> Vec<(String, String)> {
    let bearer = format!("Bearer {key}");
    let fields =
        [(":method", "POST"), (":scheme", "http"), (":authority", "x"), (":path", "/sql"), ("authorization", &bearer)];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Those of `GET /health`.
pub(super) fn health() -> Vec<(String, String)> {
    let fields = [(":method", "GET"), (":scheme", "http"), (":authority", "x"), (":path", "/health")];
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

/// Fields as a block, each literal and left out of the table (RFC 7541, 6.2.2).
pub(super) fn block(fields: &[(String, String)]) -> Vec<u8> {
    let mut out = vec![];
    for (name, value) in fields {
        out.push(0);
        for text in [name, value] {
            integer(text.len(), &mut out);
            out.extend(text.as_bytes());
        }
    }
    out
}

/// With seven bits in its first byte (RFC 7541, 5.1).
fn integer(number: usize, out: &mut Vec<u8>) {
    let Some(mut rest) = number.checked_sub(127) else { return out.push(u8::try_from(number).unwrap()) };
    out.push(127);
    while rest >= 128 {
        out.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    out.push(u8::try_from(rest).unwrap());
}

/// HEADERS and DATA of a whole request.
pub(super) fn request(stream: u32, fields: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let head = frame(HEADERS, END_HEADERS, stream, &block(fields));
    [head, frame(DATA, END_STREAM, stream, body)].concat()
}

/// Writes all of it while it reads, until the proxy ends the connection; what the proxy wrote.
pub(super) async fn talk(socket: &mut TcpStream, bytes: &[u8]) -> Vec<u8> {
    let (mut reading, mut writing) = socket.split();
    let mut heard = vec![];
    // Either fails if the proxy does not read all of it.
    let _ = tokio::join!(writing.write_all(bytes), reading.read_to_end(&mut heard));
    heard
}

/// A connection to the public listener.
pub(super) async fn connect(proxy: &Proxy) -> TcpStream {
    Wire::open(proxy).await.into_socket()
}

/// Kind, stream and payload of each whole frame.
pub(super) fn frames(mut heard: &[u8]) -> Vec<(u8, u32, &[u8])> {
    let mut all = vec![];
    while let Some(([a, b, c, kind, _, stream @ ..], rest)) = heard.split_first_chunk::<9>() {
        let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
        let Some((payload, rest)) = rest.split_at_checked(length) else { break };
        all.push((*kind, u32::from_be_bytes(*stream), payload));
        heard = rest;
    }
    all
}

/// The error with which the proxy said GOAWAY, if it did (6.8).
pub(super) fn goodbye(heard: &[u8]) -> Option<u32> {
    let (_, _, payload) = *frames(heard).iter().find(|(kind, ..)| *kind == GOAWAY)?;
    payload.get(4..8).map(|error| u32::from_be_bytes(error.try_into().unwrap()))
}

/// The error with which the proxy has reset a stream, if it did (6.4).
pub(super) fn reset(heard: &[u8], stream: u32) -> Option<u32> {
    let (_, _, payload) = *frames(heard).iter().find(|(kind, of, _)| (*kind, *of) == (RST_STREAM, stream))?;
    payload.get(..4).map(|error| u32::from_be_bytes(error.try_into().unwrap()))
}
