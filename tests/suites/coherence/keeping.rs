//! For other suites: proxies that keep the answers of a cluster of one's own until they change.

use std::time::Duration;

use harness::{Postgres, Proxy, eventually_within};
use serde_json::json;
use tokio_postgres::Client;

use super::bench::{connect, publish};

/// A cluster whose database has these tables; those with a primary key are followed.
pub(crate) async fn followed(setup: impl AsyncFnOnce(&str, &Client)) -> Postgres {
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    let client = connect(&postgres.url()).await;
    setup(&postgres.url(), &client).await;
    publish(&client).await;
    postgres
}

/// A proxy that keeps answers until they change, once it does.
pub(crate) async fn keeping(postgres: &Postgres) -> Proxy {
    let proxy = Proxy::builder().database_url(postgres.url()).env("POOL_PROXY_CACHE_MODE", "auto").start().await;
    eventually_within(Duration::from_secs(30), || async {
        let told = proxy.sql(json!({ "query": "SELECT 'is it kept?'" })).await.header("cache-status");
        if told == "pool-proxy; hit" { Ok(()) } else { Err((told, proxy.stderr())) }
    })
    .await;
    proxy
}
