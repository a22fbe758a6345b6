//! An answer is stored once and given again while it is young enough for whoever asks.

use harness::eventually;
use serde_json::json;

use super::bench::{Bench, LONG, STALE, STORED, assert_hit, status, ttl, word};

#[tokio::test]
async fn a_miss_is_stored_and_the_next_is_a_hit_with_the_same_body() {
    let bench = Bench::start().await;
    let miss = bench.ask(LONG).await;
    assert_eq!(status(&miss), STORED);
    assert_eq!(miss.header("age"), "");
    bench.change("new").await;
    let hit = bench.ask(LONG).await;
    assert_eq!(hit.bytes, miss.bytes);
    assert_eq!(hit.header("content-type"), miss.header("content-type"));
    let age: i64 = hit.header("age").parse().unwrap();
    assert_eq!(ttl(&hit), Some(600 - age));
}

#[tokio::test]
async fn who_does_not_ask_for_caching_gets_none() {
    let bench = Bench::start().await;
    bench.store().await;
    bench.change("new").await;
    let answer = bench.proxy.sql(json!({ "query": super::bench::QUERY })).await.expect(200);
    assert_eq!((status(&answer).as_str(), word(&answer)), ("", "new"));
    assert_eq!(word(&bench.ask(LONG).await), "old");
}

#[tokio::test]
async fn large_and_odd_answers_come_back_as_they_were() {
    let bench = Bench::start().await;
    for query in [
        "SELECT repeat('x', 1000000) AS x",
        "SELECT g, g::text AS t FROM generate_series(1, 2000) AS g",
        "SELECT 1 AS a, 2 AS a WHERE false",
        "SELECT E'\"\\\\\\n\\u00e9\\U0001F600' AS t, NULL AS n, '{}'::jsonb AS j, ARRAY[1, NULL] AS a",
    ] {
        let miss = bench.request(query, LONG).send().await.expect(200);
        let hit = bench.request(query, LONG).send().await.expect(200);
        assert_eq!(status(&miss), STORED, "{query}");
        assert_hit(&hit);
        assert_eq!(miss.bytes, hit.bytes, "{query}");
    }
}

#[tokio::test]
async fn an_entry_is_judged_by_the_max_age_of_whoever_asks() {
    let bench = Bench::start().await;
    bench.store().await;
    bench.change("new").await;
    let old = eventually(|| async {
        let answer = bench.ask(LONG).await;
        assert_eq!(word(&answer), "old");
        (answer.header("age") != "0").then_some(answer)
    })
    .await;
    assert_hit(&old);
    let expired = bench.ask("max-age=1").await;
    assert_eq!((status(&expired).as_str(), word(&expired)), ("pool-proxy; fwd=stale; stored", "new"));
    let hit = bench.ask(LONG).await;
    assert_hit(&hit);
    assert_eq!(word(&hit), "new");
}

#[tokio::test]
async fn a_max_age_of_nothing_takes_and_stores_nothing() {
    let bench = Bench::start().await;
    assert_eq!(status(&bench.ask("max-age=0").await), "pool-proxy; fwd=miss");
    assert_eq!(status(&bench.ask("max-age=0").await), "pool-proxy; fwd=miss");
    bench.store().await;
    bench.change("new").await;
    let answer = bench.ask("max-age=0").await;
    assert_eq!((status(&answer).as_str(), word(&answer)), ("pool-proxy; fwd=stale", "new"));
}

#[tokio::test]
async fn no_cache_with_a_max_age_refreshes_what_is_stored() {
    let bench = Bench::start().await;
    bench.store().await;
    bench.change("new").await;
    let refreshed = bench.ask("no-cache, max-age=600").await;
    assert_eq!((status(&refreshed).as_str(), word(&refreshed)), ("pool-proxy; fwd=request; stored", "new"));
    let hit = bench.ask(LONG).await;
    assert_hit(&hit);
    assert_eq!(word(&hit), "new");
}

#[tokio::test]
async fn no_cache_without_a_max_age_runs_and_stores_nothing() {
    let bench = Bench::start().await;
    let first = bench.ask("no-cache").await;
    assert!(!status(&first).contains("stored"), "{}", status(&first));
    assert_eq!(status(&bench.ask(LONG).await), STORED);
    bench.change("new").await;
    assert_eq!(word(&bench.ask("no-cache").await), "new");
    assert_eq!(word(&bench.ask(LONG).await), "old");
}

#[tokio::test]
async fn no_store_neither_reads_nor_fills() {
    let bench = Bench::start().await;
    for control in ["no-store", "no-store, max-age=600", "max-age=600, no-cache, no-store"] {
        let answer = bench.ask(control).await;
        let said = status(&answer);
        assert!(said.starts_with("pool-proxy; fwd=") && !said.contains("stored"), "{control}: {said}");
    }
    assert_eq!(status(&bench.ask(LONG).await), STORED);
    bench.change("new").await;
    assert_eq!(word(&bench.ask("no-store, max-age=600").await), "new");
    assert_eq!(word(&bench.ask(LONG).await), "old");
}

#[tokio::test]
async fn a_hit_needs_no_connection() {
    let bench = Bench::with(|builder| builder.env("POOL_PROXY_POOL_MAX", "1")).await;
    bench.store().await;
    let lock = bench.lock().await;
    // The only connection waits for the lock.
    let busy = tokio::spawn(bench.request(super::bench::QUERY, "no-store").send());
    lock.held_up(1).await;
    assert_hit(&bench.ask(LONG).await);
    lock.release().await;
    busy.await.unwrap().expect(200);
}

#[tokio::test]
async fn a_hit_needs_no_database() {
    let bench = Bench::start().await;
    bench.store().await;
    // Renamed rather than dropped: the database's own guard drops it in the end.
    let name = bench.database.name();
    let server = harness::fresh_database().await;
    server.batch(&format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")).await;
    server.batch(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")).await;
    eventually(|| async { bench.request("SELECT 1", "no-store").send().await.status == 503 }).await;
    assert_hit(&bench.ask(LONG).await);
    // Nor does a stale one.
    assert!(ttl(&bench.ask(STALE).await).is_some());
}
