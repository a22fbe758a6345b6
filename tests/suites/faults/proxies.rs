//! The proxy itself goes away, or is told to change.

use std::time::{Duration, Instant};

use harness::{Proxy, ProxyBuilder, Signal, fresh_database};

use super::balancer::Balancer;
use super::npm::TRANSACTIONS;
use super::scene::Scene;
use super::tally::TABLES;
use super::{CAP, proxy};

#[tokio::test(flavor = "multi_thread")]
async fn killed() {
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let mut proxy = proxy(&database.url()).await;
    let fault = "proxy killed (SIGKILL), started again";
    let mut scene = Scene::begin(fault, &database.url(), (proxy.url(), proxy.key()), CAP).await;
    let (address, key) = (proxy.url().trim_start_matches("http://").to_owned(), proxy.key().to_owned());
    proxy.kill();
    scene.suffers().await;
    let again = Instant::now();
    let _proxy = super::builder(&database.url()).key(key).env("POOL_PROXY_LISTEN", address).start().await;
    scene.heals_since(again).await;
    scene.end(&["connection ended"], &["connection refused"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rolling_restart() {
    const DELAY: &str = "drain_delay = \"2s\"";
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let builder = |key: &str| super::builder(&database.url()).config(DELAY).key(key);
    let first = super::builder(&database.url()).config(DELAY).start().await;
    let key = first.key().to_owned();
    let mut proxies = vec![first, builder(&key).start().await];
    let balancer = Balancer::before(&proxies).await;
    let fault = "two proxies behind one address, restarted in turn (SIGTERM)";
    // What carries bytes alone cannot bring the steps of a transaction to the proxy that has it.
    let without = Some(TRANSACTIONS);
    let scene = Scene::begin_without(without, fault, &database.url(), (balancer.url(), &key), 2 * CAP).await;
    for (place, proxy) in proxies.iter_mut().enumerate() {
        assert!(proxy.terminate().await.success());
        *proxy = builder(&key).start().await;
        balancer.replace(place, proxy);
        scene.goes_on().await;
    }
    scene.end(&[], &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn reloaded_every_second() {
    let config = |round: usize| format!("[limits]\nquery = \"{}s\"", 10 + round % 2);
    let database = fresh_database().await;
    database.batch(TABLES).await;
    let start = |proxy: ProxyBuilder| proxy.config(config(0)).start();
    let mut proxy: Proxy = start(super::builder(&database.url())).await;
    let fault = "configuration changed and reloaded every second";
    let scene = Scene::begin(fault, &database.url(), (proxy.url(), proxy.key()), CAP).await;
    for round in 1..=10 {
        std::fs::write(proxy.config_path(), config(round)).unwrap();
        proxy.signal(Signal::Hangup);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let taken_up = proxy.stderr().matches("taken up").count();
    assert!(taken_up >= 10, "{taken_up} times");
    scene.end(&[], &[]).await;
}
