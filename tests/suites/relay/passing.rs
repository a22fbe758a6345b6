//! What goes through a relay comes out as it went in, both ways.

use harness::{Answer, Proxy, Request, Wire};
use serde_json::{Value, json};

use super::Relayed;
use super::stub::{Stub, Visit};
use crate::sql::served::Served;

/// Makes a request to one proxy or another.
type Asks<'a> = Box<dyn Fn(&Proxy) -> Request + 'a>;

/// Headers that differ between two answers to the same request.
const OWN: [&str; 4] = ["x-request-id", "server-timing", "date", "cf-ray"];

fn comparable(answer: &Answer) -> (u16, Vec<(String, String)>, String) {
    let mut body = answer.body.clone();
    if let Some(id) = body.get_mut("requestId") {
        *id = Value::Null;
    }
    let text = if body.is_null() { answer.text.clone() } else { body.to_string() };
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !OWN.contains(&name.as_str()))
        // A length tells how long the request's id is, too.
        .filter(|(name, _)| name.as_str() != "content-length" || answer.body.get("requestId").is_none())
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    headers.sort();
    (answer.status.as_u16(), headers, text)
}

#[tokio::test]
async fn every_answer_is_the_proxys_own() {
    let config = "[cors]\norigins = [\"https://app.example.com\"]";
    let relayed = Relayed::with("", |proxy| proxy.config(config).env("POOL_PROXY_REGION", "fra")).await;
    let Relayed { served: Served { proxy, .. }, relay } = &relayed;
    let sql = |body: Value| move |to: &Proxy| to.request("POST", "/sql").bearer(proxy.key()).json(&body);
    let values = "SELECT 1 AS i, 12345678901234567890::numeric AS n, NULL AS none, 'ä€😀' AS t, ARRAY[1,2] AS a";
    let long = "SELECT repeat('compressible', 1000) AS t";
    let requests: Vec<(u16, Asks<'_>)> = vec![
        (200, Box::new(sql(json!({ "query": values })))),
        (200, Box::new(move |to| sql(json!({ "query": values }))(to).header("neon-raw-text-output", "true"))),
        (200, Box::new(sql(json!({ "queries": [{ "query": "SELECT 1" }, { "query": "SELECT 2" }] })))),
        (200, Box::new(sql(json!({ "query": "SELECT $1::int[] AS a", "params": [[1, null]] })))),
        (200, Box::new(move |to| sql(json!({ "query": long }))(to).header("accept-encoding", "gzip"))),
        (200, Box::new(move |to| sql(json!({ "query": "SELECT 1" }))(to).header("origin", "https://app.example.com"))),
        (400, Box::new(sql(json!({ "query": "SELECT 1 / 0" })))),
        (400, Box::new(|to| to.request("POST", "/sql").bearer(proxy.key()).body("{"))),
        (401, Box::new(|to| to.request("POST", "/sql").json(&json!({ "query": "SELECT 1" })))),
        (401, Box::new(|to| to.request("POST", "/sql").bearer("wrong").json(&json!({ "query": "SELECT 1" })))),
        (404, Box::new(|to| to.request("GET", "/nothing?here=%2F&and=there"))),
        (405, Box::new(|to| to.request("GET", "/sql"))),
        (200, Box::new(|to| to.request("HEAD", "/health"))),
        (204, Box::new(|to| to.request("OPTIONS", "/sql").header("origin", "https://app.example.com"))),
        (200, Box::new(|to| to.request("GET", "/connection-info").bearer(proxy.key()))),
        (401, Box::new(|to| to.request("GET", "/connection-info").bearer("wrong"))),
        (400, Box::new(|to| to.request("POST", "/query").bearer(proxy.key()).body("{"))),
    ];
    for (status, request) in requests {
        let (direct, through) = (request(proxy).send().await, request(relay).send().await);
        assert_eq!(direct.status.as_u16(), status, "{}", direct.text);
        assert_eq!(comparable(&direct), comparable(&through));
        assert_eq!(through.headers.get_all("x-request-id").iter().count(), 1, "{:?}", through.headers);
        assert_eq!(through.headers.get_all("date").iter().count(), 1, "{:?}", through.headers);
    }
}

