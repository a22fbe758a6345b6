//! Connections that wait for work: from the start, and again after they were lost.

use harness::{Proxy, eventually, fresh_database};
use serde_json::json;

use crate::sql::served::Served;

const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()";
const END_ALL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()";

#[tokio::test]
async fn the_least_number_is_there_without_any_request() {
    for (settings, expected) in [
        (vec![], "2"),
        (vec![("POOL_PROXY_POOL_MIN_IDLE", "0")], "0"),
        (vec![("POOL_PROXY_POOL_MAX", "1")], "1"),
        (vec![("POOL_PROXY_POOL_MAX", "7"), ("POOL_PROXY_POOL_MIN_IDLE", "7")], "7"),
    ] {
        let served =
            Served::with("", |proxy| settings.iter().fold(proxy, |proxy, (name, value)| proxy.env(name, value))).await;
        eventually(|| async {
            let there = served.postgres(BACKENDS).await;
            if there == expected { Ok(()) } else { Err(format!("{there} of {expected}")) }
        })
        .await;
    }
}

#[tokio::test]
async fn they_come_back_after_all_were_ended() {
    let served = Served::plain().await;
    for _ in 0..3 {
        eventually(|| async { served.postgres(BACKENDS).await == "2" }).await;
        assert_eq!(served.postgres(END_ALL).await, "2");
    }
    eventually(|| async { served.postgres(BACKENDS).await == "2" }).await;
}

#[tokio::test]
async fn nobody_notices_that_idle_connections_were_ended() {
    let served = Served::plain().await;
    for _ in 0..10 {
        assert_eq!(served.value("SELECT 1").await, 1);
        served.postgres(END_ALL).await;
        eventually(|| async {
            served.postgres(BACKENDS).await != "2" || served.metric("pool_proxy_pool_connects_total").await > 2.0
        })
        .await;
    }
}

#[tokio::test]
async fn a_database_that_comes_later_is_found() {
    let database = fresh_database().await;
    let name = format!("{}_later", database.name());
    let proxy = Proxy::builder().database_url(database.url().replace(database.name(), &name)).start().await;
    let refused = proxy.sql(json!({ "query": "SELECT 1" })).await.expect(503);
    assert_ne!(refused.header("retry-after"), "");
    database.batch(&format!("CREATE DATABASE {name}")).await;
    eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
    drop(proxy);
    database.batch(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
}
