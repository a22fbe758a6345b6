//! Connections that a firewall has forgotten: nothing arrives, and nobody is told.

use std::time::Duration;

use harness::{Proxy, Relay, eventually, eventually_within, fresh_database};
use serde_json::json;

#[tokio::test]
async fn idle_ones_are_found_out_before_a_request_needs_them() {
    let database = fresh_database().await;
    let relay = Relay::to(&database.url()).await;
    // All there may be are lost.
    let config = "[pool]\nmax = 2\nmin_idle = 2";
    let proxy = Proxy::builder().through(&relay, &database).config(config).start().await;
    eventually(|| async { relay.opened() == 2 }).await;
    eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
    relay.lose();
    // A connection is asked for a sign of life after ten quiet seconds.
    eventually_within(Duration::from_mins(1), || async { relay.opened() >= 4 }).await;
    eventually(|| async { proxy.ops_request("GET", "/pools").send().await.body["pools"][0]["idle"] == 2 }).await;
    for _ in 0..5 {
        proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    }
}

#[tokio::test]
async fn one_in_use_costs_its_request_alone() {
    let database = fresh_database().await;
    let relay = Relay::to(&database.url()).await;
    let config = "[limits]\nquery = \"1s\"\n[pool]\nmax = 2";
    let proxy = Proxy::builder().through(&relay, &database).config(config).start().await;
    eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
    let request = tokio::spawn(proxy.sql_request(&json!({ "query": "SELECT pg_sleep(60)" })).send());
    eventually(|| async { database.sleeping().await == 1 }).await;
    // What comes before the statement is acknowledged: until then no cancel is safe.
    relay.quiet().await;
    relay.lose();
    let answer = request.await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.body["outcome"]), (502, &json!("unknown")), "{}", answer.text);
    // Cancelled over a connection of its own, which nobody hears of.
    eventually(|| async { database.sleeping().await == 0 }).await;
    // Its place is taken again, and so is that of the one that idled, once they are given up for lost.
    eventually_within(Duration::from_mins(1), || async {
        proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200
    })
    .await;
}
