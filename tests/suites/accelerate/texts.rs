//! Raw SQL of several statements in one text, which clients send without parameters.

use serde_json::{Value, json};

use crate::sql::served::Served;
use crate::transactions::open::Open;

fn execute(sql: &str) -> Value {
    let plan = json!({ "type": "execute", "args": { "type": "rawSql", "sql": sql, "args": [], "argTypes": [] } });
    json!({ "operation": "executeRaw", "plan": plan, "params": {} })
}

/// Each is tried by itself first, and the refusal of that is read shortly before the server is ready again.
#[tokio::test]
async fn texts_of_several_statements_run_again_and_again() {
    let served = Served::after("CREATE TABLE t (n int)").await;
    let post = |path: &str, body: Value| {
        let asked = served.proxy.request("POST", path).bearer(served.proxy.key());
        asked.json(&body).send()
    };
    for _ in 0..50 {
        let done = post("/query", execute("INSERT INTO t VALUES (1); INSERT INTO t VALUES (2)")).await.expect(200);
        assert_eq!(done.body, json!({ "data": 0 }));
    }
    assert_eq!(served.postgres("SELECT count(*) FROM t").await, "100");
    // One that fails leaves it to the client to end its transaction.
    for _ in 0..20 {
        let started = post("/transaction/start", json!({ "maxWait": 10_000, "timeout": 20_000 })).await.expect(200);
        let path = format!("/transaction/{}", started.body["id"].as_str().unwrap_or_default());
        let query = format!("{path}/query");
        post(&query, execute("DELETE FROM t; DELETE FROM t")).await.expect(200);
        let failed = post(&query, execute("DELETE FROM t; SELECT 1/0")).await.expect(400);
        assert_eq!(failed.body["code"], "P2010", "{}", failed.text);
        let aborted = post(&query, execute("DELETE FROM t")).await.expect(400);
        assert!(aborted.text.contains("25P02"), "{}", aborted.text);
        post(&format!("{path}/rollback"), json!({})).await.expect(200);
    }
    assert_eq!(served.postgres("SELECT count(*) FROM t").await, "100");
}

async fn begin(served: &Served) -> Open<'_> {
    Open::begin(&served.proxy).await
}

async fn step(open: &Open<'_>, sql: &str) -> harness::Answer {
    let path = format!("/transaction/{}/query", open.id);
    open.proxy.request("POST", &path).bearer(open.proxy.key()).json(&execute(sql)).send().await
}

#[tokio::test]
async fn a_text_may_not_end_the_transaction_it_runs_in() {
    let served = Served::after("CREATE TABLE t (n int)").await;
    for ending in [
        "COMMIT; BEGIN",
        "COMMIT",
        "END; START TRANSACTION",
        "ROLLBACK; BEGIN",
        "ROLLBACK",
        "COMMIT AND CHAIN",
        "ROLLBACK AND CHAIN",
        "BEGIN",
        "COMMIT; BEGIN; SELECT 1/0",
    ] {
        let open = begin(&served).await;
        let refused = step(&open, &format!("SELECT 1; {ending}")).await.expect(400);
        assert!(refused.text.contains("may not begin or end a transaction"), "{ending}: {}", refused.text);
        // Nothing runs outside of it.
        step(&open, "INSERT INTO t VALUES (1)").await.expect(409);
        open.end("commit").await.expect(409);
    }
    assert_eq!(served.postgres("SELECT count(*) FROM t").await, "0");
    // Savepoints end nothing, whatever is called a chain.
    let open = begin(&served).await;
    step(&open, "SAVEPOINT a; INSERT INTO t VALUES (1); ROLLBACK TO a; INSERT INTO t VALUES (2)").await.expect(200);
    step(&open, "INSERT INTO t VALUES (3); ROLLBACK TO a; RELEASE a; SELECT 1 AS chained").await.expect(200);
    step(&open, "INSERT INTO t VALUES (4); SELECT 1 AS chain").await.expect(200);
    open.end("commit").await.expect(200);
    assert_eq!(served.postgres("SELECT array_agg(n) FROM t").await, "{4}");
}

#[tokio::test]
async fn a_copy_in_a_text_is_refused() {
    let served = Served::after("CREATE TABLE t (n int); INSERT INTO t SELECT generate_series(1, 10000)").await;
    let alone = async |sql: &str| {
        let asked = served.proxy.request("POST", "/query").bearer(served.proxy.key());
        asked.json(&execute(sql)).send().await
    };
    for _ in 0..10 {
        let refused = alone("INSERT INTO t VALUES (0); COPY t FROM STDIN").await.expect(400);
        assert!(refused.text.contains("COPY cannot be sent here"), "{}", refused.text);
        let refused = alone("SELECT 1; COPY t TO STDOUT; SELECT 1").await.expect(400);
        assert!(refused.text.contains("COPY cannot be sent here"), "{}", refused.text);
    }
    let open = begin(&served).await;
    step(&open, "SELECT 1; COPY t TO STDOUT").await.expect(400);
    step(&open, "INSERT INTO t VALUES (0)").await.expect(200);
    step(&open, "SELECT 1; COPY t FROM STDIN").await.expect(400);
    assert!(step(&open, "SELECT 1").await.expect(400).text.contains("25P02"));
    open.end("rollback").await.expect(200);
    assert_eq!(served.value("SELECT count(*)::int FROM t").await, 10_000);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn rows_of_a_text_which_nobody_gets_take_no_memory() {
    let served = Served::after("CREATE TABLE t (n int)").await;
    let text = execute("SELECT repeat('x', 100000000); INSERT INTO t VALUES (1)");
    served.value("SELECT 1").await;
    let before = served.proxy.peak_memory();
    for _ in 0..3 {
        served.proxy.request("POST", "/query").bearer(served.proxy.key()).json(&text).send().await.expect(200);
    }
    let grown = served.proxy.peak_memory().saturating_sub(before);
    assert!(grown < 40 << 20, "the proxy's memory grew by {grown} bytes");
    assert_eq!(served.postgres("SELECT count(*) FROM t").await, "3");
}
