//! Transactions within a plan.

use serde_json::{Value, json};

use super::{Asked, execute, never, node, query, raw, value};

fn seq(nodes: &[Value]) -> Value {
    node("seq", nodes)
}

#[tokio::test]
async fn a_transaction_is_all_or_nothing() {
    let asked = Asked::with("CREATE TABLE t (a int)", |proxy| proxy.env("POOL_PROXY_POOL_MAX", "1")).await;
    let insert = execute("INSERT INTO t VALUES (1)");
    let both = seq(&[insert.clone(), insert.clone(), query("SELECT count(*)::int AS n FROM t")]);
    assert_eq!(asked.data(&node("transaction", both)).await, json!([{ "n": 2 }]));
    for failing in [
        never(&value(1)),
        query("SELECT 1/0"),
        node("required", value(Value::Null)),
        node("dataMap", json!({ "expr": value("x"), "structure": { "type": "affectedRows" }, "enums": {} })),
    ] {
        let plan = node("transaction", seq(&[insert.clone(), node("transaction", failing)]));
        asked.fault(&plan).await;
        assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "2", "{plan}");
    }
    // Without one, what was done stays.
    asked.fault(&seq(&[insert.clone(), never(&value(1))])).await;
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "3");
    // One that asks the database nothing is none.
    assert_eq!(asked.data(&node("transaction", value(1))).await, 1);
}

#[tokio::test]
async fn what_only_fails_at_the_end_has_its_code() {
    let setup = "CREATE TABLE t (a int UNIQUE DEFERRABLE INITIALLY DEFERRED); INSERT INTO t VALUES (1)";
    let asked = Asked::after(setup).await;
    let plan = node("transaction", execute("INSERT INTO t VALUES (1)"));
    assert_eq!(asked.fault(&plan).await.0, "P2002");
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "1");
}

#[tokio::test]
async fn a_plan_in_an_open_transaction_opens_none() {
    let asked = Asked::after("CREATE TABLE t (a int)").await;
    let options = json!({ "maxWait": 2000, "timeout": 60_000 });
    let id = asked.post("/transaction/start", &options).await.expect(200).body["id"].as_str().unwrap().to_owned();
    let step = async |plan: &Value| {
        let body = json!({ "operation": "executeRaw", "plan": plan, "params": {} });
        asked.post(&format!("/transaction/{id}/query"), &body).await
    };
    step(&node("transaction", execute("INSERT INTO t VALUES (1)"))).await.expect(200);
    step(&raw("execute", "INSERT INTO t VALUES (2); INSERT INTO t VALUES (3)", &[])).await.expect(200);
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "0");
    let count = step(&raw("query", "SELECT count(*)::int AS n FROM t", &[])).await.expect(200);
    assert_eq!(count.body["data"]["rows"], json!([[3]]));
    step(&node("transaction", seq(&[execute("INSERT INTO t VALUES (4)"), never(&value(1))]))).await.expect(400);
    // As with the reference, what it did is there as long as the transaction is.
    let count = step(&raw("query", "SELECT count(*)::int AS n FROM t", &[])).await.expect(200);
    assert_eq!(count.body["data"]["rows"], json!([[4]]));
    asked.post(&format!("/transaction/{id}/rollback"), &json!({})).await.expect(200);
    assert_eq!(asked.served.postgres("SELECT count(*) FROM t").await, "0");
}
