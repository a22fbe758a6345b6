//! Bodies pass as they come: a relay holds none of them whole.

use std::time::Duration;

use harness::{Proxy, Wire, eventually};
use serde_json::json;

use super::Relayed;
use super::stub::{Stub, Visit};

async fn stubbed(config: &str) -> (Stub, Proxy) {
    let stub = Stub::new().await;
    let relay = Proxy::builder().relay(&stub.url, "key").config(config).start().await;
    (stub, relay)
}

#[tokio::test]
async fn long_bodies_pass_both_ways() {
    let limits = "[limits]\nrequest_bytes = \"40MiB\"\nresponse_bytes = \"40MiB\"";
    let relayed = Relayed::with("", |proxy| proxy.config(limits)).await;
    let text = "0123456789abcdef".repeat(2 << 20);
    let body = json!({ "query": "SELECT $1::text AS t", "params": [text], "arrayMode": true });
    let answer = relayed.relay.sql(body).await.expect(200);
    assert_eq!(answer.body["rows"][0][0].as_str().map(str::len), Some(text.len()));
    assert!(answer.body["rows"][0][0] == text);
    // The limits are the proxy's.
    let body = json!({ "query": "SELECT $1::text AS t", "params": [text.repeat(2)] });
    relayed.relay.sql(body).await.expect(413);
    relayed.relay.sql(json!({ "query": "SELECT repeat('x', 50000000)" })).await.expect(507);
}

#[tokio::test]
async fn the_start_of_a_body_is_there_before_its_end() {
    let (stub, relay) = stubbed("").await;
    let mut client = Wire::open(&relay).await;
    client.write("POST /x HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n").await;
    let mut visit = stub.visited().await;
    let head = visit.read_to("abc\r\n").await.to_lowercase();
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    client.write("3\r\ndef\r\n0\r\n\r\n").await;
    visit.read_to("0\r\n\r\n").await;
    visit.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc").await;
    let mut client = Visit::of(client.into_socket());
    let come = client.read_to("abc").await;
    assert!(come.starts_with("HTTP/1.1 200 OK\r\n"), "{come}");
    // Longer than a connection idles before its buffers are given back: this one does not idle.
    tokio::time::sleep(Duration::from_millis(2500)).await;
    visit.write("def").await;
    client.read_to("def").await;
}

#[tokio::test]
async fn a_connection_goes_on_after_an_answer_that_came_in_parts() {
    let (stub, relay) = stubbed("").await;
    let mut client = Wire::open(&relay).await;
    let mut visit = None;
    for pause in [0, 0, 2500] {
        // Such as is idle long enough gives its buffers back.
        tokio::time::sleep(Duration::from_millis(pause)).await;
        client.write("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
        let visit = match &mut visit {
            Some(visit) => visit,
            none => none.insert(stub.visited().await),
        };
        visit.read_to("\r\n\r\n").await;
        visit.write("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nabc").await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        visit.write("def").await;
        assert_eq!(client.answer().await.expect(200).text, "abcdef");
    }
}

#[tokio::test]
async fn an_answer_that_nobody_reads_waits_at_the_upstream_and_then_is_dropped() {
    let (stub, relay) = stubbed("[clients]\nbody_timeout = \"2s\"").await;
    let before = relay.memory();
    let mut client = Wire::narrow(&relay).await;
    client.write("GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut visit = stub.visited().await;
    visit.read_to("\r\n\r\n").await;
    let total = 256 << 20;
    visit.write(format!("HTTP/1.1 200 OK\r\ncontent-length: {total}\r\n\r\n")).await;
    let taken = visit.fill(&vec![0; 64 << 10], total).await;
    assert!(taken < 32 << 20, "{taken}");
    let held = relay.peak_memory() - before;
    assert!(held < 16 << 20, "{held} bytes for one answer");
    // Four seconds without a move.
    assert!(visit.is_closed().await);
    eventually(|| async { metric(&relay, "pool_proxy_client_connections ").await == "0" }).await;
}

#[tokio::test]
async fn a_body_that_dribbles_is_408_by_the_proxys_word() {
    let relayed = Relayed::with("", |proxy| proxy.config("[clients]\nbody_timeout = \"500ms\"")).await;
    let mut client = Wire::open(&relayed.relay).await;
    client.write(client.head("content-length: 1000000\r\n")).await;
    client.dribble().await.expect(408);
    relayed.relay.sql(json!({ "query": "SELECT 1" })).await.expect(200);
}

#[tokio::test]
async fn over_http2_too() {
    let relayed = Relayed::plain().await;
    let mut command = tokio::process::Command::new("curl");
    command.args(["--silent", "--show-error", "--max-time", "20", "--noproxy", "*", "--http2-prior-knowledge"]);
    command.args(["--header", &format!("Authorization: Bearer {}", relayed.relay.key())]);
    command.args([
        "--data",
        r#"{"query":"SELECT repeat('x', 3000000) AS t"}"#,
        "--write-out",
        " %{http_code} %{http_version}",
    ]);
    let output = command.arg(format!("{}/sql", relayed.relay.url())).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.len() > 3_000_000 && said.ends_with(" 200 2"), "{}", &said[said.len().saturating_sub(200)..]);
}

async fn metric(relay: &Proxy, name: &str) -> String {
    let metrics = relay.ops_request("GET", "/metrics").send().await.expect(200).text;
    metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().to_owned()
}
