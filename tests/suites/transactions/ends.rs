//! How transactions end: committed, rolled back, out of time, left alone.

use harness::eventually;
use serde_json::json;

use super::open::{Open, start};
use crate::sql::served::Served;

const TABLE: &str = "CREATE TABLE t (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)";

async fn rows(served: &Served) -> serde_json::Value {
    served.value("SELECT count(*)::int FROM t").await
}

#[tokio::test]
async fn what_is_committed_stays_and_what_is_rolled_back_does_not() {
    let served = Served::after(TABLE).await;
    for (how, expected) in [("commit", 1), ("rollback", 1)] {
        let open = Open::begin(&served.proxy).await;
        open.ask("INSERT INTO t SELECT count(*) FROM t").await.expect(200);
        // Nobody else sees it before.
        assert_eq!(rows(&served).await, i32::from(how != "commit"));
        open.end(how).await.expect(200);
        assert_eq!(rows(&served).await, expected, "{how}");
        let again = open.end("commit").await.expect(409);
        assert_eq!(again.body["code"], "P2028");
        assert!(again.body["error"].as_str().unwrap().contains("Transaction already closed"), "{}", again.text);
        open.ask("SELECT 1").await.expect(409);
    }
}

#[tokio::test]
async fn the_isolation_is_what_was_asked_for() {
    let served = Served::plain().await;
    for level in ["READ UNCOMMITTED", "READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"] {
        let options = json!({ "maxWait": 5000, "timeout": 15000, "isolationLevel": level });
        let open = Open::with(&served.proxy, options).await;
        assert_eq!(open.value("SHOW transaction_isolation").await, level.to_lowercase());
        open.end("rollback").await.expect(200);
    }
    for (options, status, says) in [
        (json!({ "maxWait": 1, "timeout": 1, "isolationLevel": "CHAOS" }), 400, "isolationLevel"),
        (json!({ "timeout": 1 }), 409, "maxWait is required"),
        (json!({ "timeout": 0, "maxWait": 1 }), 409, "timeout is required"),
        (json!({ "timeout": -1, "maxWait": 1 }), 400, "timeout"),
        (json!([]), 400, "request body"),
        (json!({ "timeout": "soon", "maxWait": 1 }), 400, "request body"),
    ] {
        let answer = start(&served.proxy, options).await.expect(status);
        assert!(answer.body["error"].as_str().unwrap().contains(says), "{}", answer.text);
    }
}

#[tokio::test]
async fn one_that_is_left_alone_is_rolled_back_and_frees_its_connection() {
    let served = Served::with(TABLE, |proxy| proxy.env("POOL_PROXY_POOL_MAX", "1")).await;
    let open = Open::with(&served.proxy, json!({ "maxWait": 5000, "timeout": 300 })).await;
    open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    // There is one connection only.
    assert_eq!(rows(&served).await, 0);
    let late = open.ask("SELECT 1").await.expect(409);
    assert!(
        late.body["message"].as_str().unwrap().contains("The timeout for this transaction was 300 ms"),
        "{}",
        late.text
    );
}

#[tokio::test]
async fn a_statement_that_outlives_its_transaction_is_cancelled() {
    let served = Served::plain().await;
    let open = Open::with(&served.proxy, json!({ "maxWait": 5000, "timeout": 500 })).await;
    let answer = open.ask("SELECT pg_sleep(60)").await.expect(409);
    assert!(answer.body["message"].as_str().unwrap().contains("expired transaction"), "{}", answer.text);
    eventually(|| async { served.database.sleeping().await == 0 }).await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_middle_ends_its_transaction() {
    let served = Served::after(TABLE).await;
    let open = Open::begin(&served.proxy).await;
    open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    let request = open.request("SELECT pg_sleep(60)");
    let left = tokio::spawn(request.send());
    eventually(|| async { served.database.sleeping().await == 1 }).await;
    left.abort();
    eventually(|| async { served.database.sleeping().await == 0 }).await;
    eventually(|| async { open.ask("SELECT 1").await.status == 409 }).await;
    assert_eq!(rows(&served).await, 0);
}

#[tokio::test]
async fn a_failed_transaction_cannot_be_committed() {
    let served = Served::after(TABLE).await;
    let open = Open::begin(&served.proxy).await;
    open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    open.ask("SELECT 1/0").await.expect(400);
    assert_eq!(open.ask("SELECT 1").await.expect(400).body["code"], "25P02");
    // Postgres would take the COMMIT and roll back: the client has to know.
    let answer = open.end("commit").await.expect(400);
    assert!(answer.text.contains("25P02"), "{}", answer.text);
    assert_eq!(rows(&served).await, 0);
    open.end("rollback").await.expect(409);
}

#[tokio::test]
async fn what_fails_at_the_commit_is_told() {
    let served = Served::after(TABLE).await;
    let open = Open::begin(&served.proxy).await;
    open.ask("INSERT INTO t VALUES (1), (1)").await.expect(200);
    let answer = open.end("commit").await.expect(400);
    assert_eq!(answer.body["code"], "P2002", "{}", answer.text);
    assert_eq!(rows(&served).await, 0);
}

#[tokio::test]
async fn savepoints_nest() {
    let served = Served::after(TABLE).await;
    let open = Open::begin(&served.proxy).await;
    let nested = json!({ "maxWait": 5000, "timeout": 5000, "newTxId": open.id });
    open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    for (value, how) in [(2, "rollback"), (3, "commit")] {
        assert_eq!(start(&served.proxy, nested.clone()).await.expect(200).body["id"], open.id);
        open.ask(&format!("INSERT INTO t VALUES ({value})")).await.expect(200);
        if how == "rollback" {
            open.ask("SELECT 1/0").await.expect(400);
        }
        open.end(how).await.expect(200);
    }
    open.end("commit").await.expect(200);
    assert_eq!(served.value("SELECT array_agg(a ORDER BY a)::text FROM t").await, "{1,3}");
}

#[tokio::test]
async fn the_process_ends_without_waiting_for_clients() {
    let mut served = Served::with(TABLE, |proxy| proxy.config("drain_delay = \"0s\"")).await;
    let open = Open::begin(&served.proxy).await;
    open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    assert!(served.proxy.terminate().await.success());
    let client = served.database.client().await;
    let count: i64 = client.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0);
    assert_eq!(count, 0);
}
