//! Bodies of requests that wait are held in memory: within a bound.

use harness::eventually;
use serde_json::{Value, json};

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
    eventually(|| async { served.metric("pool_proxy_pool_connections").await > 0.0 }).await;
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
