//! A database that is down is asked for by one at a time, and is not stormed when it comes back.

use futures_util::future::join_all;
use harness::{Proxy, Relay, Way, eventually, fresh_database};
use serde_json::json;

const ASK: &str = "SELECT 1";

#[tokio::test]
async fn five_hundred_clients_are_no_stampede() {
    let database = fresh_database().await;
    let relay = Relay::to(&database.url()).await;
    let proxy = Proxy::builder().through(&relay, &database).env("POOL_PROXY_POOL_MAX", "4");
    // All five hundred are served in the end, however slow the machine.
    let proxy = proxy.config("[limits]\nqueue = \"60s\"").start().await;
    eventually(|| async { proxy.sql(json!({ "query": ASK })).await.status == 200 }).await;
    relay.refuse();
    relay.reset().await;
    let before = relay.opened();
    for _ in 0..10 {
        for answer in join_all((0..500).map(|_| proxy.sql(json!({ "query": ASK })))).await {
            assert!([502, 503].contains(&answer.status.as_u16()), "{} {}", answer.status, answer.text);
            assert!(answer.status == 502 || !answer.header("retry-after").is_empty(), "{:?}", answer.headers);
        }
    }
    let attempts = relay.opened() - before;
    // One after the other, with ever longer pauses.
    assert!(attempts < 100, "{attempts} attempts to connect");
    relay.forward();
    let before = relay.opened();
    eventually(|| async { proxy.sql(json!({ "query": ASK })).await.status == 200 }).await;
    for answer in join_all((0..500).map(|_| proxy.sql(json!({ "query": ASK })))).await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let connects = relay.opened() - before;
    assert!(connects <= 4, "{connects} connections after it was back");
}

#[tokio::test]
async fn readiness_is_told_in_time_though_all_connections_hang() {
    let database = fresh_database().await;
    let relay = Relay::to(&database.url()).await;
    let proxy = Proxy::builder().database_url(relay.url(&database.url())).env("POOL_PROXY_POOL_MAX", "2");
    let proxy = proxy.config("[limits]\nquery = \"60s\"").start().await;
    eventually(|| async { proxy.ops_request("GET", "/ready").send().await.status == 200 }).await;
    // At work, and all the same ready.
    let busy: Vec<_> =
        (0..2).map(|_| tokio::spawn(proxy.sql_request(&json!({ "query": "SELECT pg_sleep(60)" })).send())).collect();
    eventually(|| async { database.sleeping().await == 2 }).await;
    proxy.ops_request("GET", "/ready").send().await.expect(200);
    relay.stall(Way::Out);
    relay.stall(Way::Back);
    let ready = proxy.ops_request("GET", "/ready").send().await.expect(503);
    assert!(ready.body["databases"]["default"].as_str().unwrap().contains("does not answer"), "{}", ready.text);
    relay.forward();
    proxy.ops_request("GET", "/ready").send().await.expect(200);
    for request in busy {
        request.abort();
    }
}
