//! A server whose last free connections are kept for superusers: full as well, in other words.

use harness::{Postgres, Proxy, Signal, eventually};
use serde_json::json;
use tokio_postgres::{Client, Error, NoTls};

async fn connect(url: &str) -> Result<Client, Error> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

#[tokio::test]
async fn what_is_reserved_for_superusers_counts_as_full() {
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    let owner = connect(&postgres.url()).await.unwrap();
    owner.batch_execute("CREATE ROLE app LOGIN PASSWORD 'secret'").await.unwrap();
    // Of the cluster's 200.
    owner.batch_execute("ALTER SYSTEM SET superuser_reserved_connections = 198").await.unwrap();
    drop(owner);
    postgres.go_down(Signal::Interrupt).unwrap();
    postgres.come_back().unwrap();
    let url = format!("postgres://app:secret@127.0.0.1:{}/postgres", postgres.port());
    let mut others = vec![connect(&url).await.unwrap(), connect(&url).await.unwrap()];
    let refused = connect(&url).await.err().unwrap();
    let refused = refused.as_db_error().unwrap();
    assert!(refused.message().contains("reserved"), "{refused}");

    let builder = Proxy::builder().database_url(url).config("[limits]\nqueue = \"60s\"");
    let proxy = builder.env("POOL_PROXY_POOL_MAX", "1").env("POOL_PROXY_POOL_MIN_IDLE", "0").start().await;
    let request = tokio::spawn(proxy.sql_request(&json!({ "query": "SELECT 1 AS one" })).send());
    eventually(|| async { proxy.ops_request("GET", "/ready").send().await.text.contains("no connection to spare") })
        .await;
    assert!(!request.is_finished(), "{}", request.await.unwrap().text);
    others.pop();
    assert_eq!(request.await.unwrap().expect(200).body["rows"], json!([{ "one": 1 }]));
}
