//! A key with a role needs a second connection for a moment, where a statement in its transaction is new.

use std::time::Duration;

use harness::{Answer, Proxy, eventually, key_entry};
use serde_json::{Value, json};

use crate::sql::served::Served;

const READER: &str = "a key that only reads";

/// With a key that is restricted.
async fn served(settings: &str) -> Served {
    let config = format!("{settings}\n{}", key_entry("reader", READER, "read_only = true"));
    Served::with("CREATE TABLE t (a int)", |proxy| proxy.config(config)).await
}

async fn begin(proxy: &Proxy, timeout: u64) -> String {
    let options = json!({ "maxWait": 5000, "timeout": timeout });
    let begun = proxy.request("POST", "/transaction/start").bearer(READER).json(&options).send().await.expect(200);
    begun.body["id"].as_str().unwrap().to_owned()
}

async fn step(proxy: &Proxy, id: &str, query: &str) -> Answer {
    let body: Value = json!({ "query": query, "arrayMode": true });
    proxy.request("POST", "/sql").bearer(READER).json(&body).header("Pool-Transaction", id).send().await
}

async fn commit(proxy: &Proxy, id: &str) -> Answer {
    proxy.request("POST", &format!("/transaction/{id}/commit")).bearer(READER).send().await
}

#[tokio::test]
async fn a_transaction_goes_on_when_there_is_none() {
    let served = served("[pool]\nmax = 2\ntransactions = 1\n[limits]\nqueue = \"300ms\"").await;
    let id = begin(&served.proxy, 60_000).await;
    step(&served.proxy, &id, "SELECT count(*) FROM t").await.expect(200);
    let other = tokio::spawn(served.proxy.sql_request(&json!({ "query": "SELECT pg_sleep(60)" })).send());
    eventually(|| async { served.database.sleeping().await == 1 }).await;
    let refused = step(&served.proxy, &id, "SELECT count(*) + 1 FROM t").await.expect(503);
    assert!(refused.text.contains("second connection"), "{}", refused.text);
    assert!(refused.text.contains("still open"), "{}", refused.text);
    // What is known needs none.
    step(&served.proxy, &id, "SELECT count(*) FROM t").await.expect(200);
    other.abort();
    eventually(|| async { served.database.sleeping().await == 0 }).await;
    let again = || step(&served.proxy, &id, "SELECT count(*) + 1 FROM t");
    eventually(|| async { again().await.status == 200 }).await;
    commit(&served.proxy, &id).await.expect(200);
}

#[tokio::test]
async fn a_pool_of_one_connection_has_none() {
    let served = served("[pool]\nmax = 1\n[limits]\nqueue = \"60s\"").await;
    let id = begin(&served.proxy, 60_000).await;
    // Nobody waits for what cannot come.
    let refused = step(&served.proxy, &id, "SELECT count(*) FROM t").await.expect(503);
    assert!(refused.text.contains("pool.max"), "{}", refused.text);
    commit(&served.proxy, &id).await.expect(200);
}

#[tokio::test]
async fn the_wait_for_it_is_of_the_transactions_time() {
    let served = served("[pool]\nmax = 2\ntransactions = 1").await;
    let id = begin(&served.proxy, 4000).await;
    let other = tokio::spawn(served.proxy.sql_request(&json!({ "query": "SELECT pg_sleep(60)" })).send());
    eventually(|| async { served.database.sleeping().await == 1 }).await;
    let free = async {
        tokio::time::sleep(Duration::from_millis(2500)).await;
        other.abort();
    };
    let (late, ()) = tokio::join!(step(&served.proxy, &id, "SELECT pg_sleep(2)"), free);
    assert!(late.expect(409).text.contains("expired transaction"));
}
