//! What clients cost in memory: idle ones, and many that wait.

use std::fs;
use std::sync::Arc;

use futures_util::future::join_all;
use harness::{Proxy, Wire, eventually, fresh_database};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::json;
use tokio_rustls::TlsConnector;

use crate::ops::encrypted::Folder;

/// Clients that are idle: the more, the less the rest of the process counts. `IDLE_CLIENTS` sets another number.
fn clients() -> usize {
    std::env::var("IDLE_CLIENTS").ok().and_then(|text| text.parse().ok()).unwrap_or(2000)
}

/// A figure of a process's memory, in KiB.
fn memory(proxy: &Proxy, figure: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", proxy.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(figure)?.strip_prefix(':')).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Waits until idle connections have cost at most so many KiB each.
async fn costs_at_most(proxy: &Proxy, before: u64, most: u64) {
    let clients = clients() as u64;
    eventually(|| async {
        let each = memory(proxy, "VmRSS").saturating_sub(before) * 1024 / clients;
        println!("{each} bytes each, on top of {before} KiB");
        if each <= most * 1024 { Ok(()) } else { Err(format!("{each} bytes each")) }
    })
    .await;
}

#[tokio::test]
async fn an_idle_connection_takes_20_kib_at_most() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    Wire::open(&proxy).await.ask("SELECT 1", 200).await;
    let before = memory(&proxy, "VmRSS");
    let mut idle = vec![];
    for _ in 0..clients() {
        let mut client = Wire::open(&proxy).await;
        client.ask("SELECT 1", 200).await;
        idle.push(client);
    }
    costs_at_most(&proxy, before, 20).await;
    // They are still there.
    for client in idle.iter_mut().take(20) {
        client.ask("SELECT 1", 200).await;
    }
}

#[tokio::test]
async fn an_idle_encrypted_connection_takes_48_kib_at_most() {
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
    let before = memory(&proxy, "VmRSS");
    let mut idle = vec![];
    for _ in 0..clients() {
        idle.push(open().await);
    }
    costs_at_most(&proxy, before, 48).await;
    drop(idle);
}

#[tokio::test]
async fn five_thousand_requests_at_once_are_answered_or_refused_in_little_memory() {
    let database = fresh_database().await;
    let config = "[limits]\nqueue = \"60s\"";
    let proxy = Proxy::builder().database(&database).config(config).env("POOL_PROXY_POOL_MAX", "1").start().await;
    proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    let before = memory(&proxy, "VmRSS");
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
    let grown = memory(&proxy, "VmHWM").saturating_sub(before);
    assert!(grown < 5000 * 64, "the proxy's memory grew by {grown} KiB");
}
