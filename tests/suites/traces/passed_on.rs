//! A relay: its spans are between those of its caller and those of the proxy behind it.

use harness::Proxy;
use serde_json::json;

use super::collector::named;
use super::{Collector, PARENT, Span, TRACE, sampled, told};
use crate::relay::stub::Stub;
use crate::sql::served::Served;

#[tokio::test]
async fn a_trace_goes_through_a_relay() {
    let collector = Collector::start().await;
    let served = Served::with("", |proxy| told(proxy, &collector)).await;
    let relay = told(Proxy::builder().relay_to(&served.proxy), &collector);
    let relay = relay.config("[trace]\nservice_name = \"sidecar\"\n").start().await;
    let ask = |query: &str| relay.sql_request(&json!({ "query": query })).header("traceparent", sampled());
    ask("SELECT 'herring'").send().await.expect(200);
    let spans = collector.trace(TRACE, 5).await;
    assert_eq!(spans.len(), 5, "{spans:#?}");
    let of = |service: &str| -> Vec<Span> { spans.iter().filter(|span| span.service == service).cloned().collect() };
    let (relays, proxys) = (of("sidecar"), of("pool-proxy"));
    let (whole, sent) = (named(&relays, "POST /sql"), named(&relays, "POST"));
    assert_eq!((whole.parent(), whole.kind()), (PARENT, 2), "{spans:#?}");
    assert_eq!((sent.parent(), sent.kind()), (whole.id(), 3), "{spans:#?}");
    let behind = named(&proxys, "POST /sql");
    assert_eq!(behind.parent(), sent.id(), "{spans:#?}");
    assert_eq!(named(&proxys, "SELECT default").parent(), behind.id(), "{spans:#?}");
    for key in ["http.response.status_code", "pool_proxy.request_id"] {
        assert_eq!((whole.told(key), whole.told(key).is_empty()), (behind.told(key), false), "{key}");
    }
    for secret in ["herring", served.proxy.key()] {
        assert!(!collector.bodies().concat().contains(secret), "{secret} is told");
    }
}

/// What of a trace reaches the upstream of a relay that records nothing by itself, or everything.
async fn passed(sample: &str, given: &[(&str, &str)]) -> Vec<String> {
    let (stub, collector) = (Stub::new().await, Collector::start().await);
    let relay = told(Proxy::builder().relay(&stub.url, "a key of somebody's"), &collector);
    let relay = relay.env("POOL_PROXY_TRACE_SAMPLE", sample).start().await;
    let request = relay.request("GET", "/connection-info");
    let request = given.iter().fold(request, |request, (name, value)| request.header(name, value));
    let asked = tokio::spawn(request.send());
    let mut visit = stub.visited().await;
    let head = visit.read_to("\r\n\r\n").await;
    visit.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    asked.await.unwrap().expect(200);
    head.lines().filter(|line| line.starts_with("trace")).map(str::to_owned).collect()
}

#[tokio::test]
async fn what_is_not_recorded_passes_unchanged_and_what_is_names_the_relay() {
    let state = ("tracestate", "vendor=1,other=2");
    let not_sampled = format!("00-{TRACE}-{PARENT}-00");
    let lines = passed("1", &[("traceparent", &not_sampled), state]).await;
    assert_eq!(lines, [format!("traceparent: {not_sampled}"), "tracestate: vendor=1,other=2".to_owned()]);
    assert_eq!(passed("0", &[]).await, [""; 0]);

    let mut lines = passed("0", &[("traceparent", &sampled()), state]).await;
    lines.sort_unstable();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].starts_with(&format!("traceparent: 00-{TRACE}-")) && lines[0].ends_with("-01"), "{lines:?}");
    assert!(!lines[0].contains(PARENT), "{lines:?}");
    assert_eq!(lines[1], "tracestate: vendor=1,other=2");

    // What was said of another trace does not go along with a new one.
    let lines = passed("1", &[("traceparent", "00-no-trace-01"), state]).await;
    assert!(matches!(&lines[..], [line] if line.starts_with("traceparent: 00-") && line.ends_with("-01")), "{lines:?}");
}
