use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};

use bytes::{BufMut, BytesMut};
use harness::{Dice, cases};

use super::{ANY_ROW, Passed, Reader, State, Taken, TransactionStatus, Wire, passed, wants_text};

pub(in crate::postgres) fn message(kind: u8, body: &[u8]) -> Vec<u8> {
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
    let wire = Wire(Arc::new(Mutex::new(state)));
    // Nobody asks what the last but one of them came to.
    let _readers = [0, 2].map(|execution| wire.read_rows(execution, true));
    let mut sent = message(b'B', &bind(&[0]));
    sent.extend(message(b'S', b""));
    sent.extend(message(b'Q', b"BEGIN\0"));
    sent.extend(message(b'B', &bind(&[1])));
    sent.extend(message(b'S', b""));
    for _ in 0..2 {
        sent.extend(message(b'B', &bind(&[])));
        sent.extend(message(b'S', b""));
    }
    out.clear();
    wire.state().send(&sent, &mut out).unwrap();
    assert_eq!(out.len(), sent.len());
    assert_eq!(out[message(b'B', &bind(&[0])).len() - 1], 0);

    let mut received = Vec::new();
    for tag in ["UPDATE 2", "BEGIN", "SELECT 1", "SELECT 2", "SELECT 3"] {
        received.extend(message(b'C', format!("{tag}\0").as_bytes()));
        received.extend(message(b'Z', b"T"));
    }
    // Whatever the boundaries, the same is read.
    read(&mut wire.state(), &received, 3);
    assert_eq!(wire.status(), Some(TransactionStatus::Open));
    assert_eq!(wire.completion(0).unwrap().tag.as_deref(), Some("UPDATE 2"));
    assert_eq!(wire.completion(1), None);
    assert_eq!(wire.completion(2).unwrap().tag.as_deref(), Some("SELECT 3"));
    assert_eq!(wire.executions(), 3);
    assert_eq!(wire.completion(2), None);
}

/// A row of NULLs, with something behind them.
pub(in crate::postgres) fn row(columns: u16, more: usize) -> Vec<u8> {
    let mut body = columns.to_be_bytes().to_vec();
    body.resize(2 + usize::from(columns) * 4, 0xff);
    body.resize(body.len() + more, b'x');
    body
}

