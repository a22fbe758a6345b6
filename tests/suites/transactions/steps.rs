//! What may be done in an open transaction, once each.

use serde_json::json;

use super::open::Open;
use crate::sql::served::Served;

#[tokio::test]
async fn a_step_that_is_repeated_is_done_once() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let insert = |number: &str| open.request("INSERT INTO t VALUES (1) RETURNING a").header("Pool-Sequence", number);
    let first = insert("1").send().await.expect(200);
    assert_eq!(insert("1").send().await.expect(200).text, first.text);
    // One that is missing may still be on its way: nothing is done in another order.
    let gap = insert("3").send().await.expect(409);
    assert!(gap.body["message"].as_str().unwrap().contains("number 2"), "{}", gap.text);
    insert("2").send().await.expect(200);
    assert_eq!(open.value("SELECT count(*)::int FROM t").await, 2);
    // A failure is an answer, too.
    let failed = open.request("SELECT 1/0").header("Pool-Sequence", "3").send().await.expect(400);
    assert_eq!(failed.body["code"], "22012");
    let repeated = open.request("SELECT 1/0").header("Pool-Sequence", "3").send().await.expect(400);
    assert_eq!(repeated.body["code"], "22012");
    for number in ["0", "-1", "one", "1.5"] {
        insert(number).send().await.expect(400);
    }
}

#[tokio::test]
async fn a_commit_that_is_repeated_is_told_so_again() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    open.request("INSERT INTO t VALUES (1)").header("Pool-Sequence", "1").send().await.expect(200);
    for _ in 0..3 {
        open.end_request("commit").header("Pool-Sequence", "2").send().await.expect(200);
    }
    assert_eq!(served.value("SELECT count(*)::int FROM t").await, 1);
    open.end_request("commit").header("Pool-Sequence", "3").send().await.expect(409);
}

#[tokio::test]
async fn a_numbered_step_goes_on_when_its_client_leaves() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let slow = || {
        open.request("WITH s AS MATERIALIZED (SELECT pg_sleep(1)) INSERT INTO t SELECT 1 FROM s RETURNING a")
            .header("Pool-Sequence", "1")
    };
    let left = tokio::spawn(slow().send());
    harness::eventually(|| async { served.database.sleeping().await == 1 }).await;
    left.abort();
    assert_eq!(slow().send().await.expect(200).body["rows"], json!([[1]]));
    assert_eq!(open.value("SELECT count(*)::int FROM t").await, 1);
}

#[tokio::test]
async fn steps_that_come_together_are_done_one_after_the_other() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let sent: Vec<_> =
        (0..20).map(|number| tokio::spawn(open.request(&format!("INSERT INTO t VALUES ({number})")).send())).collect();
    for answer in sent {
        answer.await.unwrap().expect(200);
    }
    assert_eq!(open.value("SELECT count(*)::int FROM t").await, 20);
    open.end("commit").await.expect(200);
}

#[tokio::test]
async fn the_transaction_is_not_the_clients_to_end_by_sql() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    for sql in ["COMMIT", "/* */ rollback", "BEGIN", "PREPARE TRANSACTION 'x'"] {
        open.ask(sql).await.expect(400);
    }
    let batch = served.proxy.sql_request(&json!({ "queries": [{ "query": "SELECT 1" }] }));
    let refused = batch.header("Pool-Transaction", &open.id).send().await.expect(400);
    assert!(refused.body["message"].as_str().unwrap().contains("one \"query\""), "{}", refused.text);
    // Savepoints are.
    for sql in ["SAVEPOINT a", "INSERT INTO t VALUES (2)", "ROLLBACK TO a"] {
        open.ask(sql).await.expect(200);
    }
    open.end("commit").await.expect(200);
    assert_eq!(served.value("SELECT count(*)::int FROM t").await, 1);
}

#[tokio::test]
async fn nothing_of_it_is_left_on_the_connection() {
    let served = Served::on_one_connection("CREATE SEQUENCE s").await;
    for how in ["commit", "rollback"] {
        let open = Open::begin(&served.proxy).await;
        open.ask("SET statement_timeout = '7s'").await.expect(200);
        open.ask("SELECT set_config('a.b', 'secret', false)").await.expect(200);
        open.ask("CREATE TEMP TABLE mine AS SELECT 1").await.expect(200);
        open.ask("SELECT pg_advisory_lock(7)").await.expect(200);
        open.ask("SELECT nextval('s')").await.expect(200);
        open.ask("LISTEN news").await.expect(200);
        open.end(how).await.expect(200);
        assert_eq!(served.value("SHOW statement_timeout").await, "0", "{how}");
        assert_eq!(served.value("SELECT current_setting('a.b', true)").await, json!(""), "{how}");
        assert_eq!(served.value("SELECT to_regclass('mine')::text").await, json!(null), "{how}");
        assert_eq!(served.value(crate::sql::served::ADVISORY_LOCKS).await, "0", "{how}");
        assert_eq!(served.ask("SELECT lastval()").await.expect(400).body["code"], "55000", "{how}");
        assert_eq!(served.value("SELECT count(*)::int FROM pg_listening_channels()").await, 0, "{how}");
        // Nor does it find what another request left.
        served.run("SELECT nextval('s')").await;
        let open = Open::begin(&served.proxy).await;
        assert_eq!(open.ask("SELECT lastval()").await.expect(400).body["code"], "55000", "{how}");
        open.end("rollback").await.expect(200);
    }
}

#[tokio::test]
async fn nothing_is_cached_in_a_transaction() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    for expected in [0, 1, 2] {
        let read = open.request("SELECT count(*)::int FROM t").header("Cache-Control", "max-age=60");
        let answer = read.send().await.expect(200);
        assert_eq!(answer.body["rows"][0][0], expected);
        assert_eq!(answer.header("Cache-Status"), "");
        open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    }
}
