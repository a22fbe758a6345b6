//! What becomes of a COMMIT: it runs to its end, and is told as it was.

use harness::eventually;

use super::GATED;
use super::open::Open;
use crate::sql::served::Served;

/// The COMMIT waits for whoever holds the advisory lock 7.
const GATE: &str = "CREATE TABLE t (a int);
    CREATE FUNCTION gate() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        PERFORM pg_advisory_xact_lock(7);
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER gate AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION gate()";

#[tokio::test]
async fn a_commit_goes_on_when_its_client_leaves() {
    let served = Served::after(GATE).await;
    let open = Open::begin(&served.proxy).await;
    open.ask("INSERT INTO t VALUES (1)").await.expect(200);
    let gate = served.database.client().await;
    gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
    let left = tokio::spawn(open.end_request("commit").send());
    eventually(|| async { served.postgres(GATED).await == "1" }).await;
    let clients = || served.metric("pool_proxy_client_connections");
    let before = clients().await;
    left.abort();
    eventually(|| async { clients().await < before }).await;
    gate.batch_execute("SELECT pg_advisory_unlock(7)").await.unwrap();
    // It waits for the step before it.
    let again = open.end("commit").await.expect(409);
    assert!(again.text.contains("committed transaction"), "{}", again.text);
    assert_eq!(served.value("SELECT count(*)::int FROM t").await, 1);
}

#[tokio::test]
async fn what_became_of_a_lost_commit_nobody_claims_to_know() {
    let served = Served::after(GATE).await;
    for number in [None, Some("2")] {
        let open = Open::begin(&served.proxy).await;
        let insert = open.request("INSERT INTO t VALUES (1)");
        let commit = || match number {
            Some(number) => open.end_request("commit").header("Pool-Sequence", number),
            None => open.end_request("commit"),
        };
        match number {
            Some(_) => insert.header("Pool-Sequence", "1").send().await.expect(200),
            None => insert.send().await.expect(200),
        };
        let gate = served.database.client().await;
        gate.batch_execute("SELECT pg_advisory_lock(7)").await.unwrap();
        let lost = tokio::spawn(commit().send());
        eventually(|| async { served.postgres(GATED).await == "1" }).await;
        gate.batch_execute(&GATED.replace("count(*)", "pg_terminate_backend(pid)")).await.unwrap();
        assert_eq!(lost.await.unwrap().expect(502).body["code"], "P1017");
        // Repeated it is told the same, and what comes then is told what is known.
        if number.is_some() {
            commit().send().await.expect(502);
        }
        for how in ["commit", "rollback"] {
            let refused = open.end(how).await.expect(409);
            assert!(refused.text.contains("outcome is unknown"), "{}", refused.text);
            assert!(!refused.text.contains("rolled back"), "{}", refused.text);
        }
    }
}

#[tokio::test]
async fn a_commit_is_answered_before_anything_is_asked_about_what_ran() {
    let served = Served::on_one_connection("CREATE TABLE t (a int)").await;
    let open = Open::begin(&served.proxy).await;
    let connection = open.value("SELECT pg_backend_pid()").await;
    for _ in 0..2 {
        open.ask("SELECT a FROM t").await.expect(200);
    }
    // From the COMMIT on nobody can look at the table.
    let other = served.database.client().await;
    let lock = tokio::spawn(async move {
        other.batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await.unwrap();
        other
    });
    let waiting = "SELECT count(*) FROM pg_locks WHERE relation = 't'::regclass AND NOT granted";
    eventually(|| async { served.postgres(waiting).await == "1" }).await;
    open.end("commit").await.expect(200);
    assert!(served.metric("pool_proxy_pool_transactions").await < 1.0);
    let other = lock.await.unwrap();
    // The question waits for the table while its answer is here; then the connection goes back.
    eventually(|| async { served.postgres(waiting).await == "1" }).await;
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(served.value("SELECT pg_backend_pid()").await, connection);
}
