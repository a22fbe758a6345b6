//! How much a key may ask: at a time, and in a while.

use std::fs;

use futures_util::future::join_all;
use harness::{Answer, Proxy, Request, eventually, fresh_database, key_entry};
use serde_json::json;

use crate::sql::served::Served;

const LIMITED: &str = "a key that may not ask much";
const OTHER: &str = "another key that may not ask much";

fn file(limits: &str) -> String {
    key_entry("limited", LIMITED, limits) + &key_entry("other", OTHER, limits)
}

async fn served(limits: &str) -> Served {
    Served::with("CREATE TABLE seen (n int)", |proxy| proxy.config(file(limits))).await
}

fn ask(proxy: &Proxy, key: &str, query: &str) -> Request {
    proxy.request("POST", "/sql").bearer(key).json(&json!({ "query": query }))
}

fn retry_after(answer: &Answer) -> u64 {
    answer.header("retry-after").parse().unwrap()
}

#[tokio::test]
async fn a_rate_counts_everything_that_is_asked() {
    let served = served("rate = \"6/h\"").await;
    let proxy = &served.proxy;
    for query in ["SELECT 1", "not SQL"] {
        ask(proxy, LIMITED, query).send().await;
    }
    for _ in 0..2 {
        ask(proxy, LIMITED, "SELECT 2").header("cache-control", "max-age=60").send().await.expect(200);
    }
    proxy.request("POST", "/invalidate").bearer(LIMITED).json(&json!({ "tags": "all" })).send().await.expect(200);
    proxy.request("POST", "/sql").bearer(LIMITED).json(&json!({ "queries": [] })).send().await.expect(200);
    for _ in 0..3 {
        let refused = ask(proxy, LIMITED, "INSERT INTO seen VALUES (1)").send().await.expect(429);
        // A sixth of an hour after the first, at the latest.
        assert!((1..=600).contains(&retry_after(&refused)), "{}", refused.header("retry-after"));
        assert_eq!(refused.body["message"], "this key has sent as many requests as it may for now");
    }
    proxy.request("POST", "/invalidate").bearer(LIMITED).json(&json!({ "tags": "all" })).send().await.expect(429);
    assert_eq!(served.value("SELECT count(*) FROM seen").await, "0");
    // Nobody else is concerned.
    ask(proxy, OTHER, "SELECT 1").send().await.expect(200);
    proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
}

#[tokio::test]
async fn only_so_many_are_under_way_at_a_time() {
    let served = served("concurrency = 2").await;
    let proxy = &served.proxy;
    let blocker = served.database.client().await;
    blocker.batch_execute("BEGIN; LOCK TABLE seen").await.unwrap();
    let held = (0..2).map(|_| tokio::spawn(ask(proxy, LIMITED, "INSERT INTO seen VALUES (1)").send()));
    let held: Vec<_> = held.collect();
    eventually(async || served.postgres("SELECT count(*) FROM pg_locks WHERE NOT granted").await == "2").await;
    let refused = join_all((0..20).map(|_| ask(proxy, LIMITED, "SELECT 1").send())).await;
    for refused in refused {
        assert_eq!(retry_after(&refused.expect(429)), 1);
    }
    ask(proxy, OTHER, "SELECT 1").send().await.expect(200);
    blocker.batch_execute("COMMIT").await.unwrap();
    for held in held {
        held.await.unwrap().expect(200);
    }
    // Their places are free again, also those of clients that left.
    for _ in 0..3 {
        ask(proxy, LIMITED, "SELECT 1").send().await.expect(200);
    }
    blocker.batch_execute("BEGIN; LOCK TABLE seen").await.unwrap();
    for _ in 0..2 {
        let leaving = tokio::spawn(ask(proxy, LIMITED, "INSERT INTO seen VALUES (1)").send());
        eventually(async || served.postgres("SELECT count(*) FROM pg_locks WHERE NOT granted").await == "1").await;
        leaving.abort();
        eventually(async || served.postgres("SELECT count(*) FROM pg_locks WHERE NOT granted").await == "0").await;
    }
    blocker.batch_execute("COMMIT").await.unwrap();
    eventually(async || {
        let both = join_all((0..2).map(|_| ask(proxy, LIMITED, "SELECT pg_sleep(0.1)").send())).await;
        both.iter().all(|answer| answer.status == 200)
    })
    .await;
}

#[tokio::test]
async fn limits_of_keys_change_while_serving() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).config(file("rate = \"1/h\"")).start().await;
    ask(&proxy, LIMITED, "SELECT 1").send().await.expect(200);
    ask(&proxy, LIMITED, "SELECT 1").send().await.expect(429);
    fs::write(proxy.config_path(), file("")).unwrap();
    eventually(async || ask(&proxy, LIMITED, "SELECT 1").send().await.status == 200).await;
    fs::write(proxy.config_path(), file("rate = \"1/h\"")).unwrap();
    eventually(async || ask(&proxy, LIMITED, "SELECT 1").send().await.status == 429).await;
}
