//! Keys and limits change while requests are served: on SIGHUP, or when the file has changed.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use harness::{Database, Proxy, Request, Signal, eventually, fresh_database, key_entry};
use serde_json::json;

const FIRST: &str = "full-secret-000000001";
const SECOND: &str = "other-only-secret-001";

fn file(key: &str, query: &str) -> String {
    format!("[limits]\nquery = \"{query}\"\n{}", key_entry("client", key, ""))
}

async fn started(database: &Database) -> Proxy {
    Proxy::builder().database(database).config(file(FIRST, "10s")).start().await
}

fn ask(proxy: &Proxy, secret: &str, query: &str) -> Request {
    proxy.request("POST", "/sql").bearer(secret).json(&json!({ "query": query }))
}

async fn statuses(proxy: &Proxy) -> (u16, u16) {
    let status = async |secret: &str| ask(proxy, secret, "SELECT 1").send().await.status.as_u16();
    (status(FIRST).await, status(SECOND).await)
}

/// Writes another file and says so, if `signal`; then the keys change.
async fn check_change(signal: bool) {
    let database = fresh_database().await;
    let mut proxy = started(&database).await;
    assert_eq!(statuses(&proxy).await, (200, 401));
    fs::write(proxy.config_path(), file(SECOND, "10s")).unwrap();
    if signal {
        proxy.signal(Signal::Hangup);
    }
    eventually(|| async { statuses(&proxy).await == (401, 200) }).await;
    // That of the environment stays.
    proxy.sql(json!({ "query": "SELECT 1" })).await.expect(200);
}

#[tokio::test]
async fn on_a_signal_a_new_key_works_and_a_removed_one_stops() {
    check_change(true).await;
}

/// As a supervisor may that reloads what it has just started.
#[tokio::test]
async fn a_signal_right_after_the_start_is_not_the_end() {
    let database = fresh_database().await;
    for _ in 0..10 {
        let mut proxy = started(&database).await;
        proxy.signal(Signal::Hangup);
        eventually(|| async { proxy.stderr().contains("limits taken up") }).await;
        assert_eq!(statuses(&proxy).await, (200, 401));
    }
}

#[tokio::test]
async fn a_changed_file_is_found_without_a_signal() {
    check_change(false).await;
}

#[tokio::test]
async fn a_file_replaced_as_a_whole_is_found() {
    let database = fresh_database().await;
    let proxy = started(&database).await;
    let fresh = proxy.folder().join("fresh.toml");
    fs::write(&fresh, file(SECOND, "10s")).unwrap();
    fs::rename(&fresh, proxy.config_path()).unwrap();
    eventually(|| async { statuses(&proxy).await == (401, 200) }).await;
}

#[tokio::test]
async fn limits_change() {
    let database = fresh_database().await;
    let mut proxy = started(&database).await;
    let asked = |proxy: &Proxy| ask(proxy, FIRST, "SELECT pg_sleep(0.5)").send();
    asked(&proxy).await.expect(200);
    fs::write(proxy.config_path(), file(FIRST, "100ms")).unwrap();
    proxy.signal(Signal::Hangup);
    eventually(|| async { asked(&proxy).await.status == 504 }).await;
    fs::write(proxy.config_path(), file(FIRST, "10s")).unwrap();
    proxy.signal(Signal::Hangup);
    eventually(|| async { asked(&proxy).await.status == 200 }).await;
}

#[tokio::test]
async fn a_broken_file_keeps_what_was_and_is_logged() {
    let database = fresh_database().await;
    let mut proxy = started(&database).await;
    for (broken, named) in [
        ("[limits\n", "pool-proxy.toml:1)"),
        ("[limits]\n\nquerry = \"1s\"\n", "pool-proxy.toml:3)"),
        ("[limits]\nquery = \"soon\"\n", "limits.query"),
        ("[[keys]]\nname = \"client\"\nhash = \"full-secret-000000001\"\n", "keys.client.hash"),
    ] {
        fs::write(proxy.config_path(), broken).unwrap();
        proxy.signal(Signal::Hangup);
        eventually(|| async {
            let log = proxy.stderr();
            if log.contains(named) { Ok(()) } else { Err(log) }
        })
        .await;
        assert_eq!(statuses(&proxy).await, (200, 401), "{broken}");
        assert!(!proxy.stderr().contains(FIRST), "{}", proxy.stderr());
    }
    fs::remove_file(proxy.config_path()).unwrap();
    proxy.signal(Signal::Hangup);
    assert_eq!(statuses(&proxy).await, (200, 401));
    fs::write(proxy.config_path(), file(SECOND, "10s")).unwrap();
    proxy.signal(Signal::Hangup);
    eventually(|| async { statuses(&proxy).await == (401, 200) }).await;
}

#[tokio::test]
async fn no_request_is_dropped_while_the_configuration_is_read_again() {
    let database = fresh_database().await;
    let mut proxy = started(&database).await;
    let (done, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let request = ask(&proxy, FIRST, "SELECT 1");
            let (done, served) = (Arc::clone(&done), Arc::clone(&served));
            tokio::spawn(async move {
                while !done.load(Ordering::Relaxed) {
                    request.clone().send().await.expect(200);
                    served.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    for reload in 1..=5 {
        fs::write(proxy.config_path(), file(FIRST, &format!("{}s", 10 + reload))).unwrap();
        proxy.signal(Signal::Hangup);
        eventually(|| async { proxy.stderr().matches("limits taken up").count() >= reload }).await;
        let before = served.load(Ordering::Relaxed);
        eventually(|| async { served.load(Ordering::Relaxed) >= before + 20 }).await;
    }
    done.store(true, Ordering::Relaxed);
    for client in clients {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_request_under_way_keeps_the_key_it_came_with() {
    let database = fresh_database().await;
    let mut proxy = started(&database).await;
    let running = tokio::spawn(ask(&proxy, FIRST, "SELECT pg_sleep(4)").send());
    super::asleep(&database, 1).await;
    fs::write(proxy.config_path(), file(SECOND, "100ms")).unwrap();
    proxy.signal(Signal::Hangup);
    eventually(|| async { statuses(&proxy).await == (401, 200) }).await;
    running.await.unwrap().expect(200);
}
