//! Postgres goes away, in the middle of things or before, and comes back.

use harness::{Proxy, Relay, eventually, fresh_database};
use serde_json::json;

use crate::sql::served::Served;

#[tokio::test]
async fn a_database_that_is_down_is_503_until_it_is_back() {
    let database = fresh_database().await;
    let relay = Relay::to(&database.url()).await;
    let proxy = Proxy::builder().database_url(relay.url(&database.url())).start().await;
    for _ in 0..3 {
        eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
        relay.cut().await;
        // A connection may be found to be dead only by using it.
        eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 503 }).await;
        for _ in 0..20 {
            let refused = proxy.sql(json!({ "query": "SELECT 1" })).await.expect(503);
            assert_ne!(refused.header("retry-after"), "", "{}", refused.text);
        }
        let ready = proxy.ops_request("GET", "/ready").send().await;
        assert_eq!(ready.status, 503, "{}", ready.text);
        proxy.request("GET", "/health").send().await.expect(200);
        relay.forward();
    }
    eventually(|| async { proxy.ops_request("GET", "/ready").send().await.status == 200 }).await;
}

#[tokio::test]
async fn a_line_that_breaks_in_the_middle_leaves_the_outcome_unknown() {
    let database = fresh_database().await;
    database.batch("CREATE TABLE t (a int)").await;
    let relay = Relay::to(&database.url()).await;
    let proxy = Proxy::builder().database_url(relay.url(&database.url())).start().await;
    for body in [
        json!({ "query": "INSERT INTO t SELECT 1 FROM pg_sleep(60)" }),
        json!({ "queries": [{ "query": "INSERT INTO t VALUES (1)" }, { "query": "SELECT pg_sleep(60)" }] }),
    ] {
        let request = tokio::spawn(proxy.sql_request(&body).send());
        eventually(|| async { database.sleeping().await == 1 }).await;
        relay.cut().await;
        let answer = request.await.unwrap();
        assert_eq!(answer.status, 502, "{body}: {}", answer.text);
        assert_eq!(answer.body["outcome"], "unknown", "{body}: {}", answer.text);
        relay.forward();
        eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
        // What nobody waits for any more is ended by Postgres or by us, not by the next reader.
        database.batch(KILL).await;
        eventually(|| async { database.sleeping().await == 0 }).await;
    }
}

const KILL: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
    WHERE datname = current_database() AND wait_event = 'PgSleep'";

#[tokio::test]
async fn a_connection_killed_in_the_middle_is_told_and_replaced() {
    let served = Served::on_one_connection(
        "CREATE TABLE t (a int);
         CREATE PROCEDURE commits() LANGUAGE plpgsql AS
         'BEGIN INSERT INTO t VALUES (1); COMMIT; PERFORM pg_sleep(60); END'",
    )
    .await;
    for (stored, body) in (1..).zip([
        json!({ "query": "CALL commits()" }),
        json!({ "query": "CALL commits()" }),
        json!({ "query": "CALL commits()" }),
    ]) {
        let request = tokio::spawn(served.proxy.sql_request(&body).send());
        eventually(|| async { served.postgres(KILL).await == "1" }).await;
        let answer = request.await.unwrap();
        // Part of it was committed, so this must not sound as if nothing had been run.
        assert_eq!((answer.status.as_u16(), &answer.body["outcome"]), (502, &json!("unknown")), "{}", answer.text);
        assert_eq!(served.value("SELECT count(*) FROM t").await, stored.to_string());
    }
    let request = tokio::spawn(served.proxy.sql_request(&json!({ "query": "SELECT pg_sleep(60)" })).send());
    eventually(|| async { served.postgres(KILL).await == "1" }).await;
    let answer = request.await.unwrap();
    assert!([502, 503].contains(&answer.status.as_u16()), "{} {}", answer.status, answer.text);
    assert_eq!(served.value("SELECT 1").await, 1);
}

#[tokio::test]
async fn a_request_may_end_its_own_connection_and_no_other() {
    let served = Served::on_one_connection("").await;
    for _ in 0..3 {
        let answer = served.ask("SELECT pg_terminate_backend(pg_backend_pid())").await;
        assert!(answer.status.is_server_error(), "{} {}", answer.status, answer.text);
        assert_eq!(served.value("SELECT 1").await, 1);
        let answer = served.ask("SELECT pg_cancel_backend(pg_backend_pid()), pg_sleep(1)").await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (400, &json!("57014")), "{}", answer.text);
        assert_eq!(served.value("SELECT 1").await, 1);
    }
}
