//! For other suites: proxies that keep the answers of a cluster of one's own until they change.

use std::time::Duration;

use harness::{Postgres, Proxy, eventually_within};
use serde_json::json;
use tokio_postgres::NoTls;

/// A cluster whose database has these tables, all of them followed.
pub(crate) async fn followed(setup: impl AsyncFnOnce(&str)) -> Postgres {
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    setup(&postgres.url()).await;
    let (client, connection) = tokio_postgres::connect(&postgres.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE PUBLICATION pool_proxy FOR ALL TABLES").await.unwrap();
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
