//! HTTP/2 that is malformed, or means to keep the proxy busy with what costs its client next to nothing.

use std::fs;
use std::time::Duration;

use harness::Proxy;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, PUSH_PROMISE, RST_STREAM, SETTINGS,
    WINDOW_UPDATE, block, connect, frame, frames, goodbye, health, hello, request, reset, sql, talk,
};
use crate::sql::served::Served;

const BODY: &[u8] = br#"{"query":"SELECT 1"}"#;
/// More than any of these may take.
const PATIENCE: Duration = Duration::from_mins(1);

fn field(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

/// A request that is one no more: its stream is reset, or refused, and the next one on the connection is answered.
#[tokio::test]
async fn a_malformed_request_ends_its_stream_alone() {
    let served = Served::plain().await;
    let key = served.proxy.key();
    let with = |fields: &[(&str, &str)]| -> Vec<(String, String)> {
        sql(key).into_iter().chain(fields.iter().map(|(name, value)| field(name, value))).collect()
    };
    let without = |name: &str| sql(key).into_iter().filter(|(known, _)| known != name).collect::<Vec<_>>();
    let long = "x".repeat(70_000);
    for (what, fields, body) in [
        ("a second method", with(&[(":method", "GET")]), BODY),
        ("a second path", with(&[(":path", "/health")]), BODY),
        ("a second authority", with(&[(":authority", "y")]), BODY),
        ("an unknown pseudo-field", with(&[(":extra", "1")]), BODY),
        ("a pseudo-field of answers", with(&[(":status", "200")]), BODY),
        ("no method", without(":method"), BODY),
        ("no path", without(":path"), BODY),
        ("no scheme", without(":scheme"), BODY),
        ("an upper-case name", with(&[("X-Upper", "1")]), BODY),
        ("a field of the connection", with(&[("connection", "close")]), BODY),
        ("chunks", with(&[("transfer-encoding", "chunked")]), BODY),
        ("an upgrade", with(&[("upgrade", "websocket")]), BODY),
        ("another te", with(&[("te", "gzip")]), BODY),
        ("a line feed in a value", with(&[("x", "a\nb")]), BODY),
        ("a head in a value", with(&[("x", "a\r\n\r\nGET /health HTTP/1.1")]), BODY),
        ("a zero in a value", with(&[("x", "a\0b")]), BODY),
        ("a space in a name", with(&[("a b", "1")]), BODY),
        ("a length that is too short", with(&[("content-length", "5")]), BODY),
        ("a length that is too long", with(&[("content-length", "50")]), BODY),
        ("no length", with(&[("content-length", "a")]), BODY),
        (
            "a head over the limit",
            with(&[("x", &long[..20_000]), ("y", &long[..20_000]), ("z", &long[..30_000])]),
            BODY,
        ),
    ] {
        let mut socket = connect(&served.proxy).await;
        let fields = block(&fields);
        let mut first = vec![];
        // In frames of at most 16 KiB.
        for (number, part) in fields.chunks(16 << 10).enumerate() {
            let flags = if (number + 1) * (16 << 10) >= fields.len() { END_HEADERS } else { 0 };
            first.extend(frame(if number == 0 { HEADERS } else { CONTINUATION }, flags, 1, part));
        }
        first.extend(frame(DATA, END_STREAM, 1, body));
        // A new one behind it; then nothing more is sent.
        socket.write_all(&[hello(), first, request(3, &health(), b"")].concat()).await.unwrap();
        let heard = heard_until(&mut socket, |heard| goodbye(heard).is_some() || status_of(heard, 3).is_some()).await;
        let refused = reset(&heard, 1).is_some() || status_of(&heard, 1).is_some_and(|status| status.starts_with('4'));
        assert!(refused || goodbye(&heard).is_some(), "{what}: {:?}", frames(&heard));
        assert_ne!(status_of(&heard, 1).as_deref(), Some("200"), "{what}");
    }
    assert_eq!(served.value("SELECT 1").await, 1);
}

/// The status of an answer as it is compressed: one of the table's, or literal.
fn status_of(heard: &[u8], stream: u32) -> Option<String> {
    let (_, _, payload) = *frames(heard).iter().find(|(kind, of, _)| (*kind, *of) == (HEADERS, stream))?;
    // RFC 7541, appendix A: 8 to 14.
    let known = ["200", "204", "206", "304", "400", "404", "500"];
    Some(match payload.iter().find(|byte| **byte & 0xe0 != 0x20)? {
        byte if byte & 0x80 != 0 => known.get(usize::from(byte & 0x7f) - 8).map_or("?", |it| it).to_owned(),
        // The others begin with a 4, or are not to be there.
        _ => "4".to_owned(),
    })
}

async fn heard_until(socket: &mut tokio::net::TcpStream, enough: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut heard = vec![];
    let reading = async { while !enough(&heard) && socket.read_buf(&mut heard).await.is_ok_and(|read| read > 0) {} };
    let in_time = timeout(PATIENCE, reading).await;
    assert!(in_time.is_ok(), "{:?}", frames(&heard));
    heard
}

/// What breaks the rules of the connection ends it, with an error.
#[tokio::test]
async fn a_malformed_connection_is_ended() {
    let served = Served::plain().await;
    let ask = request(1, &sql(served.proxy.key()), BODY);
    let (zero, most) = (0_u32.to_be_bytes(), 0x7fff_ffff_u32.to_be_bytes());
    for (what, bytes) in [
        ("DATA on no stream", frame(DATA, 0, 0, b"x")),
        ("HEADERS on no stream", frame(HEADERS, END_HEADERS, 0, &block(&health()))),
        ("a stream of the server's", frame(HEADERS, END_HEADERS, 2, &block(&health()))),
        ("an older stream", [request(5, &health(), b""), frame(HEADERS, END_HEADERS, 3, &block(&health()))].concat()),
        ("CONTINUATION of nothing", frame(CONTINUATION, END_HEADERS, 1, &block(&health()))),
        ("something within a head", [frame(HEADERS, 0, 1, &block(&health())), frame(PING, 0, 0, &[0; 8])].concat()),
        ("a promise", frame(PUSH_PROMISE, END_HEADERS, 1, &[0; 8])),
        ("fields that are none", frame(HEADERS, END_HEADERS, 1, &[0xff; 20])),
        ("a frame over the limit", frame(DATA, 0, 1, &vec![0; 20_000])),
        ("half a PING", frame(PING, 0, 0, &[0; 4])),
        ("half a SETTING", frame(SETTINGS, 0, 0, &[0; 5])),
        ("a window of nothing", frame(WINDOW_UPDATE, 0, 0, &zero)),
        ("a window too large", [frame(WINDOW_UPDATE, 0, 0, &most), frame(WINDOW_UPDATE, 0, 0, &most)].concat()),
        ("padding that is longer than all", frame(HEADERS, END_HEADERS | 8, 1, &[200, 0, 0])),
    ] {
        let mut socket = connect(&served.proxy).await;
        let heard = timeout(PATIENCE, talk(&mut socket, &[hello(), bytes].concat())).await.expect(what);
        let told = goodbye(&heard);
        assert!(told.is_some_and(|error| error != 0), "{what}: {told:?}, {:?}", frames(&heard));
    }
    let mut socket = connect(&served.proxy).await;
    socket.write_all(&[hello(), ask].concat()).await.unwrap();
    let heard = heard_until(&mut socket, |heard| status_of(heard, 1).is_some()).await;
    assert_eq!(status_of(&heard, 1).as_deref(), Some("200"));
}

/// Resident memory of the process, in KiB.
fn resident(proxy: &Proxy) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// Small frames without end, whose sender reads nothing: the connection ends, or waits, and none of it is kept.
#[tokio::test]
async fn floods_of_small_frames_take_no_memory_and_hold_up_nobody() {
    let served = Served::plain().await;
    served.ask("SELECT 1").await.expect(200);
    let open = frame(HEADERS, 0, 1, &block(&health()));
    let settings = frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 255, 255]);
    let priority = frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1]);
    let floods: [(&str, Vec<u8>, Vec<u8>); 9] = [
        ("PING", vec![], frame(PING, 0, 0, &[7; 8])),
        ("SETTINGS", vec![], settings),
        ("PRIORITY", vec![], priority),
        ("CONTINUATION", open.clone(), frame(CONTINUATION, 0, 1, &block(&[field("x", "y")]))),
        ("empty CONTINUATION", open, frame(CONTINUATION, 0, 1, &[])),
        ("empty DATA", frame(HEADERS, END_HEADERS, 1, &block(&sql(served.proxy.key()))), frame(DATA, 0, 1, &[])),
        ("WINDOW_UPDATE", vec![], frame(WINDOW_UPDATE, 0, 0, &1_u32.to_be_bytes())),
        ("RST_STREAM", request(1, &health(), b""), frame(RST_STREAM, 0, 1, &8_u32.to_be_bytes())),
        ("an unknown kind", vec![], frame(0xbb, 0, 0, &[1; 64])),
    ];
    for (what, first, one) in floods {
        let before = resident(&served.proxy);
        let mut sockets = vec![];
        for _ in 0..4 {
            let mut socket = connect(&served.proxy).await;
            let burst = one.repeat(1000);
            let _ = socket.write_all(&[hello(), first.clone()].concat()).await;
            // Until the proxy ends the connection, or takes no more.
            for _ in 0..200 {
                let written = timeout(Duration::from_millis(500), socket.write_all(&burst)).await;
                if !matches!(written, Ok(Ok(()))) {
                    break;
                }
            }
            sockets.push(socket);
        }
        served.ask("SELECT 1").await.expect(200);
        let grown = resident(&served.proxy).saturating_sub(before);
        assert!(grown < 16 << 10, "{what}: {grown} KiB more");
    }
}
