//! Tags, and what `POST /invalidate` takes away by them.

use harness::{Proxy, fresh_database, key_entry};
use serde_json::{Value, json};

use super::bench::{Bench, LONG, QUERY, STORED, assert_hit, status, ttl, word};

/// Queries and their tags.
const ENTRIES: &[(&str, &str)] =
    &[("SELECT 1 AS a", "a"), ("SELECT 2 AS b", "b"), ("SELECT 3 AS ab", "a,b"), ("SELECT 4 AS bare", "")];

#[tokio::test]
async fn an_invalidation_takes_what_carries_one_of_its_tags() {
    let bench = Bench::start().await;
    for (tags, left) in [
        (json!(["a"]), vec!["b", "bare"]),
        (json!(["b"]), vec!["a", "bare"]),
        (json!(["a", "b"]), vec!["bare"]),
        (json!(["nobody", "a"]), vec!["b", "bare"]),
        (json!(["nobody"]), vec!["a", "b", "ab", "bare"]),
        (json!(["A"]), vec!["a", "b", "ab", "bare"]),
        (json!("all"), vec![]),
    ] {
        for (query, carried) in ENTRIES {
            ask(&bench, query, carried).await;
        }
        let answer = bench.invalidate(&tags).await.expect(200);
        assert_eq!(answer.text, "{}");
        for (query, _) in ENTRIES {
            let (_, name) = query.rsplit_once(' ').unwrap();
            let hit = ttl(&ask(&bench, query, "").await).is_some();
            assert_eq!(hit, left.contains(&name), "{name} after {tags}");
        }
        bench.invalidate(&json!("all")).await.expect(200);
    }
}

async fn ask(bench: &Bench, query: &str, tags: &str) -> harness::Answer {
    let request = bench.request(query, LONG);
    let request = if tags.is_empty() { request } else { request.header("cache-tag", tags) };
    request.send().await.expect(200)
}

#[tokio::test]
async fn the_tags_of_a_hit_are_added() {
    let bench = Bench::start().await;
    bench.ask_tagged(LONG, "a").await;
    for tag in ["b", "c"] {
        assert_hit(&bench.ask_tagged(LONG, tag).await);
    }
    bench.invalidate(&json!(["b"])).await.expect(200);
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn a_refreshed_answer_carries_the_tags_it_was_refreshed_with() {
    let bench = Bench::start().await;
    bench.ask_tagged(LONG, "a").await;
    bench.ask_tagged("no-cache, max-age=600", "b").await;
    assert_hit(&bench.ask(LONG).await);
    bench.invalidate(&json!(["b"])).await.expect(200);
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn what_expired_and_was_stored_anew_is_found_by_its_tag() {
    let bench = Bench::start().await;
    bench.ask_tagged("max-age=1", "a").await;
    harness::eventually(|| async { bench.proxy.ops_request("GET", "/cache").send().await.body["entries"] == 0 }).await;
    assert_eq!(status(&bench.ask_tagged(LONG, "a").await), STORED);
    bench.invalidate(&json!(["a"])).await.expect(200);
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn an_invalidated_answer_is_gone_before_the_invalidation_is_answered() {
    let bench = Bench::start().await;
    for round in 0..50 {
        let tags = if round % 2 == 0 { json!(["a"]) } else { json!("all") };
        bench.ask_tagged(LONG, "a").await;
        bench.change(&round.to_string()).await;
        bench.invalidate(&tags).await.expect(200);
        assert_eq!(word(&bench.ask_tagged(LONG, "a").await), round.to_string());
    }
}

#[tokio::test]
async fn an_invalidation_is_for_one_database() {
    let (one, two) = (fresh_database().await, fresh_database().await);
    let other = format!(
        "[databases.other]\nurl = \"{}\"\n{}",
        two.url(),
        key_entry("other", "other-only-secret-001", "databases = [\"other\"]")
    );
    let proxy = Proxy::builder().database(&one).config(other).start().await;
    let ask = async |database: &str| {
        let request = proxy.sql_request(&json!({ "query": "SELECT 1" })).header("pool-database", database);
        request.header("cache-control", LONG).header("cache-tag", "a").send().await.expect(200)
    };
    for tags in [json!(["a"]), json!("all")] {
        ask("default").await;
        ask("other").await;
        let invalidate = proxy.request("POST", "/invalidate").bearer("other-only-secret-001");
        invalidate.json(&json!({ "tags": tags })).send().await.expect(200);
        assert_hit(&ask("default").await);
        assert_eq!(status(&ask("other").await), STORED);
    }
    let forbidden = proxy.request("POST", "/invalidate").bearer("other-only-secret-001");
    forbidden.header("pool-database", "default").json(&json!({ "tags": "all" })).send().await.expect(403);
    assert_hit(&ask("default").await);
}

#[tokio::test]
async fn a_read_only_key_may_invalidate() {
    let reads = key_entry("reads", "read-only-secret-0001", "read_only = true");
    let bench = Bench::with(|builder| builder.config(reads)).await;
    bench.store().await;
    let request = bench.proxy.request("POST", "/invalidate").bearer("read-only-secret-0001");
    request.json(&json!({ "tags": "all" })).send().await.expect(200);
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn an_invalidation_that_is_none_is_refused() {
    let bench = Bench::start().await;
    bench.ask_tagged(LONG, "a").await;
    let long = "x".repeat(65);
    let bodies: &[Value] = &[
        json!({ "tags": [] }),
        json!({ "tags": ["a", "b", "c", "d", "e", "f"] }),
        json!({ "tags": ["not-a-tag"] }),
        json!({ "tags": [""] }),
        json!({ "tags": [long] }),
        json!({ "tags": ["é"] }),
        json!({ "tags": [1] }),
        json!({ "tags": "a" }),
        json!({ "tags": "ALL" }),
        json!({ "tags": null }),
        json!({ "tags": { "a": true } }),
        json!({ "tag": ["a"] }),
        json!({}),
        json!([]),
        json!("all"),
    ];
    for body in bodies {
        let request = bench.proxy.request("POST", "/invalidate").bearer(bench.proxy.key());
        let answer = request.json(body).send().await.expect(400);
        assert!(answer.body["message"].is_string(), "{body}: {}", answer.text);
    }
    let request = |method| bench.proxy.request(method, "/invalidate").bearer(bench.proxy.key());
    request("POST").body("{").send().await.expect(400);
    request("POST").send().await.expect(400);
    request("GET").send().await.expect(405);
    let stranger = bench.proxy.request("POST", "/invalidate").json(&json!({ "tags": "all" }));
    stranger.clone().send().await.expect(401);
    stranger.bearer("another-secret-00001").send().await.expect(401);
    assert_hit(&bench.ask(LONG).await);
}

#[tokio::test]
async fn tags_of_a_request_follow_the_rules() {
    let bench = Bench::start().await;
    let longest = "x".repeat(64);
    for tags in ["a", "a,b,c,d,e", " a , b ", "A_9", &longest] {
        bench.request(QUERY, LONG).header("cache-tag", tags).send().await.expect(200);
    }
    let too_long = "x".repeat(65);
    for tags in ["", ",", "a,", "a,b,c,d,e,f", "a b", "a-b", "a;b", &too_long] {
        let answer = bench.request(QUERY, LONG).header("cache-tag", tags).send().await.expect(400);
        assert!(answer.text.contains("tag"), "{tags:?}: {}", answer.text);
    }
}
