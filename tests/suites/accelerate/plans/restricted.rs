//! Plans of a key that may not run just anything: its statements are asked about before they run, and then run once.

use harness::{Answer, Proxy, eventually, fresh_database, key_entry};
use serde_json::{Value, json};

use super::{asked, execute, node, raw};
use crate::sql::served::Served;

const KEY: &str = "restricted-key-0123456789";

/// The sequence tells how often anything ran, whether or not it came to stay.
const SETUP: &str = "CREATE TABLE t (a int, b text); INSERT INTO t VALUES (0, ''); CREATE SEQUENCE ran";

struct Restricted {
    served: Served,
}

impl Restricted {
    async fn start(connections: &str) -> Self {
        let database = fresh_database().await;
        database.batch(SETUP).await;
        let role = format!("writer_{}", database.name());
        let grants = format!("GRANT SELECT, UPDATE ON t TO {role}; GRANT USAGE ON SEQUENCE ran TO {role}");
        database.batch(&format!("CREATE ROLE {role}; {grants}")).await;
        let key = key_entry("restricted", KEY, &format!("role = \"{role}\""));
        let proxy = Proxy::builder()
            .database(&database)
            .env("POOL_PROXY_POOL_MAX", connections)
            .config(format!("[limits]\nqueue = \"1s\"\n\n{key}"))
            .start()
            .await;
        Self { served: Served { proxy, database } }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.served.proxy.request("POST", path).bearer(KEY).json(body).send().await
    }

    async fn ask(&self, plan: &Value) -> Answer {
        self.post("/query", &asked(plan)).await
    }

    async fn ran(&self) -> String {
        self.served.postgres("SELECT last_value FROM ran").await
    }
}

/// Statements that differ.
fn updates(from: usize, to: usize) -> Vec<Value> {
    (from..to).map(|number| execute(&format!("UPDATE t SET a = nextval('ran'), b = '{number}'"))).collect()
}

#[tokio::test]
async fn what_is_new_is_asked_about_while_the_transaction_goes_on() {
    let restricted = Restricted::start("4").await;
    let idle = async || {
        let pools = restricted.served.proxy.ops_request("GET", "/pools").send().await.expect(200);
        pools.body["pools"][0]["idle"].as_u64().unwrap_or_default()
    };
    eventually(|| async { idle().await >= 2 }).await;
    let plan = node("transaction", node("seq", updates(0, 60)));
    restricted.ask(&plan).await.expect(200);
    assert_eq!(restricted.ran().await, "60");
    assert_eq!(restricted.served.postgres("SELECT a || ' ' || b FROM t").await, "60 59");
    // What has come to stay is not done again for what comes later.
    let later = node("transaction", node("seq", updates(101, 104)));
    let plan = node("seq", [updates(100, 101), vec![later]].concat());
    restricted.ask(&plan).await.expect(200);
    assert_eq!(restricted.ran().await, "64");
}

#[tokio::test]
async fn without_another_connection_it_begins_anew() {
    let restricted = Restricted::start("1").await;
    let plan = node("transaction", node("seq", updates(0, 5)));
    restricted.ask(&plan).await.expect(200);
    assert_eq!(restricted.served.postgres("SELECT b FROM t").await, "4");
    // A read before it is no reason not to, nor is one that is new.
    let read = raw("query", "SELECT b FROM t", &[]);
    let plan = node("seq", vec![read, node("transaction", node("seq", updates(10, 13)))]);
    restricted.ask(&plan).await.expect(200);
    assert_eq!(restricted.served.postgres("SELECT b FROM t").await, "12");
    // After what has come to stay it cannot; then it is known when it is asked again.
    let later = node("transaction", node("seq", updates(21, 23)));
    let plan = node("seq", [updates(20, 21), vec![later]].concat());
    restricted.ask(&plan).await.expect(503);
    assert_eq!(restricted.served.postgres("SELECT b FROM t").await, "20");
    restricted.ask(&plan).await.expect(200);
    assert_eq!(restricted.served.postgres("SELECT b FROM t").await, "22");
}

#[tokio::test]
async fn a_semicolon_is_not_another_statement() {
    let restricted = Restricted::start("4").await;
    let options = json!({ "maxWait": 5000, "timeout": 15_000 });
    let id = restricted.post("/transaction/start", &options).await.expect(200).body["id"].clone();
    let path = format!("/transaction/{}/query", id.as_str().unwrap_or_default());
    let step = async |sql: &str| restricted.post(&path, &asked(&raw("execute", sql, &[]))).await;
    step("UPDATE t SET b = 'x;y'").await.expect(200);
    // Two are, and nothing of them is sent.
    let refused = step("UPDATE t SET b = 'z'; UPDATE t SET b = 'z'").await.expect(400);
    assert!(refused.text.contains("42601"), "{}", refused.text);
    step("UPDATE t SET a = 7; ").await.expect(200);
    let commit = path.replace("query", "commit");
    restricted.post(&commit, &json!({})).await.expect(200);
    assert_eq!(restricted.served.postgres("SELECT a || b FROM t").await, "7x;y");
}
