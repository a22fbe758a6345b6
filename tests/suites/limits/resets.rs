//! Requests over HTTP/2 that are taken back as soon as they are made (CVE-2023-44487): each makes room for the next, so
//! that the number of them at a time bounds nothing.

use std::time::Duration;

use harness::{ProxyBuilder, eventually, key_entry};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::frames::{RST_STREAM, connect, frame, goodbye, hello, sql, talk};
use crate::sql::served::Served;

const SECRET: &str = "secret-of-the-attacker";
/// Counts those that reach Postgres, also where they are cancelled later.
const BODY: &[u8] = br#"{"query": "SELECT nextval('begun'), pg_sleep(60)"}"#;
const CONNECTIONS: usize = 4;
const REQUESTS: u32 = 5000;
// Errors of HTTP/2 (RFC 9113, 7).
const CANCEL: u32 = 8;
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
    let mut client = connect(&served.proxy).await;
    client.write_all(&[hello(), request(1)].concat()).await.unwrap();
    eventually(|| async { served.postgres(begun).await == "1" }).await;
    drop(client);
    let mut attacks = vec![];
    for _ in 0..CONNECTIONS {
        attacks.push(tokio::spawn(attack(connect(&served.proxy).await)));
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
    let mut burst = hello();
    for stream in (0..REQUESTS).map(|n| n * 2 + 1) {
        burst.extend(request(stream));
        burst.extend(frame(RST_STREAM, 0, stream, &CANCEL.to_be_bytes()));
    }
    talk(&mut socket, &burst).await
}

fn request(stream: u32) -> Vec<u8> {
    super::frames::request(stream, &sql(SECRET), BODY)
}
