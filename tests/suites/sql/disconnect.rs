//! A client that goes away takes its query with it.

use harness::{Proxy, Wire, eventually};
use serde_json::{Value, json};

use super::served::{ADVISORY_LOCKS, Served, batch};

/// A client that has asked and waits.
async fn asking(proxy: &Proxy, body: &Value) -> Wire {
    let mut wire = Wire::open(proxy).await;
    wire.send(body).await;
    wire
}

const RUNNING: &str = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
    AND pid <> pg_backend_pid() AND state = 'active' AND query LIKE '%pg_sleep%'";

#[tokio::test]
async fn its_query_is_cancelled_in_postgres_and_undone() {
    let setup = "CREATE TABLE t (a int)";
    let config = "[limits]\nquery = \"5m\"\ntransaction = \"90s\"";
    let served = Served::with(setup, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await;
    let backend = served.value("SELECT pg_backend_pid()").await;
    for body in [
        json!({ "query": "SELECT pg_sleep(300)" }),
        json!({ "query": "INSERT INTO t SELECT 1 FROM pg_sleep(300)" }),
        batch(&["INSERT INTO t VALUES (1)", "SELECT pg_sleep(300)"]),
        batch(&[
            "SELECT pg_advisory_lock(7)",
            "SELECT set_config('app.tenant', 'gone', false)",
            "SELECT pg_sleep(300)",
        ]),
    ] {
        for _ in 0..2 {
            let client = asking(&served.proxy, &body).await;
            eventually(|| async { served.postgres(RUNNING).await == "1" }).await;
            drop(client);
            eventually(|| async { served.postgres(RUNNING).await == "0" }).await;
            assert_eq!(served.value("SELECT count(*) FROM t").await, "0", "{body}");
            assert_eq!(served.postgres(ADVISORY_LOCKS).await, "0", "{body}");
            assert_ne!(served.value("SELECT current_setting('app.tenant', true)").await, "gone", "{body}");
        }
    }
    // None of this was worth a new connection.
    assert_eq!(served.value("SELECT pg_backend_pid()").await, backend);
}

#[tokio::test]
async fn one_that_waited_for_a_connection_runs_nothing() {
    let served = Served::on_one_connection("CREATE TABLE t (a int)").await;
    let holder = asking(&served.proxy, &json!({ "query": "SELECT pg_sleep(300)" })).await;
    eventually(|| async { served.postgres(RUNNING).await == "1" }).await;
    let mut waiting = Vec::new();
    for _ in 0..20 {
        waiting.push(asking(&served.proxy, &json!({ "query": "INSERT INTO t VALUES (1)" })).await);
    }
    eventually(|| async { served.metric("pool_proxy_pool_waiting").await >= 20.0 }).await;
    drop(waiting);
    eventually(|| async { served.metric("pool_proxy_pool_waiting").await < 1.0 }).await;
    drop(holder);
    assert_eq!(served.value("SELECT count(*) FROM t").await, "0");
}
