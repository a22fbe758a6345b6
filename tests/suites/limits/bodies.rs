//! Bodies of requests that wait are held in memory: within a bound.

use harness::eventually;
use serde_json::{Value, json};

use super::wire::Wire;
use crate::sql::served::Served;

fn large(kibibytes: usize) -> Value {
    json!({ "query": "SELECT length($1::text) AS length", "params": ["x".repeat(kibibytes << 10)] })
}

#[tokio::test]
async fn a_body_there_is_no_room_for_is_503_at_once() {
    let config = "[limits]\nqueue = \"60s\"\nquery = \"60s\"\n[clients]\nbody_bytes = \"1MiB\"";
    let served = Served::with("", |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await;
    let blocker = served.database.client().await;
    blocker.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let lock = json!({ "query": "SELECT pg_advisory_xact_lock(1)::text" });
    let first = tokio::spawn(served.proxy.sql_request(&lock).send());
    let held_up = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    eventually(|| async { served.postgres(held_up).await == "1" }).await;
    let waiting: Vec<_> = (0..3).map(|_| tokio::spawn(served.proxy.sql_request(&large(300)).send())).collect();
    eventually(|| async { served.metric("pool_proxy_client_bodies_bytes").await > 900.0 * 1024.0 }).await;
    for _ in 0..5 {
        let refused = served.proxy.sql(large(300)).await.expect(503);
        assert_eq!(refused.header("retry-after"), "1");
        assert!(refused.body["message"].is_string(), "{}", refused.text);
    }
    blocker.batch_execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    first.await.unwrap().expect(200);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().expect(200).body["rows"][0]["length"], 300 << 10);
    }
    served.proxy.sql(large(300)).await.expect(200);
    eventually(|| async { served.metric("pool_proxy_client_bodies_bytes").await < 1.0 }).await;
}

/// Whoever is refused while it is still sending gets to read why.
#[tokio::test]
async fn a_refusal_reaches_a_client_that_is_still_sending() {
    let file = "[limits]\nrequest_bytes = \"1MiB\"";
    let served = Served::with("", |proxy| proxy.config(file)).await;
    for (key, length, status) in [("wrong", 8 << 20, 401), (served.proxy.key(), 8 << 20, 413)] {
        for _ in 0..5 {
            let mut wire = Wire::open(&served.proxy).await;
            let head = wire.head(length).replace(served.proxy.key(), key);
            wire.write(&head).await;
            // Would fail if the connection were closed with something unread.
            for _ in 0..length >> 16 {
                wire.write(&" ".repeat(1 << 16)).await;
                tokio::task::yield_now().await;
            }
            let answer = wire.answer().await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        }
    }
}
