//! Waiting for a connection: in order, not for ever, and not at others' cost.

use std::sync::Arc;

use harness::{Answer, eventually};
use serde_json::json;
use tokio::task::JoinHandle;

use crate::sql::served::Served;

const SETUP: &str = "CREATE TABLE log (id serial, name text); CREATE TABLE door (a int)";

/// Lining them up one by one takes as long as it takes.
const PATIENT: &str = "queue = \"60s\"\nquery = \"60s\"";

/// A request that is under way.
fn start(served: &Arc<Served>, query: String) -> JoinHandle<Answer> {
    let served = Arc::clone(served);
    tokio::spawn(async move { served.ask(&query).await })
}

async fn waiting(served: &Served, count: usize) {
    eventually(|| async {
        let now = served.metric("pool_proxy_pool_waiting").await;
        if (now - f64::from(u32::try_from(count).unwrap())).abs() < 0.5 { Ok(()) } else { Err(now) }
    })
    .await;
}

/// Holds the only connection until told otherwise.
async fn closed_door(served: &Arc<Served>) -> (tokio_postgres::Client, JoinHandle<Answer>) {
    let lock = served.database.client().await;
    lock.batch_execute("BEGIN; LOCK TABLE door IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let held = start(served, "SELECT * FROM door".to_owned());
    let blocked =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    eventually(|| async { served.postgres(blocked).await == "1" }).await;
    (lock, held)
}

#[tokio::test]
async fn who_came_first_is_served_first() {
    let patient =
        Served::with(SETUP, |proxy| proxy.config(format!("[limits]\n{PATIENT}")).env("POOL_PROXY_POOL_MAX", "1"));
    let served = Arc::new(patient.await);
    let (lock, held) = closed_door(&served).await;
    let mut requests = Vec::new();
    for number in 0..30 {
        requests.push(start(&served, format!("INSERT INTO log (name) VALUES ('{number}')")));
        waiting(&served, number + 1).await;
    }
    lock.batch_execute("ROLLBACK").await.unwrap();
    held.await.unwrap().expect(200);
    for request in requests {
        request.await.unwrap().expect(200);
    }
    let order = served.value("SELECT string_agg(name, ',' ORDER BY id) FROM log").await;
    assert_eq!(order, (0..30).map(|number| number.to_string()).collect::<Vec<_>>().join(","));
}

#[tokio::test]
async fn keys_take_turns() {
    let second = "a second key, long enough";
    let config = format!("[limits]\n{PATIENT}\n{}", harness::key_entry("second", second, ""));
    let served = Arc::new(Served::with(SETUP, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await);
    let (lock, held) = closed_door(&served).await;
    let mut requests = Vec::new();
    for number in 0..10 {
        requests.push(start(&served, "INSERT INTO log (name) VALUES ('greedy')".to_owned()));
        waiting(&served, number + 1).await;
    }
    for number in 10..12 {
        let served = Arc::clone(&served);
        let body = json!({ "query": "INSERT INTO log (name) VALUES ('modest')" });
        let request = served.proxy.request("POST", "/sql").bearer(second).json(&body);
        requests.push(tokio::spawn(async move { request.send().await }));
        waiting(&served, number + 1).await;
    }
    lock.batch_execute("ROLLBACK").await.unwrap();
    held.await.unwrap().expect(200);
    for request in requests {
        request.await.unwrap().expect(200);
    }
    let last = served.value(
        "SELECT count(*) FROM log WHERE name = 'greedy' AND id < (SELECT max(id) FROM log WHERE name = 'modest')",
    );
    let before: u32 = last.await.as_str().unwrap_or_default().parse().unwrap();
    assert!(before <= 2, "{before} of the greedy key's went before the modest key's second");
}

#[tokio::test]
async fn who_waits_too_long_is_503_and_nothing_was_run() {
    let config = "[limits]\nqueue = \"300ms\"\nquery = \"60s\"";
    let served = Arc::new(Served::with(SETUP, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await);
    let (lock, held) = closed_door(&served).await;
    let requests: Vec<_> =
        (0..5).map(|number| start(&served, format!("INSERT INTO log (name) VALUES ('{number}')"))).collect();
    for request in requests {
        let refused = request.await.unwrap().expect(503);
        assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|after| after >= 1), "{:?}", refused.headers);
        assert_eq!(refused.body["requestId"], refused.header("x-request-id"));
    }
    lock.batch_execute("ROLLBACK").await.unwrap();
    held.await.unwrap().expect(200);
    assert_eq!(served.value("SELECT count(*) FROM log").await, "0");
}
