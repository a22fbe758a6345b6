//! What a client was shown in any way counts: from then on nobody at that proxy is given anything older. The stream is late
//! here, so that it has not told yet.

use harness::{Answer, Relay, Request};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

use super::bench::{Bench, HIT, STORED, auto, status, url, value};
use crate::transactions::open::Open;
use crate::transactions::plan;

const SETUP: &str = "CREATE TABLE counter (id int PRIMARY KEY, n int UNIQUE); INSERT INTO counter VALUES (1, 0);
    CREATE TABLE outside (n int); INSERT INTO outside VALUES (0);
    CREATE FUNCTION refuse(n int) RETURNS int LANGUAGE plpgsql AS
      'BEGIN RAISE EXCEPTION USING MESSAGE = (SELECT max(c.n)::text FROM counter c); END'";
const READ: &str = "SELECT n FROM counter";

/// A proxy that hears of changes late, but soon enough that what it keeps is not in doubt.
struct Late {
    bench: Bench,
    relay: Arc<Relay>,
    proxy: harness::Proxy,
}

impl Late {
    async fn new() -> Self {
        let bench = Bench::after(SETUP).await;
        let relay = Arc::new(Relay::to(&url(&bench.postgres)).await);
        let through = format!("{}?sslmode=disable", relay.url(&url(&bench.postgres)));
        let proxy = auto(&bench.postgres).database_url(through).start().await;
        bench.is_followed(&proxy).await;
        Self { bench, relay, proxy }
    }

    fn request(&self, query: &str) -> Request {
        self.proxy.sql_request(&json!({ "query": query, "arrayMode": true }))
    }

    /// Has `show` learn of a change that was made past the proxy, and asks for what was kept before.
    async fn learns<F: Future<Output = ()>>(&self, what: &str, show: impl Fn(i64) -> F) {
        let mut kept = 0;
        for n in 1..=5 {
            let n = 10 * n;
            self.relay.forward();
            for _ in 0..100 {
                if status(&self.request(READ).send().await.expect(200)) == HIT {
                    kept += 1;
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            self.relay.delay_streams(Duration::from_millis(600));
            self.bench.run(&format!("UPDATE counter SET n = {n}")).await;
            show(n).await;
            for _ in 0..3 {
                let answer = self.request(READ).send().await;
                assert_eq!(value(&answer), n, "{what}: {}", status(&answer));
            }
        }
        assert!(kept > 0, "nothing was kept, so nothing was shown");
    }
}

/// That a row has this number is what an error tells, too.
fn is_taken(answer: &Answer) {
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (400, &json!("23505")), "{}", answer.text);
}

#[tokio::test]
async fn by_an_answer_that_is_kept_for_a_time_only() {
    let late = &Late::new().await;
    late.learns("max-age", |n| async move {
        let text = format!("SELECT n, now() FROM counter -- {n}");
        let answer = late.request(&text).header("cache-control", "max-age=60").send().await;
        assert_eq!(value(&answer), n);
        assert_ne!(answer.header("pool-bookmark"), "", "{}", status(&answer));
    })
    .await;
}

#[tokio::test]
async fn by_a_plan_whose_answer_is_not_kept() {
    let late = &Late::new().await;
    late.learns("a plan", |n| async move {
        let body = plan("SELECT c.n FROM counter c, outside");
        let answer = late.proxy.request("POST", "/query").bearer(late.proxy.key()).json(&body).send().await.expect(200);
        assert!(answer.text.contains(&n.to_string()), "{}", answer.text);
        assert_ne!(answer.header("pool-bookmark"), "", "{}", status(&answer));
        assert_ne!(status(&answer), STORED);
    })
    .await;
}

#[tokio::test]
async fn by_an_error() {
    let late = &Late::new().await;
    late.learns("an error", |n| async move {
        let answer = late.request("SELECT refuse(1)").send().await;
        assert_eq!((answer.status.as_u16(), &answer.body["message"]), (400, &json!(n.to_string())), "{}", answer.text);
    })
    .await;
    late.learns("an error of a batch", |n| async move {
        let insert = format!("INSERT INTO counter VALUES (2, {n})");
        let batch = json!({ "queries": [{ "query": "CREATE TEMP TABLE own ()" }, { "query": insert }, { "query": "SELECT 1" }] });
        is_taken(&late.proxy.sql(batch).await);
    })
    .await;
    late.learns("an error of what is done once", |n| async move {
        let insert = json!({ "query": "INSERT INTO counter VALUES (2, $1)", "params": [n] });
        let request = late.proxy.sql_request(&insert).header("Idempotency-Key", format!("key-{n}"));
        is_taken(&request.send().await);
    })
    .await;
}

#[tokio::test]
async fn by_a_plan_that_finds_nothing() {
    let late = &Late::new().await;
    late.learns("a plan that fails", |n| async move {
        let sql = format!("SELECT 1 AS id FROM counter WHERE n < {n}");
        let found = json!({ "type": "query", "args": {
            "type": "templateSql", "fragments": [{ "type": "stringChunk", "chunk": sql }], "args": [], "argTypes": [],
            "chunkable": true,
        } });
        let required = json!({ "type": "validate", "args": {
            "expr": found, "rules": [{ "type": "rowCountNeq", "args": 0 }], "errorIdentifier": "MISSING_RECORD",
            "context": { "operation": "a query" },
        } });
        let body = json!({ "operation": "findUniqueOrThrow", "plan": required, "params": {} });
        let answer = late.proxy.request("POST", "/query").bearer(late.proxy.key()).json(&body).send().await;
        assert!(answer.text.contains("P2025"), "{} {}", answer.status, answer.text);
    })
    .await;
}

#[tokio::test]
async fn within_a_transaction_that_is_open() {
    let late = &Late::new().await;
    late.learns("a step", |n| async move {
        let open = Open::begin(&late.proxy).await;
        let answer = open.ask(READ).await;
        assert_eq!(value(&answer), n);
        assert_ne!(answer.header("pool-bookmark"), "");
        // What it has seen stays seen.
        if n % 20 == 0 {
            open.end("rollback").await.expect(200);
        }
    })
    .await;
    late.learns("a step that fails", |n| async move {
        let open = Open::begin(&late.proxy).await;
        is_taken(&open.ask(&format!("INSERT INTO counter VALUES (2, {n})")).await);
    })
    .await;
}

#[tokio::test]
async fn what_must_come_first_in_a_transaction_still_may() {
    let late = Late::new().await;
    let open = Open::begin(&late.proxy).await;
    for first in [
        "SHOW transaction_isolation",
        "LISTEN news",
        "SET CONSTRAINTS ALL DEFERRED",
        "LOCK TABLE counter IN SHARE MODE",
        "SET TRANSACTION READ ONLY",
    ] {
        open.ask(first).await.expect(200);
    }
    open.ask("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE").await.expect(200);
    assert_eq!(open.value("SHOW transaction_isolation").await, "serializable");
}
