use bytes::{BufMut, BytesMut};

use super::{State, TransactionStatus, Wire, wants_text};

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
    for chunk in received.chunks(3) {
        state.receive(chunk).unwrap();
    }
    let wire = Wire(std::sync::Arc::new(std::sync::Mutex::new(state)));
    assert_eq!(wire.status(), Some(TransactionStatus::Open));
    assert_eq!(wire.completion(0).unwrap().tag.as_deref(), Some("UPDATE 2"));
    assert_eq!(wire.completion(1).unwrap().tag.as_deref(), Some("SELECT 3"));
    assert_eq!(wire.executions(), 2);
    assert_eq!(wire.completion(1), None);
}

#[test]
fn reads_type_lengths_and_stops_a_flood() {
    let mut state = State { started: true, ..State::default() };
    let mut body = vec![0, 1];
    body.put_slice(b"id\0");
    body.put_u32(16384);
    body.put_u16(1);
    body.put_u32(23);
    body.put_u16(4);
    body.put_u32(u32::MAX);
    body.put_u16(0);
    state.receive(&message(b'T', &body)).unwrap();
    assert_eq!(state.type_lengths.get(&23), Some(&4));

    state.largest_row = 10;
    assert!(state.receive(&[b'D', 0, 0, 1, 0]).is_err());
    assert!(state.oversized);
}
