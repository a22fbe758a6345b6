//! Connections grow old and are replaced, and those that nobody needs are closed; nobody waits for that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::{Proxy, Relay, eventually, fresh_database};
use serde_json::json;

use crate::sql::served::Served;

const OF_THE_PROXY: &str = "FROM pg_stat_activity WHERE backend_type = 'client backend' \
    AND datname = current_database() AND application_name = 'pool-proxy'";

async fn pids(client: &tokio_postgres::Client) -> Vec<i32> {
    let rows = client.query(&format!("SELECT pid {OF_THE_PROXY}"), &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn idle_ones_are_replaced_before_they_are_missed() {
    let config = "[pool]\nmax_lifetime = \"2s\"\nmin_idle = 2\nmax = 4";
    let served = Served::with("", |proxy| proxy.config(config)).await;
    let client = served.database.client().await;
    eventually(|| async { pids(&client).await.len() == 2 }).await;
    let mut seen = BTreeSet::new();
    let mut least = usize::MAX;
    let deadline = Instant::now() + Duration::from_mins(1);
    while seen.len() < 6 {
        assert!(Instant::now() < deadline, "{seen:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
        let now = pids(&client).await;
        least = least.min(now.len());
        assert!(now.len() <= 4, "{now:?}");
        seen.extend(now);
    }
    assert_eq!(least, 2, "the next one is there before the old one goes");
    assert_eq!(served.value("SELECT 1").await, 1);
}

#[tokio::test]
async fn one_that_is_always_at_work_is_replaced_too() {
    let config = "[pool]\nmax_lifetime = \"1s\"\nmax = 1\n[limits]\nqueue = \"60s\"";
    let served = Arc::new(Served::with("", |proxy| proxy.config(config)).await);
    let over = Arc::new(AtomicBool::new(false));
    let asking: Vec<_> = (0..4)
        .map(|_| {
            let (served, over) = (Arc::clone(&served), Arc::clone(&over));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    served.run("SELECT pg_sleep(0.01)").await;
                }
            })
        })
        .collect();
    let client = served.database.client().await;
    let first = eventually(|| async { pids(&client).await.first().copied() }).await;
    eventually(|| async { pids(&client).await.iter().all(|pid| *pid != first) }).await;
    over.store(true, Ordering::Relaxed);
    for request in asking {
        request.await.unwrap();
    }
}

#[tokio::test]
async fn what_is_idle_beyond_the_least_number_is_closed() {
    let config = "[pool]\nidle_timeout = \"1s\"\nmin_idle = 1\nmax = 6";
    let served = Served::with("", |proxy| proxy.config(config)).await;
    let client = served.database.client().await;
    for _ in 0..2 {
        let answers = join_all((0..6).map(|_| served.ask("SELECT pg_sleep(0.3)")));
        assert!(answers.await.iter().all(|answer| answer.status == 200));
        assert!(pids(&client).await.len() > 1);
        eventually(|| async { pids(&client).await.len() == 1 }).await;
    }
}

#[tokio::test]
async fn idle_ones_serve_while_another_cannot_be_opened() {
    let database = fresh_database().await;
    let relay = Relay::to(&database.url()).await;
    let proxy = Proxy::builder().through(&relay, &database).env("POOL_PROXY_POOL_MIN_IDLE", "3").start().await;
    let client = database.client().await;
    eventually(|| async { pids(&client).await.len() == 3 }).await;
    relay.hang();
    let before = relay.opened();
    let end = format!("SELECT pg_terminate_backend(pid) {OF_THE_PROXY} LIMIT 1");
    client.query(&end, &[]).await.unwrap();
    // The janitor waits for a connection in the place of the one that has ended.
    eventually(|| async { relay.opened() > before }).await;
    for _ in 0..20 {
        proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    }
}
