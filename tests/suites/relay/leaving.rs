//! Clients that leave, and a relay that does.

use harness::{Folder, Proxy, ProxyBuilder, Signal, Wire, eventually};
use serde_json::json;
use tokio::net::TcpStream;

use super::Relayed;
use super::stub::Stub;
use crate::sql::served::Served;

const PATIENT: &str = "drain_delay = \"0s\"\n[limits]\nquery = \"60s\"";

async fn asleep(served: &Served, expected: i64) {
    eventually(|| async { served.database.sleeping().await == expected }).await;
}

#[tokio::test]
async fn a_client_that_leaves_has_its_query_cancelled_in_postgres() {
    let folder = Folder::new();
    folder.authority("ours");
    folder.certificate_by("server", "ours");
    let plain = Served::with("", |proxy| proxy.config(PATIENT)).await;
    let encrypted = Served::with("", |proxy: ProxyBuilder| {
        let proxy = proxy.config(PATIENT).env("POOL_PROXY_TLS_CERT", folder.path("server.crt"));
        proxy.env("POOL_PROXY_TLS_KEY", folder.path("server.key"))
    })
    .await;
    // Over HTTP/1.1 and HTTP/2.
    for served in [plain, encrypted] {
        let builder = Proxy::builder().relay_to(&served.proxy);
        let relay = builder.env("POOL_PROXY_UPSTREAM_ROOT_CERT", folder.path("ours.crt")).start().await;
        let mut client = Wire::open(&relay).await;
        client.send(&json!({ "query": "SELECT pg_sleep(50)" })).await;
        asleep(&served, 1).await;
        drop(client);
        asleep(&served, 0).await;
        relay.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    }
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_of_an_answer_or_a_request_ends_it() {
    let stub = Stub::new().await;
    let relay = Proxy::builder().relay(&stub.url, "key").start().await;
    let mut client = Wire::open(&relay).await;
    client.write("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut visit = stub.visited().await;
    visit.read_to("\r\n\r\n").await;
    visit.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc").await;
    drop(client);
    assert!(visit.is_closed().await);
    let mut client = Wire::open(&relay).await;
    client.write("POST /x HTTP/1.1\r\nhost: x\r\ncontent-length: 6\r\n\r\nabc").await;
    let mut visit = stub.visited().await;
    visit.read_to("abc").await;
    drop(client);
    assert!(visit.is_closed().await);
}

#[tokio::test]
async fn what_runs_is_finished_new_connections_are_refused_and_the_exit_is_zero() {
    let served = Served::with("", |proxy| proxy.config(PATIENT)).await;
    let builder = Proxy::builder().relay_to(&served.proxy);
    let mut relay = builder.config("drain_delay = \"0s\"").start().await;
    let running = tokio::spawn(relay.sql_request(&json!({ "query": "SELECT pg_sleep(3)::text AS slept" })).send());
    asleep(&served, 1).await;
    relay.signal(Signal::Terminate);
    let address = relay.url().trim_start_matches("http://").to_owned();
    eventually(|| async { TcpStream::connect(&address).await.is_err() }).await;
    assert!(relay.exited().is_none());
    assert_eq!(running.await.unwrap().expect(200).body["rowCount"], 1);
    assert!(relay.terminate().await.success());
}

#[tokio::test]
async fn an_answer_on_its_way_is_finished() {
    let stub = Stub::new().await;
    let mut relay = Proxy::builder().relay(&stub.url, "key").config("drain_delay = \"0s\"").start().await;
    let asking = tokio::spawn(relay.request("GET", "/x").send());
    let mut visit = stub.visited().await;
    visit.read_to("\r\n\r\n").await;
    visit.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc").await;
    eventually(|| async { relay.ops_request("GET", "/metrics").send().await.text.contains("status=\"200\"") }).await;
    relay.signal(Signal::Terminate);
    let address = relay.url().trim_start_matches("http://").to_owned();
    eventually(|| async { TcpStream::connect(&address).await.is_err() }).await;
    visit.write("def").await;
    assert_eq!(asking.await.unwrap().expect(200).text, "abcdef");
    assert!(relay.terminate().await.success());
}

#[tokio::test]
async fn a_relay_that_is_killed_has_its_queries_cancelled() {
    let relayed = Relayed::with("", |proxy| proxy.config(PATIENT)).await;
    let Relayed { served, mut relay } = relayed;
    let asking = tokio::spawn(relay.sql_request(&json!({ "query": "SELECT pg_sleep(50)" })).try_send());
    asleep(&served, 1).await;
    relay.kill();
    asleep(&served, 0).await;
    assert!(asking.await.unwrap().is_err());
}
