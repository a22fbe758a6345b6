//! What the client has done once, however often it is sent.

use std::time::Duration;

use harness::{Relay, Way, eventually};
use pool_client::{Isolation, sql};

use super::bench::{Bench, client};

const SETUP: &str = "CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int)";
const INSERT: &str = "INSERT INTO t (a) VALUES ($1) RETURNING id";

async fn count(bench: &Bench) -> i64 {
    bench.client.query_scalar("SELECT count(*) FROM t").one().await.unwrap()
}

#[tokio::test]
async fn a_key_gives_the_answer_of_the_first() {
    let bench = Bench::after(SETUP).await;
    let Bench { client, .. } = &bench;
    for _ in 0..3 {
        let id: i32 = client.query_scalar(INSERT).bind(1).idempotency_key("scalar").one().await.unwrap();
        assert_eq!(id, 1);
        let done = client.query(INSERT).bind(2).idempotency_key("done").execute().await.unwrap();
        assert_eq!(done.rows_affected, Some(1));
        let batch = client.batch().isolation(Isolation::Serializable).add(sql(INSERT).bind(3));
        let results = batch.idempotency_key("batch").run().await.unwrap();
        assert_eq!(results.one::<i32>(0).unwrap(), 3);
    }
    assert_eq!(count(&bench).await, 3);
    let other = client.query(INSERT).bind(4).idempotency_key("done").execute().await.unwrap_err();
    assert_eq!(other.status(), Some(422));
    assert!(!other.is_retryable() && !other.outcome_unknown());
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_by_itself() {
    let bench = Bench::after(SETUP).await;
    let relay = Relay::to(bench.served.proxy.url()).await;
    let client = client(&relay.url(bench.served.proxy.url()), bench.served.proxy.key()).with_retries(5);
    relay.stall(Way::Back);
    let insert = client.query_scalar::<i32>(INSERT).bind(1).idempotency_key("k").deadline(Duration::from_secs(20));
    let insert = tokio::spawn(insert.one());
    eventually(|| async { count(&bench).await == 1 }).await;
    relay.reset().await;
    relay.forward();
    assert_eq!(insert.await.unwrap().unwrap(), 1);
    assert_eq!(count(&bench).await, 1);
}

#[tokio::test]
async fn one_that_still_runs_is_waited_for() {
    let bench = Bench::after(SETUP).await;
    let gate = bench.served.database.client().await;
    gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let gated = "INSERT INTO t (a) SELECT $1::int FROM pg_advisory_xact_lock_shared(7) RETURNING id";
    let insert = || bench.client.clone().with_retries(9).query_scalar::<i32>(gated).bind(1).idempotency_key("k").one();
    let first = tokio::spawn(insert());
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'";
    eventually(|| async { bench.served.postgres(waiting).await == "1" }).await;
    let second = tokio::spawn(insert());
    let refused = || bench.served.metric("pool_proxy_queries_total");
    let before = refused().await;
    eventually(|| async { refused().await > before }).await;
    gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    assert_eq!(first.await.unwrap().unwrap(), second.await.unwrap().unwrap());
    assert_eq!(count(&bench).await, 1);
}

#[tokio::test]
async fn what_is_no_key_is_not_sent() {
    let bench = Bench::after(SETUP).await;
    for key in ["", "two words", "\u{e4}", &"k".repeat(256)] {
        let error = bench.client.query(INSERT).bind(1).idempotency_key(key).execute().await.unwrap_err();
        assert!(error.to_string().contains("visible ASCII"), "{error}");
        assert!(bench.client.batch().add("SELECT 1").idempotency_key(key).run().await.is_err());
    }
    assert_eq!(count(&bench).await, 0);
}
