//! Raw SQL of several statements in one text, which clients send without parameters.

use serde_json::{Value, json};

use crate::sql::served::Served;

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
