//! Within its window a stale answer is given at once, while one request in the background fetches a newer one.

use harness::eventually;

use super::bench::{Bench, LONG, QUERY, STALE, STORED, status, ttl, word};

#[tokio::test]
async fn a_stale_answer_is_given_and_refreshed_in_the_background() {
    let bench = Bench::start().await;
    assert_eq!(status(&bench.ask(STALE).await), STORED);
    bench.change("new").await;
    let stale = bench.ask(STALE).await;
    assert_eq!(word(&stale), "old");
    assert_ne!(stale.header("age"), "");
    eventually(|| async { word(&bench.ask(LONG).await) == "new" }).await;
}

#[tokio::test]
async fn the_ttl_of_a_stale_answer_is_negative() {
    let bench = Bench::start().await;
    bench.ask(STALE).await;
    let stale = bench.ask(STALE).await;
    assert!(ttl(&stale).is_some_and(|ttl| ttl < 0), "{}", status(&stale));
}

#[tokio::test]
async fn however_many_ask_one_refresh_runs() {
    let bench = Bench::start().await;
    bench.ask(STALE).await;
    let lock = bench.lock().await;
    for _ in 0..20 {
        let answer = bench.ask(STALE).await;
        assert!(ttl(&answer).is_some(), "{}", status(&answer));
        assert_eq!(word(&answer), "old");
    }
    lock.held_up(1).await;
    lock.run("UPDATE words SET word = 'new'").await;
    lock.release().await;
    eventually(|| async { word(&bench.ask(LONG).await) == "new" }).await;
    assert_eq!(bench.metric(r#"pool_proxy_queries_total{database="default",result="ok"}"#).await, 2);
}

#[tokio::test]
async fn a_failed_refresh_leaves_the_stale_answer_within_its_window_then_the_error_is_told() {
    let bench = Bench::start().await;
    bench.ask(STALE).await;
    bench.database.batch("ALTER TABLE words RENAME TO gone").await;
    let refused = r#"pool_proxy_queries_total{database="default",result="refused"}"#;
    for times in 1..=3 {
        // Whoever asks while a refresh is ending starts none.
        eventually(|| async {
            assert_eq!(word(&bench.ask(STALE).await), "old");
            bench.metric(refused).await >= times
        })
        .await;
    }
    // Past the window: the request accepts nothing stale.
    let error = bench.request(QUERY, "max-age=0").send().await.expect(400);
    assert_eq!(error.body["code"], "42P01");
    assert!(!status(&error).contains("hit"), "{}", status(&error));
    bench.database.batch("ALTER TABLE gone RENAME TO words").await;
    assert_eq!(status(&bench.ask("max-age=0").await), "pool-proxy; fwd=stale");
}

#[tokio::test]
async fn after_its_window_an_answer_is_fetched_anew() {
    let bench = Bench::start().await;
    let short = "max-age=0, stale-while-revalidate=1";
    assert_eq!(status(&bench.ask(short).await), STORED);
    bench.change("new").await;
    // The last one who is told something stale also starts a refresh, so only the first asks this way.
    let answer = eventually(|| async {
        let answer = bench.ask("max-age=600, no-store").await;
        assert_eq!(word(&answer), "new");
        let entries = bench.proxy.ops_request("GET", "/cache").send().await.body["entries"].clone();
        (entries == 0).then_some(answer)
    })
    .await;
    assert_eq!(word(&answer), "new");
    let fetched = bench.ask(short).await;
    assert_eq!((status(&fetched).as_str(), word(&fetched)), (STORED, "new"));
}
