//! A collector that is not there, slow or refuses, and the end of the process: requests do not notice.

use std::time::Duration;

use harness::{eventually, eventually_within};
use serde_json::json;

use super::collector::Says;
use super::{Collector, sampled, told};
use crate::config::{printed, run};
use crate::sql::served::Served;

/// Spans by what became of them: exported, dropped, failed.
async fn counted(served: &Served) -> [u64; 3] {
    let text = served.proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
    ["exported", "dropped", "failed"].map(|result| {
        let start = format!("pool_proxy_trace_spans_total{{result=\"{result}\"}} ");
        let count = text.lines().find_map(|line| line.strip_prefix(&start));
        count.unwrap_or_else(|| panic!("no {start} in {text}")).parse().unwrap()
    })
}

async fn ask(served: &Served) {
    served.proxy.sql_request(&json!({ "query": "SELECT 1" })).header("traceparent", sampled()).send().await.expect(200);
}

#[tokio::test]
async fn what_is_refused_is_lost_and_counted() {
    let collector = Collector::saying(&[Says(400, Duration::ZERO)]).await;
    let served = Served::with("", |proxy| told(proxy, &collector)).await;
    assert_eq!(counted(&served).await, [0, 0, 0]);
    ask(&served).await;
    eventually(|| async { counted(&served).await == [0, 0, 3] }).await;
    ask(&served).await;
    eventually(|| async { counted(&served).await == [3, 0, 3] }).await;
    assert_eq!((collector.spans().len(), collector.bodies().len()), (3, 2), "it is not sent again");
    let log = served.proxy.stderr();
    assert_eq!(log.matches("traces are lost").count(), 1, "{log}");
    assert_eq!(log.matches("takes traces again").count(), 1, "{log}");
}

#[tokio::test]
async fn what_finds_no_room_now_is_sent_again() {
    let collector = Collector::saying(&[Says(503, Duration::ZERO), Says(429, Duration::ZERO)]).await;
    let served = Served::with("", |proxy| told(proxy, &collector)).await;
    ask(&served).await;
    eventually_within(Duration::from_secs(30), || async { counted(&served).await == [3, 0, 0] }).await;
    let bodies = collector.bodies();
    assert!(bodies.len() == 3 && bodies.iter().all(|body| *body == bodies[0]), "{bodies:#?}");
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_nobody_up() {
    // What was there is gone, so nobody listens.
    let url = format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
    let mut served =
        Served::with("", |proxy| proxy.env("POOL_PROXY_TRACE_ENDPOINT", &url).config("drain_delay = \"0s\"\n")).await;
    served.run("SELECT 1").await;
    // More than can wait, in answers from the cache.
    for _ in 0..3000 {
        let hit = served.proxy.sql_request(&json!({ "query": "SELECT 2" })).header("cache-control", "max-age=600");
        hit.header("traceparent", sampled()).send().await.expect(200);
    }
    let [exported, dropped, _] = counted(&served).await;
    assert!(exported == 0 && dropped > 0, "{exported} {dropped}");
    assert!(served.proxy.terminate().await.success(), "{}", served.proxy.stderr());
}

#[tokio::test]
async fn a_slow_collector_holds_nobody_up() {
    let collector = Collector::saying(&[Says(200, Duration::from_secs(3))]).await;
    let served = Served::with("", |proxy| told(proxy, &collector)).await;
    ask(&served).await;
    eventually(|| async { collector.bodies().len() == 1 }).await;
    ask(&served).await;
    assert!(collector.spans().is_empty(), "it has not answered yet");
    eventually(|| async { counted(&served).await == [6, 0, 0] }).await;
}

#[tokio::test]
async fn the_last_spans_are_sent_at_the_end() {
    let collector = Collector::start().await;
    let mut served = Served::with("", |proxy| told(proxy, &collector).config("drain_delay = \"0s\"\n")).await;
    let last = served.proxy.sql_request(&json!({ "query": "SELECT pg_sleep(1)" })).header("traceparent", sampled());
    let last = tokio::spawn(last.send());
    eventually(|| async { served.database.sleeping().await == 1 }).await;
    assert!(served.proxy.terminate().await.success());
    last.await.unwrap().expect(200);
    // No waiting: the process has ended.
    assert_eq!(collector.spans().len(), 3, "{:#?}", collector.spans());
}

#[tokio::test]
async fn the_collectors_key_goes_to_the_collector_alone() {
    let collector = Collector::start().await;
    let variables = [("OTEL_SERVICE_NAME", "shop"), ("POOL_PROXY_TRACE_HEADERS", "authorization=Bearer%20geheim")];
    let served = Served::with("", |proxy| {
        let proxy = variables.iter().fold(told(proxy, &collector), |proxy, (name, value)| proxy.env(name, value));
        proxy.env("POOL_PROXY_LOG", "json,trace")
    })
    .await;
    ask(&served).await;
    eventually(|| async { collector.spans().len() == 3 }).await;
    assert_eq!(collector.headers()[0]["authorization"], "Bearer geheim");
    assert_eq!(collector.spans()[0].service, "shop");
    let metrics = served.proxy.ops_request("GET", "/metrics").send().await.text;
    for text in [served.proxy.stderr(), collector.bodies().concat(), metrics] {
        assert!(!text.contains("geheim"), "{text}");
    }
    let enough = [("DATABASE_URL", "postgres://a@db/app"), ("POOL_PROXY_KEY", "0123456789abcdef")];
    let endpoint = ("POOL_PROXY_TRACE_ENDPOINT", "http://collector:4318");
    let (out, err) = printed(&run(&["config"], &[enough[0], enough[1], endpoint, variables[1]]));
    assert!(out.contains("trace.headers") && out.contains("http://collector:4318/v1/traces"), "{out}{err}");
    assert!(err.contains("plain HTTP") && !out.contains("geheim") && !err.contains("geheim"), "{out}{err}");
}
