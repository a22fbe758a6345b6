//! Bytes on the socket that are no request any more: whatever comes, the process lives on, others are served, and whoever has
//! written it is told a fault of their own, or nothing. The same bytes for a seed (`POOL_PROXY_TEST_SEED`).

use harness::{Dice, Proxy, Wire, cases};
use serde_json::json;

use super::frames::{
    CONTINUATION, DATA, HEADERS, SETTINGS, WINDOW_UPDATE, connect, frame, goodbye, health, hello, request, sql,
};
use crate::sql::served::Served;

const PIECES: &[&str] = &[
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    "\0",
    "HTTP/1.1",
    "HTTP/1.0",
    "HTTP/2.0",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "GET ",
    "POST ",
    "CONNECT ",
    "/sql",
    "/query",
    "/invalidate",
    "/transaction/",
    "/health",
    "?",
    "%",
    "#",
    "*",
    "content-length: 5\r\n",
    "content-length: 99999999999\r\n",
    "transfer-encoding: chunked\r\n",
    "expect: 100-continue\r\n",
    "connection: upgrade\r\n",
    "0\r\n\r\n",
    "é",
    "{",
    "\"",
];

/// One request for each route, as its clients write it.
fn valid(proxy: &Proxy) -> Vec<Vec<u8>> {
    let key = proxy.key();
    let bearer = format!("authorization: Bearer {key}\r\n");
    let json = "content-type: application/json\r\n";
    let url = format!("neon-connection-string: postgres://app:{key}@x/default?cache_max_age=5&cache_tags=a\r\n");
    let plan = json!({ "operation": "queryRaw", "params": {}, "plan": { "type": "query", "args": {
        "type": "rawSql", "sql": "SELECT 1", "args": [], "argTypes": [] } } });
    let batch = json!({ "queries": [{ "query": "SELECT 1" }, { "query": "SELECT $1::text", "params": ["a"] }] });
    let transaction = "/transaction/5f0c1a52-1d3e-4f6a-9b7c-0123456789ab";
    let requests = [
        (
            "POST",
            "/sql",
            format!("{bearer}if-none-match: W/\"abc\"\r\naccept-encoding: gzip\r\n"),
            json!({ "query": "SELECT 1" }),
        ),
        ("POST", "/sql", format!("{url}pool-bookmark: 0/1\r\n"), json!({ "query": "SELECT $1::int", "params": [1] })),
        (
            "POST",
            "/sql",
            format!("{bearer}neon-batch-isolation-level: Serializable\r\ncache-control: max-age=5\r\n"),
            batch,
        ),
        ("POST", "/query", format!("{bearer}{json}traceparent: 00-{:032x}-{:016x}-01\r\n", 1, 1), plan.clone()),
        ("POST", "/transaction/start", format!("{bearer}{json}"), json!({ "maxWait": 1, "timeout": 1 })),
        ("POST", &format!("{transaction}/query"), format!("{bearer}{json}"), plan),
        ("POST", &format!("{transaction}/commit"), format!("{bearer}pool-sequence: 1\r\n"), json!({})),
        ("POST", "/invalidate", bearer.clone(), json!({ "tags": ["a"] })),
        ("GET", "/connection-info", bearer, json!("")),
        ("OPTIONS", "/sql", "origin: https://a.example\r\n".to_owned(), json!("")),
    ];
    let written = |(method, path, lines, body): (&str, &str, String, serde_json::Value)| {
        let body = body.to_string();
        let length = format!("content-length: {}\r\n", body.len());
        format!("{method} {path} HTTP/1.1\r\nhost: x\r\n{lines}{length}\r\n{body}").into_bytes()
    };
    requests.into_iter().map(written).collect()
}

/// All answers that came, whatever else did.
fn statuses(heard: &[u8]) -> Vec<u16> {
    let text = String::from_utf8_lossy(heard);
    text.split("HTTP/1.").skip(1).filter_map(|rest| rest.get(2..5)?.parse().ok()).collect()
}

fn check_alive(mut proxy: Proxy, key: &str) {
    assert!(proxy.exited().is_none(), "it has ended: {}", proxy.stderr());
    let log = proxy.stderr();
    assert!(!log.contains("panic") && !log.contains("internal error") && !log.contains(key), "{log}");
}

