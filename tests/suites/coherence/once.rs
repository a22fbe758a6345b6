//! Writes that are done once, where answers are kept until they change: their repetitions, too, come before what is read then.

use serde_json::json;

use super::bench::{Bench, auto, value};

const COUNTER: &str = "CREATE TABLE counter (id int PRIMARY KEY, n int); INSERT INTO counter VALUES (1, 0)";
const READ: &str = "SELECT n FROM counter WHERE id = 1";

#[tokio::test]
async fn a_repetition_covers_what_the_first_wrote() {
    let bench = Bench::after(COUNTER).await;
    let other = bench.another().await;
    let write = json!({ "query": "UPDATE counter SET n = n + 1 WHERE id = 1 RETURNING n" });
    for n in 1..=20 {
        bench.keep(READ).await;
        let key = format!("k{n}");
        let first = bench.proxy.sql_request(&write).header("Idempotency-Key", &key).send().await.expect(200);
        assert_eq!(first.body["rows"][0]["n"], n);
        assert_eq!(bench.value(READ).await, n, "at the proxy that wrote, without a bookmark");
        let read = |bookmark: String| {
            let body = json!({ "query": READ, "arrayMode": true });
            other.request("POST", "/sql").bearer(other.key()).header("Pool-Bookmark", bookmark).json(&body).send()
        };
        assert_eq!(value(&read(first.header("pool-bookmark")).await), n);
        // At the other proxy it is another principal's key only if it has another name.
        let again = other.request("POST", "/sql").bearer(other.key()).header("Idempotency-Key", &key).json(&write);
        let again = again.send().await.expect(200);
        assert_eq!(again.header("idempotency-replayed"), "true");
        assert_eq!(again.bytes, first.bytes);
        assert!(!again.header("pool-bookmark").is_empty());
        assert_eq!(value(&read(again.header("pool-bookmark")).await), n);
        let body = json!({ "query": READ, "arrayMode": true });
        assert_eq!(value(&other.sql(body).await), n, "at the proxy that repeated, without a bookmark");
    }
}

#[tokio::test]
async fn a_repetition_covers_what_the_first_defined() {
    let bench = Bench::after(&format!("{COUNTER}; CREATE VIEW shown AS SELECT 0 AS n FROM counter")).await;
    // One that tells nobody, or died before it could.
    let first = auto(&bench.postgres).env("POOL_PROXY_CACHE_MODE", "ask").start().await;
    for n in 1..=5 {
        bench.keep("SELECT n FROM shown").await;
        let define = json!({ "query": format!("CREATE OR REPLACE VIEW shown AS SELECT {n} AS n FROM counter") });
        for proxy in [&first, &bench.proxy] {
            let define = proxy.sql_request(&define).header("Idempotency-Key", format!("view-{n}"));
            define.send().await.expect(200);
        }
        assert_eq!(bench.value("SELECT n FROM shown").await, n);
    }
}
