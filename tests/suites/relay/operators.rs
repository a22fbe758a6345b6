//! The operators' listener of a relay.

use harness::{Folder, Proxy, Relay, Signal, eventually};
use serde_json::json;

use super::Relayed;

#[tokio::test]
async fn it_is_ready_when_its_upstream_answers() {
    let relayed = Relayed::plain().await;
    let proxy = &relayed.served.proxy;
    let between = Relay::to(proxy.url()).await;
    let relay = Proxy::builder().relay(&between.url(proxy.url()), proxy.key()).start().await;
    let ready = async || relay.ops_request("GET", "/ready").send().await;
    assert_eq!(ready().await.expect(200).body, json!({ "ready": true, "upstream": "ok" }));
    between.cut().await;
    let not = ready().await.expect(503);
    assert_eq!(not.body["ready"], false);
    assert!(not.body["upstream"].as_str().unwrap().contains("upstream"), "{}", not.text);
    // The process is well.
    relay.ops_request("GET", "/health").send().await.expect(200);
    between.forward();
    between.hang();
    assert!(ready().await.expect(503).text.contains("does not answer within 2 s"));
    between.forward();
    eventually(|| async { ready().await.status == 200 }).await;
}

#[tokio::test]
async fn an_upstream_that_is_no_proxy_is_not_ready() {
    let relayed = Relayed::plain().await;
    let proxy = &relayed.served.proxy;
    // Its operators' listener would be one, the public one of nobody is not.
    let stub = super::stub::Stub::new().await;
    let relay = Proxy::builder().relay(&stub.url, proxy.key()).start().await;
    let asking = tokio::spawn(relay.ops_request("GET", "/ready").send());
    let mut visit = stub.visited().await;
    let head = visit.read_to("\r\n\r\n").await;
    assert!(head.starts_with("GET /health HTTP/1.1\r\n") && !head.to_lowercase().contains("authorization"), "{head}");
    visit.write("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n").await;
    assert!(asking.await.unwrap().expect(503).text.contains("answers 404"));
}

#[tokio::test]
async fn requests_are_counted() {
    let relayed = Relayed::plain().await;
    let relay = &relayed.relay;
    for status in [200, 200, 400] {
        let query = if status == 200 { "SELECT 1" } else { "SELECT" };
        let query = if status == 400 { "SELECT nonsense" } else { query };
        relay.sql(json!({ "query": query })).await.expect(status);
    }
    let metrics = relay.ops_request("GET", "/metrics").send().await.expect(200).text;
    for line in [
        "pool_proxy_http_requests_total{route=\"relay\",status=\"200\"} 2",
        "pool_proxy_http_requests_total{route=\"relay\",status=\"400\"} 1",
        "pool_proxy_http_request_duration_seconds_count{route=\"relay\"} 3",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let none = relay.ops_request("GET", "/pools").send().await.expect(404);
    assert!(none.text.contains("/health, /ready and /metrics"), "{}", none.text);
    relay.ops_request("POST", "/ready").send().await.expect(405);
}

#[tokio::test]
async fn the_token_is_asked_for() {
    let relayed = Relayed::plain().await;
    let builder = Proxy::builder().relay_to(&relayed.served.proxy);
    let relay = builder.env("POOL_PROXY_OPS_TOKEN", "a token for operators").start().await;
    relay.ops_request("GET", "/health").send().await.expect(200);
    for path in ["/ready", "/metrics"] {
        relay.ops_request("GET", path).send().await.expect(401);
        relay.ops_request("GET", path).bearer("a token for operators").send().await.expect(200);
    }
}

#[tokio::test]
async fn readiness_says_no_before_accepting_stops() {
    let relayed = Relayed::plain().await;
    let builder = Proxy::builder().relay_to(&relayed.served.proxy);
    let mut relay = builder.config("drain_delay = \"30s\"").start().await;
    relay.signal(Signal::Terminate);
    eventually(|| async { relay.ops_request("GET", "/ready").send().await.status == 503 }).await;
    let answer = relay.ops_request("GET", "/ready").send().await.expect(503);
    assert!(answer.body["reason"].as_str().is_some_and(|reason| reason.contains("stop")), "{}", answer.text);
    relay.sql(json!({ "query": "SELECT 1" })).await.expect(200);
    // Whoever sits before the terminal does not wait.
    relay.signal(Signal::Interrupt);
}

#[tokio::test]
async fn its_own_certificate_is_taken_up_when_it_changes() {
    let relayed = Relayed::plain().await;
    let folder = Folder::new();
    folder.certificate("two");
    let mut relay = folder.encrypts(Proxy::builder().relay_to(&relayed.served.proxy)).start().await;
    let trusts = |name: &str| {
        let mut command = std::process::Command::new("curl");
        command.args(["--silent", "--max-time", "10", "--noproxy", "*", "--cacert"]).arg(folder.path(name));
        command.arg(format!("{}/health", relay.url())).output().unwrap().status.success()
    };
    assert!(trusts("one.crt") && !trusts("two.crt"));
    for kind in ["key", "crt"] {
        std::fs::copy(folder.path(&format!("two.{kind}")), folder.path(&format!("one.{kind}"))).unwrap();
    }
    eventually(|| async { trusts("two.crt") }).await;
    relay.signal(Signal::Hangup);
    assert!(relay.terminate().await.success());
}
