//! What clients cost in memory: idle ones, and many that wait.

use std::sync::Arc;

use futures_util::future::join_all;
use harness::{Folder, Proxy, Wire, eventually, fresh_database};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio_rustls::TlsConnector;

/// Clients that are idle: the more, the less the rest of the process counts. `POOL_PROXY_TEST_IDLE_CLIENTS`
/// sets another number.
fn clients() -> usize {
    std::env::var("POOL_PROXY_TEST_IDLE_CLIENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(2000)
}

/// Waits until idle connections have cost at most so many bytes each.
async fn costs_at_most(proxy: &Proxy, before: u64, most: u64) {
    let clients = clients() as u64;
    eventually(|| async {
        let each = proxy.memory().saturating_sub(before) / clients;
        println!("{each} bytes each, on top of {before}");
        if each <= most { Ok(()) } else { Err(format!("{each} bytes each")) }
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_takes_8_kib_at_most() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    Wire::open(&proxy).await.ask("SELECT 1", 200).await;
    let before = proxy.memory();
    let mut idle = vec![];
    for _ in 0..clients() {
        let mut client = Wire::open(&proxy).await;
        client.ask("SELECT 1", 200).await;
        idle.push(client);
    }
    costs_at_most(&proxy, before, 8 << 10).await;
    // They are still there.
    for client in idle.iter_mut().take(20) {
        client.ask("SELECT 1", 200).await;
    }
}

#[tokio::test]
async fn an_idle_encrypted_connection_takes_20_kib_at_most() {
    let database = fresh_database().await;
    let folder = Folder::new();
    let proxy = folder.encrypts(Proxy::builder().database(&database)).start().await;
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(folder.path("one.crt")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let open = async || {
        let name = ServerName::try_from("localhost").unwrap();
        let plain = Wire::open(&proxy).await;
        let mut wire = plain.over(async |socket| connector.connect(name, socket).await.unwrap()).await;
        wire.ask("SELECT 1", 200).await;
        wire
    };
    open().await;
    let before = proxy.memory();
    let mut idle = vec![];
    for _ in 0..clients() {
        idle.push(open().await);
    }
    costs_at_most(&proxy, before, 20 << 10).await;
    drop(idle);
}

#[tokio::test]
async fn five_thousand_requests_at_once_are_answered_or_refused_in_little_memory() {
    let database = fresh_database().await;
    let config = "[limits]\nqueue = \"60s\"";
    let proxy = Proxy::builder().database(&database).config(config).env("POOL_PROXY_POOL_MAX", "1").start().await;
    proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    let before = proxy.memory();
    let body = json!({ "query": "SELECT pg_sleep(0.001)::text", "params": [] });
    let answers = join_all((0..5000).map(|_| tokio::spawn(proxy.sql_request(&body).send()))).await;
    let mut refused = 0;
    for answer in answers {
        let answer = answer.unwrap();
        if answer.status != 200 {
            assert!([429, 503].contains(&answer.status.as_u16()), "{}", answer.text);
            assert_ne!(answer.header("retry-after"), "", "{}", answer.text);
            refused += 1;
        }
    }
    // How many must wait at a time depends on how fast they come.
    println!("{refused} refused");
    let grown = proxy.peak_memory().saturating_sub(before);
    assert!(grown < 5000 * (64 << 10), "the proxy's memory grew by {grown} bytes");
}
