//! Deadlines, and a proxy that has no connection left.

use std::time::Duration;

use harness::eventually;
use pool_client::Cache;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::bench::{Bench, client};

/// Queries may take longer than any deadline here, so that it is never the proxy's limit that ends them.
const LONG: &str = "[limits]\nquery = \"5m\"";

/// Longer than any deadline here, too.
const SLEEP: &str = "SELECT pg_sleep(300)::text";

/// How many sessions run a statement with this mark, asked of Postgres itself.
async fn running(bench: &Bench, mark: &str) -> String {
    let query = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
         AND state = 'active' AND query LIKE '%{mark}%'"
    );
    bench.served.postgres(&query).await
}

#[tokio::test]
async fn a_deadline_ends_the_call_and_the_query() {
    let bench = Bench::with("", |proxy| proxy.config(LONG)).await;
    // Long enough to be seen running.
    let query = bench.client.query(format!("{SLEEP} -- too slow")).deadline(Duration::from_secs(8));
    let call = tokio::spawn(query.execute());
    eventually(|| async { running(&bench, "too slow").await == "1" }).await;
    let error = call.await.unwrap().unwrap_err();
    assert!(error.is_timeout() && error.outcome_unknown() && !error.is_retryable(), "{error}");
    assert_eq!(error.status(), None, "it was our deadline, not the proxy's limit");
    eventually(|| async { running(&bench, "too slow").await == "0" }).await;
}

#[tokio::test]
async fn a_read_that_was_late_may_be_asked_again() {
    let bench = Bench::with("", |proxy| proxy.config(LONG)).await;
    let query = bench.client.query_as::<(String,)>(SLEEP).cache(Cache::ttl(Duration::from_secs(1)));
    let error = query.deadline(Duration::from_millis(300)).all().await.unwrap_err();
    assert!(error.is_timeout() && !error.outcome_unknown() && error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_read_by_the_callers_word_leaves_nothing_unknown() {
    let bench = Bench::with("", |proxy| proxy.config(LONG)).await;
    let query = bench.client.query_scalar::<String>(SLEEP).cache(Cache::no_store()).read_only();
    let error = query.deadline(Duration::from_millis(300)).all().await.unwrap_err();
    assert!(error.is_timeout() && !error.outcome_unknown(), "{error}");
}

#[tokio::test]
async fn calls_after_the_total_deadline_are_not_sent() {
    let bench = Bench::with("CREATE TABLE t (a int)", |proxy| proxy.config(LONG)).await;
    let client = bench.client.clone().with_total_deadline(Duration::from_millis(300));
    let slow = client.query_scalar::<String>(SLEEP).read_only().all().await.unwrap_err();
    assert!(slow.is_timeout(), "{slow}");
    let error = client.query("INSERT INTO t VALUES (1)").execute().await.unwrap_err();
    assert!(error.is_timeout() && !error.outcome_unknown(), "{error}");
    assert_eq!(bench.client.query_scalar::<i64>("SELECT count(*) FROM t").one().await.unwrap(), 0);
}

#[tokio::test]
async fn the_proxys_own_limit_is_a_timeout_of_known_outcome() {
    let bench = Bench::with("", |proxy| proxy.config("[limits]\nquery = \"200ms\"")).await;
    let error = bench.client.query(SLEEP).deadline(Duration::from_mins(5)).execute().await.unwrap_err();
    assert_eq!(error.status(), Some(504));
    assert!(error.is_timeout() && !error.outcome_unknown() && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn a_result_over_the_limit_says_whether_it_took_effect() {
    let config = "[limits]\nresponse_bytes = \"64KiB\"";
    let bench = Bench::with("CREATE TABLE t (a text)", |proxy| proxy.config(config)).await;
    let error = bench.client.query("SELECT repeat('x', 1000000)").execute().await.unwrap_err();
    assert_eq!(error.status(), Some(507), "{error}");
    assert!(error.committed().is_some() && !error.is_retryable() && !error.outcome_unknown(), "{error}");
}

const CLOSED: &str = "CREATE TABLE door (a int)";
const ONE: &str = "[limits]\nqueue = \"100ms\"\nquery = \"5m\"";
const MINUTES: Duration = Duration::from_mins(5);

#[tokio::test]
async fn a_call_waits_out_a_proxy_without_connections() {
    let bench = Bench::with(CLOSED, |proxy| proxy.config(ONE).env("POOL_PROXY_POOL_MAX", "1")).await;
    let lock = bench.served.database.client().await;
    lock.batch_execute("BEGIN; LOCK TABLE door IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let held = tokio::spawn(bench.client.clone().with_deadline(MINUTES).query("TABLE door").execute());
    eventually(|| async { running(&bench, "door").await == "1" }).await;

    // One that may not come back is told that it could.
    let hasty = bench.client.clone().with_retries(0).with_deadline(MINUTES);
    let error = hasty.query("SELECT 1").execute().await.unwrap_err();
    assert_eq!(error.status(), Some(503), "{error}");
    assert!(error.is_unavailable() && error.is_retryable() && !error.outcome_unknown());
    assert!(error.retry_after().is_some());

    // With time, even a write is asked again until it is served.
    let patient = bench.client.clone().with_retries(1000).with_deadline(MINUTES);
    let waiting = tokio::spawn(patient.query("CREATE TABLE made ()").execute());
    eventually(|| async {
        bench.served.metric("pool_proxy_http_requests_total{route=\"sql\",status=\"503\"}").await >= 2.0
    })
    .await;
    lock.batch_execute("ROLLBACK").await.unwrap();
    held.await.unwrap().unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(bench.client.query_scalar::<i64>("SELECT count(*) FROM made").one().await.unwrap(), 0);
}

/// The head of an answer says that it has come; its body may never end.
#[tokio::test]
async fn a_deadline_counts_while_the_body_trickles() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let trickling = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            assert_ne!(peer.read_buf(&mut asked).await.unwrap(), 0, "the request has no end");
        }
        let head = "HTTP/1.1 200 OK\r\nx-request-id: theirs\r\ncontent-length: 1000000\r\n\r\n{";
        peer.write_all(head.as_bytes()).await.unwrap();
        // Until the other side has had enough.
        while peer.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    let error =
        client(&url, "key").query("DELETE FROM t").deadline(Duration::from_secs(1)).execute().await.unwrap_err();
    assert!(error.is_timeout() && error.outcome_unknown() && !error.is_retryable(), "{error}");
    assert_eq!(error.status(), None, "half an answer is none");
    trickling.await.unwrap();
}
