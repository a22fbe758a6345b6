//! A server whose answers take long to arrive.

use std::time::Duration;

use harness::{Database, Proxy, ProxyBuilder, Relay, Way, Wire, eventually, fresh_database, key_entry};
use serde_json::{Value, json};

use crate::sql::served::batch;

/// A proxy that reaches its database through a relay.
async fn behind(relay: &Relay, database: &Database, settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Proxy {
    let proxy = settings(Proxy::builder().through(relay, database)).start().await;
    eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
    proxy
}

#[tokio::test]
async fn time_that_is_over_before_begin_is_acknowledged_is_still_504() {
    let database = fresh_database().await;
    database.batch("CREATE TABLE t (a int)").await;
    let relay = Relay::to(&database.url()).await;
    let config = "[limits]\nquery = \"1s\"\ntransaction = \"1s\"";
    let proxy = behind(&relay, &database, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await;
    let body = batch(&["INSERT INTO t VALUES (1)", "SELECT pg_sleep($1::float8)"]);
    let sleeping = |seconds: &str| -> Value {
        let mut body = body.clone();
        body["queries"][1]["params"] = json!([seconds]);
        body
    };
    // Known and prepared: from now on BEGIN and all the rest go in one flight.
    for _ in 0..3 {
        proxy.sql(sleeping("0")).await.expect(200);
    }
    let backend = proxy.sql(json!({ "query": "SELECT pg_backend_pid()" })).await.expect(200).body;
    relay.delay(Way::Back, Duration::from_millis(1500));
    let answer = proxy.sql(sleeping("30")).await;
    assert_eq!(answer.status, 504, "{}", answer.text);
    relay.forward();
    // Nothing of it is left, and the connection is the same.
    let count = proxy.sql(json!({ "query": "SELECT count(*)::int FROM t" })).await.expect(200);
    assert_eq!(count.body["rows"], json!([{ "count": 3 }]));
    assert_eq!(proxy.sql(json!({ "query": "SELECT pg_backend_pid()" })).await.expect(200).body, backend);
}

#[tokio::test]
async fn judging_a_batch_is_not_charged_to_its_first_statement() {
    let database = fresh_database().await;
    database.batch("CREATE TABLE t (a int)").await;
    let relay = Relay::to(&database.url()).await;
    let config = "[limits]\nquery = \"2s\"\ntransaction = \"60s\"";
    let second = "a read-only key, long enough";
    let config = format!("{config}\n{}", key_entry("reads", second, "read_only = true"));
    let proxy = behind(&relay, &database, |proxy| proxy.config(config)).await;
    // Each of these is asked about, over several round trips, before the first of them runs.
    relay.delay(Way::Back, Duration::from_millis(100));
    let queries: Vec<String> = (0..10).map(|number| format!("SELECT a, {number} FROM t")).collect();
    let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
    let request = proxy.request("POST", "/sql").bearer(second).json(&batch(&queries));
    let answer = request.send().await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[tokio::test]
async fn a_connection_lost_before_anything_ran_is_503() {
    let database = fresh_database().await;
    database.batch("CREATE TABLE t (a int)").await;
    let relay = Relay::to(&database.url()).await;
    let second = "a read-only key, long enough";
    let config = key_entry("reads", second, "read_only = true");
    let proxy = behind(&relay, &database, |proxy| proxy.config(config)).await;
    let lock = database.client().await;
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    for key in [second, proxy.key()] {
        for body in &[json!({ "query": "SELECT a FROM t" }), batch(&["SELECT 1", "SELECT a FROM t"])] {
            // To learn what a statement is, its tables must be free.
            lock.batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await.unwrap();
            let request = tokio::spawn(proxy.request("POST", "/sql").bearer(key).json(body).send());
            let client = database.client().await;
            eventually(|| async { client.query(waiting, &[]).await.unwrap().len() == 1 }).await;
            relay.reset().await;
            let answer = request.await.unwrap();
            assert_eq!(answer.status, 503, "{key} {body}: {}", answer.text);
            assert_ne!(answer.header("retry-after"), "");
            lock.batch_execute("ROLLBACK").await.unwrap();
            eventually(|| async { client.query(waiting, &[]).await.unwrap().is_empty() }).await;
            eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
        }
    }
}

/// A cancel goes another way than what it is to cancel, and may be there first.
#[tokio::test]
async fn a_cancel_that_comes_too_early_is_sent_again() {
    let database = fresh_database().await;
    let relay = Relay::to(&database.url()).await;
    let config = "[limits]\nquery = \"1s\"";
    let proxy = behind(&relay, &database, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await;
    let sleep = |seconds: &str| json!({ "query": "SELECT pg_sleep($1::float8)", "params": [seconds] });
    for _ in 0..3 {
        proxy.sql(sleep("0")).await.expect(200);
    }
    let backend = || async { proxy.sql(json!({ "query": "SELECT pg_backend_pid()" })).await.expect(200).body };
    let before = backend().await;
    for client_leaves in [false, true] {
        let mut client = Wire::open(&proxy).await;
        relay.delay(Way::Out, Duration::from_millis(1500));
        client.send(&sleep("300")).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        // What comes from now on is not delayed: the cancel overtakes the query.
        relay.forward();
        if client_leaves {
            drop(client);
        } else {
            client.answer().await.expect(504);
        }
        assert_eq!(backend().await, before);
    }
}
