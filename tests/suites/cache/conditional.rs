//! Who holds an answer asks whether it is still the one, for the price of headers (RFC 9110, 13).

use harness::{Answer, Proxy, Request, eventually};
use serde_json::{Value, json};

use super::bench::{Bench, LONG, QUERY, STALE, STORED, assert_hit, status, ttl, word};
use crate::sql::served::batch;

/// Long enough to be compressed.
const MANY: &str = "SELECT word, n FROM words, generate_series(1, 500) AS n";

/// The tag of an answer, which must have one.
#[track_caller]
fn tag(answer: &Answer) -> String {
    let tag = answer.header("etag");
    let of_ours = tag.strip_prefix("W/\"").and_then(|rest| rest.strip_suffix('"')).is_some_and(|it| it.len() == 22);
    assert!(of_ours, "{tag:?} of {}", answer.text);
    tag
}

/// Nothing has changed since: all of the headers, nothing of the body.
#[track_caller]
fn assert_unchanged(answer: &Answer, tag: &str) {
    assert_eq!(answer.status, 304, "{}", answer.text);
    assert_eq!(answer.bytes.len(), 0);
    assert_eq!(answer.header("etag"), tag);
    for absent in ["content-type", "content-encoding", "content-length", "transfer-encoding"] {
        assert_eq!(answer.header(absent), "", "{absent}");
    }
    for there in ["cache-status", "server-timing", "x-request-id", "date"] {
        assert_ne!(answer.header(there), "", "{there}");
    }
}

#[tokio::test]
async fn a_copy_is_asked_about_for_the_price_of_headers() {
    let bench = Bench::start().await;
    let first = bench.ask(LONG).await;
    assert_eq!(status(&first), STORED);
    let tag = tag(&first);
    bench.change("new").await;
    let hit = bench.ask(LONG).await;
    assert_hit(&hit);
    assert_eq!(hit.header("etag"), tag);
    let strong = tag.trim_start_matches("W/");
    for known in [&*tag, strong, "*", &format!("\"a,b\",  W/\"x\" ,, {tag}"), &format!("{strong}, \"y\"")] {
        let answer = bench.request(QUERY, LONG).header("if-none-match", known).send().await;
        assert_unchanged(&answer, &tag);
        assert!(ttl(&answer).is_some_and(|ttl| ttl > 0), "{}", status(&answer));
        assert_ne!(answer.header("age"), "");
    }
    let two = bench.request(QUERY, LONG).header("if-none-match", "\"x\"").header("if-none-match", &tag);
    assert_unchanged(&two.send().await, &tag);
    for known in
        ["\"x\"", "W/\"\"", strong.trim_matches('"'), &tag.replace('W', "w"), &format!("{tag} x"), "*, \"x\"", ""]
    {
        let answer = bench.request(QUERY, LONG).header("if-none-match", known).send().await.expect(200);
        assert_eq!((word(&answer), answer.header("etag")), ("old", tag.clone()), "{known}");
    }
}

#[tokio::test]
async fn what_is_read_anew_is_compared_when_it_is_there() {
    let bench = Bench::start().await;
    let old = tag(&bench.ask(LONG).await);
    let ask = |control: &str| bench.request(QUERY, control).header("if-none-match", &old).send();
    // The same again.
    bench.invalidate(&json!("all")).await.expect(200);
    let miss = ask(LONG).await;
    assert_unchanged(&miss, &old);
    assert_eq!(status(&miss), STORED);
    let refreshed = ask("no-cache, max-age=600").await;
    assert_unchanged(&refreshed, &old);
    assert_eq!(status(&refreshed), "pool-proxy; fwd=request; stored");
    // What is stale may be given, and so may that it is the same.
    bench.change("new").await;
    let stale = ask(STALE).await;
    assert_unchanged(&stale, &old);
    assert!(ttl(&stale).is_some_and(|ttl| ttl < 0), "{}", status(&stale));
    let fresh = eventually(|| async {
        let answer = ask(LONG).await;
        if answer.status == 200 { Ok(answer) } else { Err(status(&answer)) }
    })
    .await;
    assert_eq!(word(&fresh), "new");
    assert_ne!(tag(&fresh), old);
    // And back: it is the bytes that count.
    bench.change("old").await;
    assert_unchanged(&ask("no-cache, max-age=600").await, &old);
}

