//! Plans read times in UTC, also in a transaction that was begun for other statements, which read them as the database has it.

use harness::{Proxy, fresh_database};
use serde_json::json;

use super::open::{Open, start};

const ZONE: &str = "SELECT current_setting('TimeZone') AS zone";

async fn plan(open: &Open<'_>, kind: &str, sql: &str) -> harness::Answer {
    let args = json!({ "type": "rawSql", "sql": sql, "args": [], "argTypes": [] });
    let body = json!({ "operation": "queryRaw", "plan": { "type": kind, "args": args }, "params": {} });
    let path = format!("/transaction/{}/query", open.id);
    open.proxy.request("POST", &path).bearer(open.proxy.key()).json(&body).send().await
}

async fn zone(open: &Open<'_>) -> serde_json::Value {
    plan(open, "query", ZONE).await.expect(200).body["data"]["rows"][0][0].clone()
}

#[tokio::test]
async fn a_plan_reads_times_in_utc_after_a_savepoint_too() {
    let database = fresh_database().await;
    database.batch(&format!("ALTER DATABASE {} SET TimeZone = 'America/New_York'", database.name())).await;
    let proxy = Proxy::builder().database(&database).start().await;
    let open = Open::begin(&proxy).await;
    assert_eq!(open.value(ZONE).await, "America/New_York");
    // The client's own.
    open.ask("SAVEPOINT a").await.expect(200);
    assert_eq!(zone(&open).await, "UTC");
    open.ask("ROLLBACK TO a").await.expect(200);
    assert_eq!(zone(&open).await, "UTC");
    open.ask("ROLLBACK TO a").await.expect(200);
    // In a text of several, and behind one that fails.
    plan(&open, "execute", "SELECT 1; ROLLBACK TO a").await.expect(200);
    assert_eq!(zone(&open).await, "UTC");
    open.ask("ROLLBACK TO a").await.expect(200);
    plan(&open, "execute", "SELECT 1; SELECT 1/0").await.expect(400);
    open.ask("ROLLBACK TO a").await.expect(200);
    assert_eq!(zone(&open).await, "UTC");
    open.end("rollback").await.expect(200);
    // One of the proxy.
    let open = Open::begin(&proxy).await;
    start(&proxy, json!({ "maxWait": 5000, "timeout": 5000, "newTxId": open.id })).await.expect(200);
    assert_eq!(zone(&open).await, "UTC");
    open.end("rollback").await.expect(200);
    assert_eq!(zone(&open).await, "UTC");
    open.end("rollback").await.expect(200);
}
