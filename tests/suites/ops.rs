//! What operators rely on: views, metrics, logs, an orderly end, a configuration that changes while requests run, TLS.

mod encrypted;
mod headers;
mod leaving;
mod logs;
mod metrics;
mod page;
mod reload;
mod slow;
mod statements;
mod traces;
mod views;

use harness::{Database, eventually};

/// Waits until so many of the proxy's connections sleep.
async fn asleep(database: &Database, expected: i64) {
    eventually(|| async { database.sleeping().await == expected }).await;
}
