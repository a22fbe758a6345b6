//! Connections to Postgres that are reset, at every moment there is.

use futures_util::future::join_all;
use harness::{Database, Proxy, Relay, eventually, fresh_database};
use serde_json::json;

use super::ledger::{Ledger, TABLE};
use crate::pool::cap::Census;

async fn behind_a_relay(max: &str) -> (Database, Relay, Proxy) {
    let database = fresh_database().await;
    database.batch(TABLE).await;
    let relay = Relay::to(&database.url()).await;
    let limits = "[limits]\nquery = \"60s\"\n";
    let proxy =
        Proxy::builder().through(&relay, &database).config(limits).env("POOL_PROXY_POOL_MAX", max).start().await;
    eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
    (database, relay, proxy)
}

#[tokio::test]
async fn while_they_are_idle_nobody_notices() {
    let (database, relay, proxy) = behind_a_relay("4").await;
    let ledger = Ledger::default();
    for round in 0..20 {
        relay.reset().await;
        for batch in [false, true] {
            assert_eq!(ledger.ask(&proxy, batch).await, 200, "round {round}");
        }
    }
    ledger.compare(&database.client().await).await;
}

#[tokio::test]
async fn at_any_moment_what_clients_are_told_is_true() {
    let (database, relay, proxy) = behind_a_relay("4").await;
    let census = Census::of(&database).await;
    let ledger = Ledger::default();
    let writers = join_all((0..16).map(|number| {
        let (ledger, proxy) = (&ledger, &proxy);
        async move {
            for _ in 0..40 {
                ledger.ask(proxy, number % 2 == 0).await;
            }
        }
    }));
    let resets = async {
        loop {
            tokio::time::sleep(std::time::Duration::from_millis(7)).await;
            relay.reset().await;
        }
    };
    tokio::select! {
        _ = writers => {}
        () = resets => {}
    }
    eventually(|| async { ledger.ask(&proxy, false).await == 200 }).await;
    ledger.compare(&database.client().await).await;
    assert!(ledger.count(200) > 0);
    // A backend whose socket was reset is there until it notices.
    let most = census.most().await;
    assert!(most <= 8, "{most} connections");
}

#[tokio::test]
async fn in_the_middle_of_answers_and_commits() {
    let (database, relay, proxy) = behind_a_relay("1").await;
    let ledger = Ledger::default();
    for batch in [false, true] {
        for bytes in (1..160).step_by(3) {
            eventually(|| async { ledger.ask(&proxy, batch).await == 200 }).await;
            relay.cut_after(bytes);
            ledger.ask(&proxy, batch).await;
            relay.forward();
        }
    }
    assert!(ledger.count(502) > 10, "{} of unknown outcome", ledger.count(502));
    eventually(|| async { ledger.ask(&proxy, true).await == 200 }).await;
    ledger.compare(&database.client().await).await;
}

#[tokio::test]
async fn a_read_for_the_cache_is_made_again() {
    let (database, relay, proxy) = behind_a_relay("1").await;
    let client = database.client().await;
    // At work on it for some time, not only asked what it is.
    let running = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' \
        AND query LIKE 'SELECT sum%' AND clock_timestamp() - query_start > '0.1s'";
    for round in 0..2 {
        let query =
            format!("SELECT sum(a + b)::text, {round} FROM generate_series(1, 3000) a, generate_series(1, 3000) b");
        let request = proxy.sql_request(&json!({ "query": query })).header("cache-control", "max-age=60");
        let request = tokio::spawn(request.send());
        eventually(|| async { client.query(running, &[]).await.unwrap().len() == 1 }).await;
        relay.reset().await;
        let answer = request.await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("cache-status"), "pool-proxy; fwd=miss; stored");
        eventually(|| async { client.query(running, &[]).await.unwrap().is_empty() }).await;
    }
}
