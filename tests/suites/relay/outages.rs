//! The upstream is away, or goes away: what a relay's clients are told is true, and everything comes back by itself.

use harness::{Answer, Proxy, Relay, Way, Wire, eventually};
use serde_json::{Value, json};

use super::Relayed;
use super::stub::Stub;

fn one() -> Value {
    json!({ "query": "SELECT 1" })
}

/// As the clients of all doors read it.
fn is_told(answer: &Answer) {
    assert_eq!(answer.header("content-type"), "application/json");
    let (message, error) = (&answer.body["message"], &answer.body["error"]);
    assert!(message.is_string() && message == error && answer.body["code"] == "P6008", "{}", answer.text);
    let id = answer.header("x-request-id");
    assert!(!id.is_empty() && answer.body["requestId"] == id.as_str(), "{id}: {}", answer.text);
}

#[tokio::test]
async fn an_upstream_that_is_away_is_503_until_it_comes_back() {
    let Relayed { mut served, relay } = Relayed::plain().await;
    relay.sql(one()).await.expect(200);
    served.proxy.kill();
    // The connection that was open is found out, in one way or the other.
    eventually(|| async { relay.sql(one()).await.status == 503 }).await;
    let away = relay.sql(one()).await.expect(503);
    is_told(&away);
    assert_eq!(away.header("retry-after"), "1");
    assert!(away.body["outcome"].is_null(), "{}", away.text);
    let info = relay.request("GET", "/connection-info").bearer(relay.key()).send().await.expect(503);
    is_told(&info);
    eventually(|| async { relay.stderr().contains("not answered") }).await;
    assert!(!relay.stderr().contains(relay.key()), "{}", relay.stderr());
    let address = served.proxy.url().trim_start_matches("http://");
    let again = Proxy::builder().database(&served.database).key(relay.key()).env("POOL_PROXY_LISTEN", address);
    let _again = again.start().await;
    relay.sql(one()).await.expect(200);
}

#[tokio::test]
async fn nobody_listening_is_told_also_to_who_is_still_sending() {
    let relay = Proxy::builder().relay("http://127.0.0.1:1", "key").start().await;
    is_told(&relay.sql(one()).await.expect(503));
    let mut client = Wire::open(&relay).await;
    client.write(client.request_with("", vec![b'x'; 8 << 20])).await;
    is_told(&client.answer().await.expect(503));
}

#[tokio::test]
async fn a_name_that_is_not_known_is_told() {
    let relay = Proxy::builder().relay("http://nobody.invalid", "key").start().await;
    let answer = relay.sql(one()).await.expect(503);
    is_told(&answer);
    assert!(answer.text.contains("dns"), "{}", answer.text);
}

#[tokio::test]
async fn a_connection_lost_after_sending_is_502_and_the_outcome_unknown() {
    let relayed = Relayed::with("CREATE TABLE notes (n int)", |proxy| proxy).await;
    let proxy = &relayed.served.proxy;
    let between = Relay::to(proxy.url()).await;
    let relay = Proxy::builder().relay(&between.url(proxy.url()), proxy.key()).start().await;
    between.stall(Way::Back);
    let writing = tokio::spawn(relay.sql_request(&json!({ "query": "INSERT INTO notes VALUES (1)" })).send());
    eventually(|| async { relayed.served.postgres("SELECT count(*) FROM notes").await == "1" }).await;
    between.reset().await;
    let lost = writing.await.unwrap().expect(502);
    is_told(&lost);
    assert_eq!(lost.body["outcome"], "unknown");
    between.forward();
    // It was not sent again.
    relay.sql(one()).await.expect(200);
    assert_eq!(relayed.served.postgres("SELECT count(*) FROM notes").await, "1");
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let stub = Stub::new().await;
    let relay = Proxy::builder().relay(&stub.url, "key").start().await;
    for head in ["content-length: 6", "transfer-encoding: chunked"] {
        let asking = tokio::spawn(relay.request("GET", "/x").try_send());
        let mut visit = stub.visited().await;
        visit.read_to("\r\n\r\n").await;
        let start = if head.starts_with("content") { "abc" } else { "3\r\nabc\r\n" };
        visit.write(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{start}")).await;
        drop(visit);
        let error = asking.await.unwrap().expect_err("it looks whole");
        assert!(!error.to_string().is_empty());
    }
}

#[tokio::test]
async fn no_http_is_502() {
    let stub = Stub::new().await;
    let relay = Proxy::builder().relay(&stub.url, "key").start().await;
    let asking = tokio::spawn(relay.request("GET", "/x").send());
    let mut visit = stub.visited().await;
    visit.read_to("\r\n\r\n").await;
    visit.write("SSH-2.0-OpenSSH_9.2\r\n\r\n").await;
    drop(visit);
    is_told(&asking.await.unwrap().expect(502));
}