#[tokio::test]
async fn the_cache_is_the_proxys_and_is_invalidated_through_the_relay() {
    let relayed = Relayed::with("CREATE TABLE words AS SELECT 'one' AS word", |proxy| proxy).await;
    let ask = async || {
        let request = relayed.relay.sql_request(&json!({ "query": "SELECT word FROM words" }));
        request.header("cache-control", "max-age=60").header("cache-tag", "words").send().await.expect(200)
    };
    assert!(ask().await.header("cache-status").contains("fwd=miss; stored"));
    relayed.served.database.batch("UPDATE words SET word = 'two'").await;
    let hit = ask().await;
    assert!(hit.header("cache-status").contains("hit; ttl="), "{:?}", hit.headers);
    assert_ne!(hit.header("age"), "");
    assert_eq!(hit.body["rows"][0]["word"], "one");
    let invalidate = relayed.relay.request("POST", "/invalidate").bearer(relayed.relay.key());
    assert_eq!(invalidate.json(&json!({ "tags": ["words"] })).send().await.expect(200).text, "{}");
    assert_eq!(ask().await.body["rows"][0]["word"], "two");
}

#[tokio::test]
async fn ids_and_traces_are_the_same_on_both_sides() {
    let relayed = Relayed::with("", |proxy| proxy.env("POOL_PROXY_LOG", "json,debug")).await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = relayed.relay.sql_request(&json!({ "query": "SELECT 1" }));
    let request =
        request.header("x-request-id", "mine-1").header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
    assert_eq!(request.send().await.expect(200).header("x-request-id"), "mine-1");
    let line = |log: String| log.lines().find(|line| line.contains("mine-1")).map(str::to_owned);
    let line = harness::eventually(|| async { line(relayed.served.proxy.stderr()) }).await;
    assert!(line.contains(trace), "{line}");
    // One that nobody gave is given by the relay, and known to the proxy.
    let id = relayed.relay.sql(json!({ "query": "SELECT 1" })).await.expect(200).header("x-request-id");
    assert_eq!(id.len(), 32, "{id}");
    harness::eventually(|| async { relayed.served.proxy.stderr().contains(&id) }).await;
}

#[tokio::test]
async fn what_is_about_one_connection_goes_no_further() {
    let stub = Stub::new().await;
    let relay = Proxy::builder().relay(&stub.url, "key").start().await;
    let mut client = Wire::open(&relay).await;
    let request = "POST /a/b?c=%20d HTTP/1.1\r\nhost: localhost:1\r\nconnection: keep-alive, x-mine\r\nx-mine: 1\r\n\
        keep-alive: timeout=9\r\nproxy-authorization: Basic eA==\r\nte: trailers\r\nexpect: 100-continue\r\n\
        authorization: Bearer key\r\nx-passes: a\r\nx-passes: b\r\ncontent-length: 2\r\n\r\n{}";
    client.write(request).await;
    let mut visit = stub.visited().await;
    let head = visit.read_to("\r\n\r\n").await.to_lowercase();
    visit.read_to("{}").await;
    assert!(head.starts_with("post /a/b?c=%20d http/1.1\r\n"), "{head}");
    for gone in ["x-mine", "keep-alive", "proxy-authorization", "te:", "expect", "localhost:1", "transfer-encoding"] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
    let host = stub.url.replace("http://", "host: ");
    for there in
        [&*host, "authorization: bearer key", "x-passes: a", "x-passes: b", "via: 1.1 pool-proxy", "content-length: 2"]
    {
        assert!(head.contains(&format!("{there}\r\n")), "{there}: {head}");
    }
    assert_eq!(head.matches("host:").count(), 1, "{head}");
    visit
        .write(
            "HTTP/1.1 200 OK\r\nconnection: close, x-ours\r\nx-ours: 1\r\nkeep-alive: timeout=1\r\nset-cookie: a=1\r\n\
             set-cookie: b=2\r\nx-request-id: theirs\r\ncontent-length: 4\r\n\r\nbody",
        )
        .await;
    let mut client = Visit::of(client.into_socket());
    // The client is told to go on, since the relay takes the body itself.
    assert_eq!(client.read_to("\r\n\r\n").await, "HTTP/1.1 100 Continue\r\n\r\n");
    let answer = client.read_to("\r\n\r\nbody").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for there in ["set-cookie: a=1", "set-cookie: b=2", "x-request-id: theirs", "content-length: 4"] {
        assert!(answer.contains(&format!("{there}\r\n")), "{there}: {answer}");
    }
    for gone in ["connection", "x-ours", "keep-alive"] {
        assert!(!answer.contains(gone), "{gone}: {answer}");
    }
    // The proxy's connection is closed, the client's is not.
    client.write("GET /again HTTP/1.1\r\nhost: x\r\n\r\n").await;
    let mut again = stub.visited().await;
    again.read_to("\r\n\r\n").await;
    again.write("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert!(client.read_to("\r\n\r\n").await.starts_with("HTTP/1.1 204 No Content\r\n"));
}
