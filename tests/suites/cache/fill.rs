//! An invalidation during a fill: the answer is given, and not stored.

use harness::eventually;
use serde_json::{Value, json};

use super::bench::{Bench, LONG, QUERY, STORED, assert_hit, status, word};

/// Asks for an answer tagged `a`, and invalidates while its query is under way.
async fn check(tags: Value, stored: bool) {
    // One connection, which has the statement prepared and judged: what waits for the lock is the query itself.
    let bench = Bench::with(|builder| builder.env("POOL_PROXY_POOL_MAX", "1")).await;
    bench.ask_tagged(LONG, "a").await;
    bench.invalidate(&json!("all")).await.expect(200);
    let lock = bench.lock().await;
    let request = bench.request(QUERY, LONG).header("cache-tag", "a");
    let filling = tokio::spawn(request.send());
    lock.held_up(1).await;
    bench.invalidate(&tags).await.expect(200);
    lock.release().await;
    let answer = filling.await.unwrap().expect(200);
    let next = bench.ask(LONG).await;
    if stored {
        assert_eq!(status(&answer), STORED, "{tags}");
        assert_hit(&next);
    } else {
        assert_eq!(status(&answer), "pool-proxy; fwd=miss", "{tags}");
        assert_eq!(status(&next), STORED, "{tags}");
    }
}

#[tokio::test]
async fn an_answer_invalidated_by_tag_on_its_way_is_given_and_not_stored() {
    check(json!(["a"]), false).await;
    check(json!(["b", "a"]), false).await;
}

#[tokio::test]
async fn an_answer_invalidated_with_all_on_its_way_is_given_and_not_stored() {
    check(json!("all"), false).await;
}

#[tokio::test]
async fn an_answer_of_other_tags_is_stored_all_the_same() {
    check(json!(["b"]), true).await;
}

#[tokio::test]
async fn a_request_after_the_invalidation_does_not_get_an_answer_from_before_it() {
    let bench = Bench::with(|builder| builder.config("[limits]\nquery = \"60s\"")).await;
    bench.ask_tagged(LONG, "a").await;
    bench.invalidate(&json!("all")).await.expect(200);
    // The leader has read already, but its answer is held back: by a lock that its last row waits for.
    bench.database.batch("CREATE TABLE gate (open bool); INSERT INTO gate VALUES (true)").await;
    bench
        .database
        .batch(
            "CREATE FUNCTION gated() RETURNS text STABLE LANGUAGE plpgsql AS $$
             DECLARE found text;
             BEGIN SELECT word INTO found FROM words; PERFORM open FROM gate; RETURN found; END $$",
        )
        .await;
    let ask = || bench.request("SELECT gated() AS word", LONG).header("cache-tag", "a");
    ask().send().await.expect(200);
    bench.invalidate(&json!("all")).await.expect(200);
    let gate = bench.lock().await;
    gate.run("COMMIT; BEGIN; LOCK TABLE gate IN ACCESS EXCLUSIVE MODE").await;
    let leader = tokio::spawn(ask().send());
    gate.held_up(1).await;
    bench.change("new").await;
    bench.invalidate(&json!(["a"])).await.expect(200);
    let later = tokio::spawn(ask().send());
    eventually(|| async {
        let own = gate.waiting().await == 2;
        own.then_some(()).ok_or("it joined the fill from before the invalidation instead of running a query")
    })
    .await;
    gate.release().await;
    leader.await.unwrap().expect(200);
    let later = later.await.unwrap().expect(200);
    assert_eq!(word(&later), "new", "{}", status(&later));
    assert_eq!(word(&ask().send().await), "new");
}
