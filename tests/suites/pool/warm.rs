//! Connections that wait for work: from the start, and again after they were lost.

use harness::{Proxy, eventually, fresh_database};
use serde_json::json;

use crate::sql::served::Served;

const BACKENDS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()";
const PIDS: &str = "SELECT pid FROM pg_stat_activity \
    WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()";

/// Ends all of the proxy's connections and waits until they are gone: a backend that was told to end may serve a little
/// longer. Says how many there were.
async fn end_all(served: &Served) -> usize {
    let client = served.database.client().await;
    let rows = client.query(PIDS, &[]).await.unwrap();
    let pids: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    client.execute("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) pid", &[&pids]).await.unwrap();
    let left = "SELECT count(*) FROM pg_stat_activity WHERE pid = ANY ($1)";
    eventually(|| async { client.query_one(left, &[&pids]).await.unwrap().get::<_, i64>(0) == 0 }).await;
    pids.len()
}

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
        assert_eq!(end_all(&served).await, 2);
    }
    eventually(|| async { served.postgres(BACKENDS).await == "2" }).await;
}

#[tokio::test]
async fn nobody_notices_that_idle_connections_were_ended() {
    let served = Served::plain().await;
    for round in 0..10 {
        assert_eq!(served.value("SELECT 1").await, 1);
        end_all(&served).await;
        assert_eq!(served.run_batch(&["SELECT 1", "SELECT 2"]).await[1]["rowCount"], 1);
        end_all(&served).await;
        // A text of its own each time: nothing is in the cache.
        let fill = json!({ "query": format!("SELECT {round}") });
        let read = served.proxy.sql_request(&fill).header("cache-control", "max-age=60").send().await.expect(200);
        assert_eq!(read.header("cache-status"), "pool-proxy; fwd=miss; stored");
        end_all(&served).await;
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
