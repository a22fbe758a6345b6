use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, ReadBuf};

use super::{State, Tap, TransactionStatus, Wire, wants_text};

fn message(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.put_u32(u32::try_from(body.len()).unwrap() + 4);
    out.put_slice(body);
    out
}

fn bind(formats: &[u16]) -> Vec<u8> {
    let mut body = b"\0s1\0".to_vec();
    body.put_u16(u16::try_from(formats.len()).unwrap());
    for format in formats {
        body.put_u16(*format);
    }
    body.put_u16(0);
    body.put_slice(&[0, 1, 0, 1]);
    body
}

#[test]
fn turns_text_binds_and_leaves_look_ups() {
    assert!(wants_text(&bind(&[])));
    assert!(wants_text(&bind(&[0, 0])));
    assert!(!wants_text(&bind(&[1])));
    assert!(!wants_text(&bind(&[0, 1])));
    assert!(!wants_text(b"\0s1\0"));
}

#[test]
fn keeps_tags_by_execution() {
    let mut state = State::default();
    let mut out = BytesMut::new();
    state.send(b"startup", &mut out).unwrap();
    let mut sent = message(b'B', &bind(&[0]));
    sent.extend(message(b'S', b""));
    sent.extend(message(b'Q', b"BEGIN\0"));
    sent.extend(message(b'B', &bind(&[1])));
    sent.extend(message(b'S', b""));
    sent.extend(message(b'B', &bind(&[])));
    sent.extend(message(b'S', b""));
    out.clear();
    state.send(&sent, &mut out).unwrap();
    assert_eq!(out.len(), sent.len());
    assert_eq!(out[message(b'B', &bind(&[0])).len() - 1], 0);

    let mut received = Vec::new();
    for tag in ["UPDATE 2", "BEGIN", "SELECT 1", "SELECT 3"] {
        received.extend(message(b'C', format!("{tag}\0").as_bytes()));
        received.extend(message(b'Z', b"T"));
    }
    // Whatever the boundaries, the same is read.
    read(&mut state, &received, 3);
    let wire = Wire(std::sync::Arc::new(std::sync::Mutex::new(state)));
    assert_eq!(wire.status(), Some(TransactionStatus::Open));
    assert_eq!(wire.completion(0).unwrap().tag.as_deref(), Some("UPDATE 2"));
    assert_eq!(wire.completion(1).unwrap().tag.as_deref(), Some("SELECT 3"));
    assert_eq!(wire.executions(), 2);
    assert_eq!(wire.completion(1), None);
}

/// Shows the bytes in chunks of a size, as a socket would, and gives what comes out.
fn read(state: &mut State, bytes: &[u8], size: usize) -> Vec<u8> {
    let (mut out, mut held) = (Vec::new(), Vec::new());
    for chunk in bytes.chunks(size) {
        let mut shown = std::mem::take(&mut held);
        shown.extend_from_slice(chunk);
        let (kept, again) = state.receive(&mut shown).unwrap();
        out.extend_from_slice(&shown[..kept]);
        held = shown[kept..kept + again].to_vec();
    }
    assert!(held.is_empty());
    out
}

#[test]
fn reads_type_lengths() {
    let mut state = State { started: true, ..State::default() };
    let mut body = vec![0, 1];
    body.put_slice(b"id\0");
    body.put_u32(16384);
    body.put_u16(1);
    body.put_u32(23);
    body.put_u16(4);
    body.put_u32(u32::MAX);
    body.put_u16(0);
    let sent = message(b'T', &body);
    assert_eq!(read(&mut state, &sent, 7), sent);
    assert_eq!(state.type_lengths.get(&23), Some(&4));
}

#[test]
fn an_empty_row_stands_in_for_a_flood() {
    for size in 1..40 {
        let mut state = State { started: true, largest_row: 10, ..State::default() };
        let small = message(b'D', b"0123456789");
        let mut sent = small.clone();
        sent.extend(message(b'D', &[b'x'; 500]));
        sent.extend(&small);
        sent.extend(message(b'Z', b"I"));
        let mut expected = small.clone();
        expected.extend(message(b'D', &[0, 0]));
        expected.extend(&small);
        expected.extend(message(b'Z', b"I"));
        assert_eq!(read(&mut state, &sent, size), expected, "chunks of {size}");
        assert_eq!(state.status, Some(TransactionStatus::Idle));
    }
}

#[test]
fn nothing_but_a_row_may_be_large() {
    let mut state = State { started: true, ..State::default() };
    assert!(state.receive(&mut [b'T', 0x7f, 0, 0, 0]).is_err());
    assert!(state.receive(&mut [b'D', 0, 0, 0, 0]).is_err());
}

/// Gives its chunks one a read, whatever room there is.
struct Chunks(std::collections::VecDeque<Vec<u8>>);

impl tokio::io::AsyncRead for Chunks {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let this = self.get_mut();
        if let Some(chunk) = this.0.front_mut() {
            let take = chunk.len().min(buf.remaining());
            buf.put_slice(&chunk[..take]);
            chunk.drain(..take);
            if chunk.is_empty() {
                this.0.pop_front();
            }
        }
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn readers_of_any_size_get_every_byte() {
    let mut sent = message(b'D', b"0123456789");
    sent.extend(message(b'D', &[b'x'; 500]));
    sent.extend(message(b'C', b"SELECT 2\0"));
    sent.extend(message(b'Z', b"I"));
    let mut expected = message(b'D', b"0123456789");
    expected.extend(message(b'D', &[0, 0]));
    expected.extend(message(b'C', b"SELECT 2\0"));
    expected.extend(message(b'Z', b"I"));
    for chunk in 1..30 {
        for room in 1..30 {
            let wire = Wire::default();
            wire.limit_rows(10);
            let chunks = Chunks(sent.chunks(chunk).map(<[u8]>::to_vec).collect());
            let mut tap = Tap::new(chunks, wire);
            let (mut out, mut buf) = (Vec::new(), vec![0; room]);
            loop {
                let read = tap.read(&mut buf).await.unwrap();
                if read == 0 {
                    break;
                }
                out.extend_from_slice(&buf[..read]);
            }
            assert_eq!(out, expected, "chunks of {chunk}, room for {room}");
        }
    }
}
