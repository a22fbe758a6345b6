//! Numbered steps: what a repetition is answered, and what is none.

use harness::eventually;
use serde_json::json;

use super::open::Open;
use super::plan;
use crate::sql::served::Served;

#[tokio::test]
async fn a_number_is_of_one_step_alone() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let first = || open.request("INSERT INTO t VALUES (1) RETURNING a").header("Pool-Sequence", "1");
    let answer = first().send().await.expect(200);
    let commit = open.end_request("commit").header("X-Capture-Telemetry", "query").header("Pool-Sequence", "1");
    let object = json!({ "query": "INSERT INTO t VALUES (1) RETURNING a" });
    let others = [
        commit,
        open.end_request("rollback").header("Pool-Sequence", "1"),
        open.request("INSERT INTO t VALUES (2) RETURNING a").header("Pool-Sequence", "1"),
        // It would be written in another way.
        served.proxy.sql_request(&object).header("Pool-Transaction", &open.id).header("Pool-Sequence", "1"),
        open.plan_request(&plan("INSERT INTO t VALUES (1) RETURNING a")).header("Pool-Sequence", "1"),
    ];
    for other in others {
        let refused = other.send().await.expect(409);
        assert!(refused.text.contains("number 1 was another one"), "{}", refused.text);
        assert!(!refused.text.contains("extensions"), "{}", refused.text);
    }
    assert_eq!(first().send().await.expect(200).text, answer.text);
    let ended = open.end_request("commit").header("X-Capture-Telemetry", "query").header("Pool-Sequence", "2");
    assert!(ended.send().await.expect(200).text.contains("\"COMMIT\""));
    assert_eq!(served.value("SELECT count(*)::int FROM t").await, 1);
}

#[tokio::test]
async fn a_plan_that_is_repeated_is_run_once() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let step = |sql: &str| open.plan_request(&plan(sql)).header("Pool-Sequence", "1").send();
    let first = step("INSERT INTO t VALUES (1) RETURNING a").await.expect(200);
    assert_eq!(step("INSERT INTO t VALUES (1) RETURNING a").await.expect(200).text, first.text);
    step("INSERT INTO t VALUES (2) RETURNING a").await.expect(409);
    assert_eq!(open.value("SELECT count(*)::int FROM t").await, 1);
}

#[tokio::test]
async fn an_end_is_told_before_the_order() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let step = |number: &str| open.request("INSERT INTO t VALUES (1)").header("Pool-Sequence", number).send();
    step("1").await.expect(200);
    open.end_request("commit").header("Pool-Sequence", "2").send().await.expect(200);
    for number in ["1", "3", "7"] {
        let refused = step(number).await.expect(409);
        assert!(refused.text.contains("committed transaction"), "{number}: {}", refused.text);
    }
    open.ask("SELECT 1").await.expect(409);
    // The last answer is kept all the same.
    open.end_request("commit").header("Pool-Sequence", "2").send().await.expect(200);
}

#[tokio::test]
async fn a_repetition_that_comes_too_late_is_told_so() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::with(&served.proxy, json!({ "maxWait": 5000, "timeout": 1000 })).await;
    let insert = || open.request("INSERT INTO t VALUES (1)").header("Pool-Sequence", "1");
    insert().send().await.expect(200);
    let late = eventually(|| async { Some(insert().send().await).filter(|answer| answer.status != 200) }).await;
    assert!(late.expect(409).text.contains("expired transaction"));
    assert_eq!(served.value("SELECT count(*)::int FROM t").await, 0);
}

/// The COMMIT waits until it is cancelled, and takes no notice of it.
const STUBBORN: &str = "CREATE TABLE t (a int);
    CREATE FUNCTION stubborn() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        BEGIN PERFORM pg_sleep(60); EXCEPTION WHEN query_canceled THEN NULL; END;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER stubborn AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION stubborn()";

#[tokio::test]
async fn a_commit_that_outran_its_time_keeps_its_answer() {
    let served = Served::after(STUBBORN).await;
    let open = Open::with(&served.proxy, json!({ "maxWait": 5000, "timeout": 2000 })).await;
    open.request("INSERT INTO t VALUES (1)").header("Pool-Sequence", "1").send().await.expect(200);
    for _ in 0..3 {
        open.end_request("commit").header("Pool-Sequence", "2").send().await.expect(200);
    }
    assert_eq!(served.value("SELECT count(*)::int FROM t").await, 1);
    assert!(open.end("commit").await.expect(409).text.contains("committed transaction"));
}

#[tokio::test]
async fn a_step_that_nobody_waits_for_any_more_does_not_begin() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let gate = served.database.client().await;
    gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let first = open.request("SELECT pg_advisory_xact_lock(7)").header("Pool-Sequence", "1");
    let first = tokio::spawn(first.send());
    eventually(|| async { served.postgres(super::GATED).await == "1" }).await;
    // Long enough to be seen among what the proxy holds.
    let long = format!("INSERT INTO t VALUES (1) -- {}", "x".repeat(300_000));
    let left = tokio::spawn(open.request(&long).header("Pool-Sequence", "2").send());
    let bodies = || served.metric("pool_proxy_client_bodies_bytes");
    eventually(|| async { bodies().await > 290_000.0 }).await;
    left.abort();
    eventually(|| async { bodies().await < 290_000.0 }).await;
    gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    first.await.unwrap().expect(200);
    let second = open.request("INSERT INTO t VALUES (2)").header("Pool-Sequence", "2");
    second.send().await.expect(200);
    assert_eq!(open.value("SELECT array_agg(a)::text FROM t").await, "{2}");
}
