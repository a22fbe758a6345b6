//! How a client says what it wants: `Cache-Control`, or options of its connection string.

use harness::{Answer, Request};
use serde_json::json;

use super::bench::{Bench, LONG, QUERY, STORED, assert_hit, status, word};

#[tokio::test]
async fn cache_control_is_read_as_the_standard_says() {
    let bench = Bench::start().await;
    bench.store().await;
    for control in [
        "max-age=600",
        "Max-Age=600",
        "max-age=\"600\"",
        "max-age=600,",
        "max-age=600, max-stale=5, immutable, unknown=\"a\"",
        "max-age=600 , stale-while-revalidate=60",
        "max-age=99999999999",
    ] {
        let answer = bench.ask(control).await;
        assert!(status(&answer).starts_with("pool-proxy; hit; ttl="), "{control}: {}", status(&answer));
    }
    for control in ["immutable", "stale-while-revalidate=60", "private"] {
        assert_eq!(status(&bench.ask(control).await), "", "{control}");
    }
}

#[tokio::test]
async fn numbers_that_are_none_are_refused() {
    let bench = Bench::start().await;
    for control in [
        "max-age",
        "max-age=",
        "max-age=soon",
        "max-age=-1",
        "max-age=1.5",
        "max-age=600, stale-while-revalidate=x",
        "max-age=600 stale-while-revalidate=60",
    ] {
        let answer = bench.request(QUERY, control).send().await.expect(400);
        assert!(answer.text.contains("seconds"), "{control}: {}", answer.text);
    }
}

/// A request with nothing but a connection string, as the Neon driver sends it.
fn by_string(bench: &Bench, options: &str) -> Request {
    let string = format!("postgresql://app:{}@proxy.example.com/default?{options}", bench.proxy.key());
    bench.proxy.request("POST", "/sql").header("neon-connection-string", string).json(&json!({ "query": QUERY }))
}

async fn ask_by_string(bench: &Bench, options: &str) -> Answer {
    by_string(bench, options).send().await.expect(200)
}

#[tokio::test]
async fn a_connection_string_can_ask_for_caching() {
    let bench = Bench::start().await;
    let options = "sslmode=require&cache_max_age=600&cache_swr=60&cache_tags=a,b";
    assert_eq!(status(&ask_by_string(&bench, options).await), STORED);
    assert_hit(&ask_by_string(&bench, options).await);
    // Escaped commas, and the entry of one who asks by headers.
    assert_hit(&ask_by_string(&bench, "cache_max_age=600&cache_tags=a%2Cc").await);
    assert_hit(&bench.ask(LONG).await);
    bench.invalidate(&json!(["b"])).await.expect(200);
    assert_eq!(status(&ask_by_string(&bench, options).await), STORED);
}

#[tokio::test]
async fn the_window_of_a_connection_string_counts() {
    let bench = Bench::start().await;
    let options = "cache_max_age=0&cache_swr=600";
    assert_eq!(status(&ask_by_string(&bench, options).await), STORED);
    bench.change("new").await;
    assert_eq!(word(&ask_by_string(&bench, options).await), "old");
}

#[tokio::test]
async fn a_header_beats_the_connection_string() {
    let bench = Bench::start().await;
    bench.store().await;
    let string = |tags| by_string(&bench, &format!("cache_max_age=600{tags}"));
    for (control, hit) in [("max-age=0", false), ("no-store", false), ("no-cache", false), ("max-age=60", true)] {
        let answer = string("").header("cache-control", control).send().await.expect(200);
        assert_eq!(status(&answer).contains("hit"), hit, "{control}: {}", status(&answer));
    }
    // The tag `b` instead of `a`, on an entry that had none.
    assert_hit(&string("&cache_tags=a").header("cache-tag", "b").send().await.expect(200));
    bench.invalidate(&json!(["a"])).await.expect(200);
    assert_hit(&bench.ask(LONG).await);
    bench.invalidate(&json!(["b"])).await.expect(200);
    assert_eq!(status(&bench.ask(LONG).await), STORED);
}

#[tokio::test]
async fn wrong_options_of_a_connection_string_are_refused() {
    let bench = Bench::start().await;
    for options in
        ["cache_max_age=x", "cache_max_age=-1", "cache_max_age=1&cache_swr=x", "cache_max_age=1&cache_tags=-"]
    {
        by_string(&bench, options).send().await.expect(400);
    }
}
