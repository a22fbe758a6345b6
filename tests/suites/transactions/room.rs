//! How many there may be: plain queries always get through.

use harness::eventually;
use serde_json::json;

use super::open::{Open, start};
use crate::sql::served::Served;

#[tokio::test]
async fn transactions_hold_no_more_than_their_share() {
    let served = Served::with("", |proxy| proxy.env("POOL_PROXY_POOL_MAX", "5")).await;
    let mut held = vec![];
    for _ in 0..4 {
        held.push(Open::begin(&served.proxy).await);
    }
    let refused = start(&served.proxy, json!({ "maxWait": 200, "timeout": 5000 })).await.expect(409);
    assert_eq!(refused.body["code"], "P2028");
    let said = "Transaction API error: Unable to start a transaction in the given time.";
    assert_eq!(refused.body["error"], said);
    for _ in 0..10 {
        served.run("SELECT 1").await;
    }
    held.pop().unwrap().end("rollback").await.expect(200);
    Open::begin(&served.proxy).await.end("commit").await.expect(200);
}

#[tokio::test]
async fn the_share_is_the_operators() {
    let served = Served::with("", |proxy| proxy.config("[pool]\nmax = 4\ntransactions = 1")).await;
    let open = Open::begin(&served.proxy).await;
    start(&served.proxy, json!({ "maxWait": 100, "timeout": 5000 })).await.expect(409);
    open.end("commit").await.expect(200);
    start(&served.proxy, json!({ "maxWait": 5000, "timeout": 5000 })).await.expect(200);
}

#[tokio::test]
async fn whoever_gave_up_waiting_takes_no_place() {
    let served = Served::with("", |proxy| proxy.config("[pool]\nmax = 4\ntransactions = 1")).await;
    let open = Open::begin(&served.proxy).await;
    for _ in 0..5 {
        start(&served.proxy, json!({ "maxWait": 50, "timeout": 5000 })).await.expect(409);
    }
    open.end("commit").await.expect(200);
    let next = Open::begin(&served.proxy).await;
    next.end("commit").await.expect(200);
    eventually(|| async {
        served.proxy.ops_request("GET", "/pools").send().await.expect(200).body["pools"][0]["active"] == 0
    })
    .await;
}

#[tokio::test]
async fn several_proxies_say_who_holds_it() {
    let served = Served::with("", |proxy| proxy.env("POOL_PROXY_INSTANCE", "eu-1")).await;
    let open = Open::begin(&served.proxy).await;
    assert!(open.id.starts_with("eu-1."), "{}", open.id);
    assert_eq!(open.value("SELECT 1").await, 1);
    let elsewhere = open.id.replace("eu-1.", "us-2.");
    let path = format!("/transaction/{elsewhere}/commit");
    let answer = served.proxy.request("POST", &path).bearer(served.proxy.key()).send().await.expect(409);
    assert_eq!(answer.header("fly-replay"), "instance=us-2");
    assert!(answer.body["error"].as_str().unwrap().contains("us-2"), "{}", answer.text);
}