#[tokio::test]
async fn what_is_not_kept_has_no_tag_and_runs() {
    let bench = Bench::start().await;
    let any = |body: &Value| bench.proxy.sql_request(body).header("if-none-match", "*");
    let cached = |body: &Value| any(body).header("cache-control", LONG);
    let read = json!({ "query": QUERY });
    let write = json!({ "query": "UPDATE words SET word = word || '!' RETURNING word" });
    let requests: [(&str, Request, u16); 7] = [
        ("nothing asked", any(&read), 200),
        ("no-store", any(&read).header("cache-control", "no-store"), 200),
        ("a write", cached(&write), 200),
        ("the same write", cached(&write), 200),
        ("volatile", cached(&json!({ "query": "SELECT random()" })), 200),
        ("a batch", cached(&batch(&[QUERY, QUERY])), 200),
        ("an error", cached(&json!({ "query": "SELECT 1 / (length(word) - length(word)) FROM words" })), 400),
    ];
    for (name, request, expected) in requests {
        let answer = request.send().await;
        assert_eq!((answer.status.as_u16(), answer.header("etag").as_str()), (expected, ""), "{name}: {}", answer.text);
        assert_ne!(answer.bytes.len(), 0, "{name}");
    }
    assert_eq!(word(&bench.ask("no-store").await), "old!!");
}

#[tokio::test]
async fn two_proxies_give_the_same_tag() {
    let bench = Bench::start().await;
    let other = Proxy::builder().database(&bench.database).start().await;
    let tag = tag(&bench.ask(LONG).await);
    let request = other.sql_request(&json!({ "query": QUERY })).header("cache-control", LONG);
    let answer = request.header("if-none-match", &tag).send().await;
    assert_unchanged(&answer, &tag);
    assert_eq!(status(&answer), STORED);
    // Another form of the answer is another answer.
    let rows = bench.proxy.sql_request(&json!({ "query": QUERY, "arrayMode": true })).header("cache-control", LONG);
    rows.header("if-none-match", &tag).send().await.expect(200);
}

#[tokio::test]
async fn compressed_or_not_it_is_the_same_answer() {
    let bench = Bench::start().await;
    let plain = bench.request(MANY, LONG).send().await.expect(200);
    let packed = || bench.request(MANY, LONG).header("accept-encoding", "gzip");
    let answer = packed().send().await.expect(200);
    assert_eq!((answer.header("content-encoding").as_str(), tag(&answer)), ("gzip", tag(&plain)));
    for request in [packed(), bench.request(MANY, LONG)] {
        let answer = request.header("if-none-match", tag(&plain)).send().await;
        assert_unchanged(&answer, &tag(&plain));
        assert_eq!(answer.header("vary"), "accept-encoding");
    }
}

#[tokio::test]
async fn through_a_relay_it_is_as_it_was() {
    let bench = Bench::start().await;
    let relay = Proxy::builder().relay_to(&bench.proxy).start().await;
    let request = || relay.sql_request(&json!({ "query": QUERY })).header("cache-control", LONG);
    let tag = tag(&request().send().await.expect(200));
    for _ in 0..2 {
        assert_unchanged(&request().header("if-none-match", &tag).send().await, &tag);
    }
    assert_eq!(word(&request().send().await.expect(200)), "old");
}

#[tokio::test]
async fn pages_of_other_origins_may_ask_and_read() {
    let bench = Bench::with(|proxy| proxy.config("[cors]\norigins = [\"https://app.example.com\"]")).await;
    let origin = "https://app.example.com";
    let preflight = bench.proxy.request("OPTIONS", "/sql").header("origin", origin);
    let preflight = preflight.header("access-control-request-method", "POST");
    let preflight = preflight.header("access-control-request-headers", "authorization,if-none-match,pool-bookmark");
    let allowed = preflight.send().await.expect(204).header("access-control-allow-headers");
    assert_eq!(allowed, "authorization,if-none-match,pool-bookmark");
    let tag = tag(&bench.ask(LONG).await);
    let answer = bench.request(QUERY, LONG).header("origin", origin).header("if-none-match", &tag).send().await;
    assert_unchanged(&answer, &tag);
    let exposed = answer.header("access-control-expose-headers");
    for name in ["etag", "cache-status", "age", "pool-bookmark"] {
        assert!(exposed.split(", ").any(|exposed| exposed == name), "{name}: {exposed}");
    }
}
