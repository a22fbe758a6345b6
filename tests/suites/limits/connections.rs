//! More clients than the proxy takes.

use harness::{Folder, Proxy, Wire, eventually, fresh_database};

use crate::sql::served::Served;

async fn is(served: &Served, metric: &str, expected: f64) -> bool {
    (served.metric(metric).await - expected).abs() < 0.5
}

#[tokio::test]
async fn one_connection_too_many_is_503_at_once() {
    let served = Served::with("", |proxy| proxy.config("[clients]\nconnections = 3")).await;
    let mut clients = vec![];
    for _ in 0..3 {
        let mut client = Wire::open(&served.proxy).await;
        client.ask("SELECT 1", 200).await;
        clients.push(client);
    }
    for _ in 0..3 {
        let mut refused = Wire::open(&served.proxy).await;
        let answer = refused.ask("SELECT 1", 503).await;
        assert_eq!(answer.header("retry-after"), "1");
        assert!(answer.body["requestId"].is_string(), "{}", answer.text);
        assert!(refused.is_closed().await);
    }
    assert!(is(&served, "pool_proxy_client_connections", 3.0).await);
    assert!(is(&served, "pool_proxy_client_connections_refused_total", 3.0).await);
    // Those who are there go on, and one that leaves makes room.
    clients[0].ask("SELECT 1", 200).await;
    clients.pop();
    eventually(|| async { is(&served, "pool_proxy_client_connections", 2.0).await }).await;
    Wire::open(&served.proxy).await.ask("SELECT 1", 200).await;
}

#[tokio::test]
async fn over_tls_it_is_closed() {
    let database = fresh_database().await;
    let folder = Folder::new();
    let proxy =
        folder.encrypts(Proxy::builder().database(&database)).config("[clients]\nconnections = 1").start().await;
    let first = Wire::open(&proxy).await;
    assert!(Wire::open(&proxy).await.is_closed().await);
    drop(first);
}
