//! Requests over HTTP/2 that are taken back as soon as they are made (CVE-2023-44487): each makes room for the next, so
//! that the number of them at a time bounds nothing.

use std::time::Duration;

use harness::{ProxyBuilder, Wire, eventually, key_entry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::sql::served::Served;

const SECRET: &str = "secret-of-the-attacker";
/// Counts those that reach Postgres, also where they are cancelled later.
const BODY: &[u8] = br#"{"query": "SELECT nextval('begun'), pg_sleep(60)"}"#;
const CONNECTIONS: usize = 4;
const REQUESTS: u32 = 5000;
/// An error of HTTP/2 (RFC 9113, 7).
const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn requests_taken_back_at_once_cost_others_nothing() {
    let config = format!("[limits]\nquery = \"60s\"\n{}", key_entry("attacker", SECRET, ""));
    let settings = |proxy: ProxyBuilder| proxy.config(&config).env("POOL_PROXY_POOL_MAX", "2");
    let served = Served::with("CREATE SEQUENCE begun", settings).await;
    let begun = "SELECT last_value * is_called::int FROM begun";
    let at_work = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
        AND query LIKE '%pg_sleep(60)'";
    // One that is not taken back does reach Postgres.
    let mut client = Wire::open(&served.proxy).await.into_socket();
    client.write_all(&[hello(), request(1)].concat()).await.unwrap();
    eventually(|| async { served.postgres(begun).await == "1" }).await;
    drop(client);
    let mut attacks = vec![];
    for _ in 0..CONNECTIONS {
        attacks.push(tokio::spawn(attack(Wire::open(&served.proxy).await.into_socket())));
    }
    for _ in 0..10 {
        served.ask("SELECT 1").await.expect(200);
    }
    for attack in attacks {
        // It would wait for more of them otherwise.
        let heard = timeout(Duration::from_mins(1), attack).await.expect("the proxy ends the connection").unwrap();
        assert_eq!(goodbye(&heard), Some(ENHANCE_YOUR_CALM), "{} bytes heard", heard.len());
    }
    // Those that did begin are cancelled, as any that nobody waits for.
    eventually(|| async { served.postgres(at_work).await == "0" }).await;
    let begun: usize = served.postgres(begun).await.parse().unwrap();
    assert!(begun < 500, "{begun} of {}", CONNECTIONS * REQUESTS as usize);
    served.ask("SELECT 1").await.expect(200);
}

/// Writes all of it on one connection until the proxy ends that, and returns what the proxy wrote.
async fn attack(mut socket: TcpStream) -> Vec<u8> {
    let (mut reading, mut writing) = socket.split();
    let mut burst = hello();
    for stream in (0..REQUESTS).map(|n| n * 2 + 1) {
        burst.extend(request(stream));
        // RST_STREAM, with CANCEL.
        burst.extend(frame(3, 0, stream, &8_u32.to_be_bytes()));
    }
    let mut heard = vec![];
    // Either fails if the proxy does not read all of it.
    let _ = tokio::join!(writing.write_all(&burst), reading.read_to_end(&mut heard));
    heard
}

/// The error with which the proxy said GOAWAY, if it did (RFC 9113, 6.8).
fn goodbye(mut frames: &[u8]) -> Option<u32> {
    while let Some(([a, b, c, kind, ..], rest)) = frames.split_first_chunk::<9>() {
        let (payload, rest) = rest.split_at_checked(u32::from_be_bytes([0, *a, *b, *c]) as usize)?;
        if *kind == 7 {
            return payload.get(4..8).map(|error| u32::from_be_bytes(error.try_into().unwrap()));
        }
        frames = rest;
    }
    None
}

/// What a client says first (RFC 9113, 3.4), with empty SETTINGS.
fn hello() -> Vec<u8> {
    [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat()
}

/// HEADERS and DATA, each with the flag of its end (RFC 9113, 6).
fn request(stream: u32) -> Vec<u8> {
    [frame(1, 4, stream, &head()), frame(0, 1, stream, BODY)].concat()
}

/// A frame (RFC 9113, 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The head of `POST /sql`, compressed as little as RFC 7541 allows. Its table of what is known has `:method: POST` at 3,
/// `:scheme: http` at 6, and the names `:authority` at 1, `:path` at 4 and `authorization` at 23.
fn head() -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    let bearer = text(&format!("Bearer {SECRET}"));
    [&[0x80 | 3, 0x80 | 6, 1][..], &text("localhost"), &[4], &text("/sql"), &[15, 23 - 15], &bearer].concat()
}
