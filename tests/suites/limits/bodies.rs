//! Bodies of requests that wait are held in memory: within a bound.

use harness::{Wire, eventually, key_entry};
use serde_json::{Value, json};

use crate::sql::served::Served;

fn large(kibibytes: usize) -> Value {
    json!({ "query": "SELECT length($1::text) AS length", "params": ["x".repeat(kibibytes << 10)] })
}

/// A greedy key is refused first, and does not keep the others out.
#[tokio::test]
async fn bodies_there_is_no_room_for_are_refused_at_once() {
    let mut config = "[limits]\nqueue = \"60s\"\nquery = \"60s\"\n[clients]\nbody_bytes = \"2MiB\"\n".to_owned();
    let others = ["one", "two", "three", "four"].map(|name| format!("secret-of-client-{name}"));
    for (secret, name) in others.iter().zip(["one", "two", "three", "four"]) {
        config += &key_entry(name, secret, "");
    }
    let served = Served::with("", |proxy| proxy.config(&config).env("POOL_PROXY_POOL_MAX", "1")).await;
    let ask = |secret: &str| served.proxy.request("POST", "/sql").bearer(secret).json(&large(300)).send();
    let blocker = served.database.client().await;
    blocker.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let lock = json!({ "query": "SELECT pg_advisory_xact_lock(1)::text" });
    let first = tokio::spawn(served.proxy.sql_request(&lock).send());
    let held_up = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
    eventually(|| async { served.postgres(held_up).await == "1" }).await;
    let refused = async |secret: &str, status: u16| {
        for _ in 0..5 {
            let refused = ask(secret).await.expect(status);
            assert_eq!(refused.header("retry-after"), "1");
            assert!(refused.body["message"].is_string(), "{}", refused.text);
        }
    };
    let holds = async |bodies: u32| {
        let expected = f64::from(bodies * (300 << 10));
        eventually(|| async { served.metric("pool_proxy_client_bodies_bytes").await > expected }).await;
    };
    let mut waiting: Vec<_> = (0..3).map(|_| tokio::spawn(ask(served.proxy.key()))).collect();
    holds(3).await;
    // It would leave less room than it takes.
    refused(served.proxy.key(), 429).await;
    for (before, secret) in (3..).zip(&others[..3]) {
        waiting.push(tokio::spawn(ask(secret)));
        holds(before + 1).await;
    }
    refused(&others[3], 503).await;
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
    let (key, length) = (served.proxy.key(), 8 << 20);
    let long = format!("POST /sql?{}", "x".repeat(9000));
    for (written, instead, status) in [
        (key, "wrong", 401),
        ("POST /sql", "POST /nope", 404),
        ("POST /sql", "PUT /sql", 405),
        (key, key, 413),
        ("POST /sql", &long, 414),
    ] {
        for _ in 0..5 {
            let mut wire = Wire::open(&served.proxy).await;
            let head = String::from_utf8(wire.head(format!("content-length: {length}\r\n"))).unwrap();
            wire.write(head.replace(written, instead)).await;
            // Would fail if the connection were closed with something unread.
            for _ in 0..length >> 16 {
                wire.write(" ".repeat(1 << 16)).await;
                tokio::task::yield_now().await;
            }
            wire.answer().await.expect(status);
        }
    }
}