/// Shows the bytes in chunks of a size, as a socket would, and gives what comes out.
pub(super) fn read(state: &mut State, bytes: &[u8], size: usize) -> Vec<u8> {
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

/// A session in which so many executions were sent.
pub(in crate::postgres) fn executing(count: usize) -> Wire {
    let wire = Wire::default();
    let request = [message(b'B', &bind(&[])), message(b'S', b"")].concat();
    wire.state().started = true;
    wire.state().send(&request.repeat(count), &mut BytesMut::new()).unwrap();
    wire
}

/// What one execution is answered with, and what is handed on of that.
pub(in crate::postgres) fn result(rows: &[&[u8]]) -> (Vec<u8>, Vec<u8>) {
    let (begin, end) = (message(b'2', b""), [message(b'C', b"SELECT 2\0"), message(b'Z', b"I")].concat());
    let rows = rows.iter().flat_map(|row| message(b'D', row)).collect();
    ([begin.clone(), rows, end.clone()].concat(), [begin, end].concat())
}

#[test]
fn nothing_but_a_row_may_be_large() {
    let mut state = State { started: true, ..State::default() };
    assert!(state.receive(&mut [b'T', 0x7f, 0, 0, 0]).is_err());
    assert!(state.receive(&mut [b'D', 0, 0, 0, 3]).is_err());
    assert!(state.receive(&mut [b'D', 0x7f, 0, 0, 0]).is_ok());
}

#[test]
fn notices_another_encoding() {
    let mut state = State { started: true, ..State::default() };
    read(&mut state, &message(b'S', b"client_encoding\0LATIN1\0"), 4);
    assert!(state.foreign_encoding);
    read(&mut state, &message(b'S', b"TimeZone\0UTC\0"), 4);
    assert!(state.foreign_encoding);
    read(&mut state, &message(b'S', b"client_encoding\0UTF8\0"), 4);
    assert!(!state.foreign_encoding);
}

#[test]
fn a_copy_goes_no_further() {
    for size in 1..20 {
        let mut state = State { started: true, ..State::default() };
        let mut out = BytesMut::new();
        let end = [message(b'C', b"COPY 2\0"), message(b'Z', b"I")].concat();
        let data = [message(b'H', &[0, 0, 0]), message(b'd', b"1\n"), message(b'd', b""), message(b'c', b"")].concat();
        assert_eq!(read(&mut state, &[data, end.clone()].concat(), size), end, "chunks of {size}");
        state.refuse_copy(&mut out);
        assert!(out.is_empty());
        assert_eq!(std::mem::take(&mut state.passed), Passed { copies: true, ..Passed::default() });
        // One that waits for data is told once that there is none.
        assert!(read(&mut state, &message(b'G', &[0, 0, 0]), size).is_empty());
        for _ in 0..2 {
            state.refuse_copy(&mut out);
        }
        assert_eq!(out, passed::COPY_FAIL);
        assert_eq!(passed::COPY_FAIL, message(b'f', b"COPY cannot be sent here\0"));
    }
}

/// Messages that a server may send, in any order.
fn any_message(dice: &mut Dice) -> Vec<u8> {
    let text = dice.text(9);
    match dice.below(8) {
        0 => message(b'C', format!("SELECT {}\0", dice.below(99)).as_bytes()),
        1 => message(b'Z', dice.pick(&["I", "T", "E"]).as_bytes()),
        2 => message(b'S', format!("client_encoding\0{text}\0").as_bytes()),
        3 => message(b'T', &[&[0, 1][..], text.as_bytes(), &[0; 19]].concat()),
        4 => message(dice.pick(&["G", "H", "d", "c"]).as_bytes()[0], text.as_bytes()),
        5 => message(b'E', text.as_bytes()),
        _ => {
            let long = if dice.below(50) == 0 { ANY_ROW } else { 0 };
            message(b'D', &row(u16::try_from(dice.below(4)).unwrap(), dice.below(60) + long))
        }
    }
}

/// What has come for a reader.
pub(super) fn taken(reader: &Reader) -> (Taken, Vec<u8>) {
    let mut rows = Vec::new();
    (reader.take(&mut rows, &Context::from_waker(Waker::noop())), rows)
}

#[test]
fn whatever_the_pieces_the_same_is_read() {
    let mut dice = Dice::new();
    let mut kinds = [0; 3];
    for _ in 0..cases(2000) {
        let stream: Vec<u8> = (0..20).flat_map(|_| any_message(&mut dice)).collect();
        let fresh = || {
            let wire = executing(3);
            wire.limit_rows(50);
            let readers = [0, 2].map(|execution| wire.read_rows(execution, true));
            (wire, readers)
        };
        let ((whole, of_whole), (cut, of_cut)) = (fresh(), fresh());
        let expected = read(&mut whole.state(), &stream, stream.len());
        assert_eq!(read(&mut cut.state(), &stream, 1 + dice.below(40)), expected);
        assert_eq!((whole.status(), whole.passed()), (cut.status(), cut.passed()));
        for (one, other) in of_whole.iter().zip(&of_cut) {
            let (whole, cut) = (taken(one), taken(other));
            assert!(whole == cut);
            kinds[whole.0 as usize] += 1;
        }
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn whatever_a_server_sends_is_read_or_ends_the_connection() {
    let mut dice = Dice::new();
    let (mut broken, mut fine) = (0, 0);
    for number in 0..cases(10_000) {
        let mut stream: Vec<u8> = (0..6).flat_map(|_| any_message(&mut dice)).collect();
        if number % 4 == 0 {
            stream = dice.bytes(100);
        } else {
            dice.spoil(&mut stream, &["\0", "\0\0\0\u{4}", "D", "Z", "\u{7f}"]);
        }
        let wire = executing(3);
        wire.limit_rows(50);
        let _readers = [0, 2].map(|execution| wire.read_rows(execution, true));
        let mut state = wire.state();
        let (mut held, size) = (vec![], 1 + dice.below(40));
        let all_read = stream.chunks(size).all(|chunk| {
            let mut shown = [&*std::mem::take(&mut held), chunk].concat();
            let received = state.receive(&mut shown);
            let is_read = received.is_ok();
            if let Ok((kept, again)) = received {
                assert!(kept + again <= shown.len() && again < 5);
                held = shown[kept..kept + again].to_vec();
            }
            is_read
        });
        drop(state);
        *if all_read { &mut fine } else { &mut broken } += 1;
        // And what a client's library may send, though it is ours.
        let mut state = State { started: true, ..State::default() };
        let _ = state.send(&stream, &mut BytesMut::new());
    }
    assert!(broken > 0 && fine > 0, "{broken} {fine}");
}