async fn check(behind_a_relay: bool) {
    let served = Served::plain().await;
    let relay = if behind_a_relay { Some(Proxy::builder().relay_to(&served.proxy).start().await) } else { None };
    let door = relay.as_ref().unwrap_or(&served.proxy);
    let valid = valid(&served.proxy);
    let mut dice = Dice::new();
    let (mut fine, mut refused) = (0, 0);
    for number in 0..cases(1500) {
        let mut bytes = valid[number % valid.len()].clone();
        match number % 5 {
            0 => bytes = dice.bytes(200),
            1 => bytes = dice.pieces(PIECES, 20).into_bytes(),
            _ => dice.spoil(&mut bytes, PIECES),
        }
        // Some with another request behind them, some in two writes.
        if dice.once_in(4) {
            bytes.extend(&valid[0]);
        }
        let mut wire = Wire::open(door).await;
        let half = if dice.once_in(4) { dice.below(bytes.len() + 1) } else { bytes.len() };
        let _ = wire.try_write(&bytes[..half]).await;
        let _ = wire.try_write(&bytes[half..]).await;
        let _ = wire.finish().await;
        let heard = wire.rest().await;
        for status in statuses(&heard) {
            let sent = String::from_utf8_lossy(&bytes);
            let said = String::from_utf8_lossy(&heard);
            // 501: an idempotency key where no table is for it.
            assert!(
                (100..500).contains(&status) || status == 501,
                "{said}\n{sent:?}\nPOOL_PROXY_TEST_SEED={}",
                dice.seed()
            );
            *if status < 400 { &mut fine } else { &mut refused } += 1;
        }
    }
    assert!(fine > cases(1500) / 150 && refused > cases(1500) / 10, "{fine} {refused}");
    assert_eq!(served.value("SELECT 1").await, 1);
    let key = served.proxy.key().to_owned();
    if let Some(relay) = relay {
        check_alive(relay, &key);
    }
    check_alive(served.proxy, &key);
}

#[tokio::test]
async fn whatever_is_written_the_proxy_lives() {
    check(false).await;
}

#[tokio::test]
async fn whatever_is_written_the_relay_and_the_proxy_behind_it_live() {
    check(true).await;
}

/// Frames that were right, with something else in a place or two.
#[tokio::test]
async fn whatever_frames_come_the_proxy_lives() {
    let served = Served::plain().await;
    let key = served.proxy.key().to_owned();
    let body = br#"{"query":"SELECT 1"}"#;
    let mut dice = Dice::new();
    let (mut ended, mut answered) = (0, 0);
    for number in 0..cases(1500) {
        let mut bytes = [request(1, &sql(&key), body), request(3, &health(), b"")].concat();
        match number % 4 {
            0 => bytes = dice.bytes(200),
            1 => {
                let kinds = [DATA, HEADERS, SETTINGS, WINDOW_UPDATE, CONTINUATION, 2, 3, 5, 6, 7, 10, 255];
                let flags = u8::try_from(dice.below(64)).unwrap();
                let any = |dice: &mut Dice| {
                    frame(kinds[dice.below(kinds.len())], flags, u32::try_from(dice.below(5)).unwrap(), &dice.bytes(20))
                };
                bytes = (0..8).flat_map(|_| any(&mut dice)).collect();
            }
            _ => dice.spoil(&mut bytes, &["\0\0\0\u{4}\u{1}", "\0", "\u{1}", "\u{7f}", ":path", "GET"]),
        }
        let mut socket = connect(&served.proxy).await;
        let mut sent = [hello(), bytes].concat();
        if number % 7 == 0 {
            dice.spoil(&mut sent, PIECES);
        }
        // A GOAWAY of its own, so that the proxy ends the connection, and the end of what is sent.
        sent.extend(frame(7, 0, 0, &[0; 8]));
        let heard = talk_to_the_end(&mut socket, &sent).await;
        ended += usize::from(goodbye(&heard).is_some());
        answered += usize::from(super::frames::frames(&heard).iter().any(|(kind, ..)| *kind == HEADERS));
    }
    assert!(ended > cases(1500) / 10 && answered > cases(1500) / 500, "{ended} {answered}");
    assert_eq!(served.value("SELECT 1").await, 1);
    check_alive(served.proxy, &key);
}

async fn talk_to_the_end(socket: &mut tokio::net::TcpStream, bytes: &[u8]) -> Vec<u8> {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let (mut reading, mut writing) = socket.split();
    let mut heard = vec![];
    let write = async {
        let _ = writing.write_all(bytes).await;
        let _ = writing.shutdown().await;
    };
    let _ = tokio::join!(write, reading.read_to_end(&mut heard));
    heard
}
