//! How much the cache holds, and what operators see of it.

use super::bench::{Bench, LONG, QUERY, STALE, status};
use harness::eventually;
use serde_json::json;

#[tokio::test]
async fn a_cache_of_no_bytes_is_off() {
    let bench = Bench::with(|builder| builder.env("POOL_PROXY_CACHE_BYTES", "0")).await;
    for _ in 0..3 {
        assert_eq!(status(&bench.ask(LONG).await), "pool-proxy; fwd=bypass; detail=off");
    }
    let view = bench.proxy.ops_request("GET", "/cache").send().await.expect(200).body;
    assert_eq!(view, json!({ "on": false, "entries": 0, "bytes": 0, "streams": [] }));
    bench.invalidate(&json!("all")).await.expect(200);
}

#[tokio::test]
async fn the_cache_stays_within_its_bytes() {
    const LIMIT: i64 = 65536;
    let bench = Bench::with(|builder| builder.env("POOL_PROXY_CACHE_BYTES", "64KiB")).await;
    let mut held = 0;
    for number in 0..200 {
        let query = format!("SELECT repeat('x', 2000) AS \"n{number}\"");
        bench.request(&query, LONG).send().await.expect(200);
        held = bench.metric("pool_proxy_cache_size_bytes").await;
        assert!(held <= LIMIT, "{held} bytes after {number} answers");
    }
    // Full, to within one answer.
    assert!(held > LIMIT - 4096, "{held} bytes");
    let entries = bench.metric("pool_proxy_cache_entries").await;
    assert!((20..=32).contains(&entries), "{entries} entries");
}

#[tokio::test]
async fn keys_count_as_well_as_answers() {
    let bench = Bench::start().await;
    let before = bench.metric("pool_proxy_cache_size_bytes").await;
    let query = format!("SELECT 1 /* {} */", "x".repeat(100_000));
    bench.request(&query, LONG).send().await.expect(200);
    let held = bench.metric("pool_proxy_cache_size_bytes").await - before;
    assert!((100_000..=110_000).contains(&held), "{held} bytes");
}

#[tokio::test]
async fn an_answer_larger_than_the_cache_is_given_and_not_kept() {
    let bench = Bench::with(|builder| builder.env("POOL_PROXY_CACHE_BYTES", "16KiB")).await;
    for _ in 0..2 {
        let answer = bench.request("SELECT repeat('x', 100000)", LONG).send().await.expect(200);
        assert!(!status(&answer).contains("hit"), "{}", status(&answer));
    }
    assert_eq!(bench.metric("pool_proxy_cache_size_bytes").await, 0);
}

#[tokio::test]
async fn tags_do_not_grow_the_cache_beyond_its_bytes() {
    let bench = Bench::start().await;
    bench.ask(LONG).await;
    let before = bench.metric("pool_proxy_cache_size_bytes").await;
    for number in 0..500 {
        bench.ask_tagged(LONG, &format!("{number:x>60},{number:y>60},{number:z>60}")).await;
    }
    let grown = bench.metric("pool_proxy_cache_size_bytes").await - before;
    // What an entry takes up is counted, and it takes up 64 tags at the most.
    assert!((1..64 * 200).contains(&grown), "1500 tags, {grown} bytes counted");
    let last = bench.ask_tagged(LONG, "one_more,two_more").await;
    assert!(status(&last).ends_with("fwd=bypass; detail=tags"), "{}", status(&last));
}

#[tokio::test]
async fn every_request_that_asked_is_counted_by_what_became_of_it() {
    let bench = Bench::start().await;
    bench.ask(LONG).await;
    bench.ask(LONG).await;
    bench.ask(LONG).await;
    bench.ask("max-age=0").await;
    bench.ask("no-cache, max-age=600").await;
    bench.ask("no-store").await;
    bench.request("SELECT random()", LONG).send().await.expect(200);
    bench.ask(STALE).await;
    bench.proxy.sql(json!({ "query": QUERY })).await.expect(200);
    for (result, expected) in
        [("miss", 1), ("hit", 2), ("expired", 1), ("refreshed", 1), ("bypass", 2), ("stale", 1), ("collapsed", 0)]
    {
        let name = format!(r#"pool_proxy_cache_requests_total{{database="default",result="{result}"}}"#);
        assert_eq!(bench.metric(&name).await, expected, "{result}");
    }
}

#[tokio::test]
async fn operators_see_how_much_is_held() {
    let bench = Bench::start().await;
    bench.ask(LONG).await;
    let view = bench.proxy.ops_request("GET", "/cache").send().await.expect(200).body;
    assert_eq!((&view["on"], &view["entries"]), (&json!(true), &json!(1)));
    assert_eq!(view["bytes"], bench.metric("pool_proxy_cache_size_bytes").await);
    bench.invalidate(&json!("all")).await.expect(200);
    eventually(|| async { bench.metric("pool_proxy_cache_entries").await == 0 }).await;
    assert_eq!(bench.metric("pool_proxy_cache_size_bytes").await, 0);
}
