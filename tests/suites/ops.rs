//! What operators rely on: views, metrics, logs, an orderly end, a configuration that changes while requests run, TLS.

pub(crate) mod encrypted;
mod headers;
mod leaving;
mod logs;
mod metrics;
mod reload;
mod traces;
mod views;

use harness::{Database, eventually};

/// Waits until so many of the proxy's connections run `pg_sleep` on the database.
async fn asleep(database: &Database, expected: i64) {
    let client = database.client().await;
    let query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'
        AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()";
    eventually(|| async { client.query_one(query, &[]).await.unwrap().get::<_, i64>(0) == expected }).await;
}
