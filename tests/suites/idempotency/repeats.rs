//! What a repetition is answered, and what is none.

use serde_json::json;

use super::{INSERT, TABLE, count, insert, is_repeated, keyed, repeats};
use crate::sql::served::{Served, batch};

#[tokio::test]
async fn a_statement_is_done_once() {
    let served = Served::after(TABLE).await;
    for key in ["one", "two"] {
        let first = keyed(&served.proxy, key, &insert()).send().await.expect(200);
        assert!(!is_repeated(&first));
        for _ in 0..3 {
            repeats(&served.proxy, key, &insert(), &first).await;
        }
    }
    assert_eq!(count(&served).await, "2");
    // Without a key each is done.
    served.run(INSERT).await;
    served.run(INSERT).await;
    assert_eq!(count(&served).await, "4");
}

#[tokio::test]
async fn a_batch_is_done_once() {
    let served = Served::after(TABLE).await;
    for isolation in ["ReadCommitted", "RepeatableRead", "Serializable"] {
        let body = json!({ "queries": [
            { "query": "INSERT INTO t (a) VALUES ($1::int) RETURNING id", "params": [7] },
            { "query": "SELECT count(*), 'ä\"\\\u{1f600}' AS text, clock_timestamp() FROM t", "arrayMode": true },
        ] });
        let request = || keyed(&served.proxy, isolation, &body).header("neon-batch-isolation-level", isolation);
        let first = request().send().await.expect(200);
        assert_eq!(first.body["results"][0]["rowCount"], 1);
        for _ in 0..3 {
            let again = request().send().await.expect(200);
            assert!(is_repeated(&again) && again.bytes == first.bytes, "{}", again.text);
        }
    }
    assert_eq!(count(&served).await, "3");
}

#[tokio::test]
async fn any_other_request_is_422() {
    let served = Served::after(TABLE).await;
    let body = batch(&[INSERT]);
    let first = keyed(&served.proxy, "k", &body).send().await.expect(200);
    let others = [
        keyed(&served.proxy, "k", &insert()),
        keyed(&served.proxy, "k", &batch(&[INSERT, "SELECT 1"])),
        // It would be written in another way.
        keyed(&served.proxy, "k", &body).header("neon-raw-text-output", "true"),
        keyed(&served.proxy, "k", &body).header("neon-array-mode", "true"),
        // It would be done in another way.
        keyed(&served.proxy, "k", &body).header("neon-batch-isolation-level", "Serializable"),
        keyed(&served.proxy, "k", &body).header("neon-batch-deferrable", "true"),
    ];
    for other in others {
        let refused = other.send().await.expect(422);
        assert!(refused.text.contains("Idempotency-Key was another one"), "{}", refused.text);
        assert_eq!(refused.header("idempotency-replayed"), "");
    }
    repeats(&served.proxy, "k", &body, &first).await;
    assert_eq!(count(&served).await, "1");
}

#[tokio::test]
async fn an_error_leaves_nothing_and_frees_the_key() {
    let served =
        Served::after(&format!("{TABLE}; CREATE TABLE later (a int UNIQUE DEFERRABLE INITIALLY DEFERRED)")).await;
    let failing = [
        batch(&[INSERT, "SELECT 1 / 0"]),
        json!({ "query": "SELECT 1 / 0" }),
        json!({ "query": "INSERT INTO nowhere VALUES (1)" }),
        batch(&[INSERT, "INSERT INTO nowhere VALUES (1)"]),
        // These fail at the COMMIT.
        json!({ "query": "INSERT INTO later VALUES (1), (1)" }),
        batch(&[INSERT, "INSERT INTO later VALUES (1), (1)"]),
    ];
    for body in &failing {
        for _ in 0..3 {
            let plain = served.proxy.sql(body.clone()).await.expect(400);
            let refused = keyed(&served.proxy, "k", body).send().await.expect(400);
            // Told as it is without a key.
            for member in ["code", "message", "queryIndex"] {
                assert_eq!(refused.body[member], plain.body[member], "{body} {member}");
            }
        }
    }
    assert_eq!(count(&served).await, "0");
    assert_eq!(served.postgres("SELECT count(*) FROM pool_proxy.idempotency").await, "0");
    let first = keyed(&served.proxy, "k", &insert()).send().await.expect(200);
    assert!(!is_repeated(&first));
    repeats(&served.proxy, "k", &insert(), &first).await;
}

#[tokio::test]
async fn a_repetition_is_found_also_where_it_could_not_run_any_more() {
    let served = Served::after(TABLE).await;
    served.run("CREATE TABLE gone (a int)").await;
    let ends = batch(&["INSERT INTO gone VALUES (1)", "DROP TABLE gone"]);
    let alters = batch(&["INSERT INTO t (a) VALUES (1)", "ALTER TABLE t DROP COLUMN a"]);
    let creates = batch(&["CREATE TABLE new (a int)", "INSERT INTO new VALUES (1) RETURNING a"]);
    for (key, body) in [("ends", &ends), ("alters", &alters), ("creates", &creates)] {
        let first = keyed(&served.proxy, key, body).send().await.expect(200);
        for _ in 0..3 {
            repeats(&served.proxy, key, body, &first).await;
        }
    }
}

#[tokio::test]
async fn what_cannot_run_in_a_transaction_is_refused_in_postgres_words() {
    let served = Served::after(TABLE).await;
    for query in ["VACUUM t", "CREATE DATABASE no", "CREATE INDEX CONCURRENTLY i ON t (a)"] {
        for _ in 0..2 {
            let refused = keyed(&served.proxy, "k", &json!({ "query": query })).send().await.expect(400);
            assert_eq!(refused.body["code"], "25001", "{}", refused.text);
            assert!(refused.text.contains("cannot run inside a transaction block"), "{}", refused.text);
        }
    }
}

#[tokio::test]
async fn what_only_reads_is_read_and_never_cached() {
    let served = Served::after(TABLE).await;
    served.run(INSERT).await;
    let body = json!({ "query": "SELECT count(*)::int FROM t", "arrayMode": true });
    let ask = || keyed(&served.proxy, "k", &body).header("cache-control", "max-age=60");
    for _ in 0..3 {
        let answer = ask().send().await.expect(200);
        assert_eq!(answer.body["rows"][0][0], 1, "{}", answer.text);
        assert_eq!(answer.header("cache-status"), "pool-proxy; fwd=bypass; detail=idempotency-key");
    }
    // Nobody else is given it either.
    let plain = served.proxy.sql_request(&body).header("cache-control", "max-age=60").send().await.expect(200);
    assert!(plain.header("cache-status").contains("fwd=miss"), "{}", plain.header("cache-status"));
    let read_only = || keyed(&served.proxy, "r", &batch(&[INSERT])).header("neon-batch-read-only", "true");
    assert_eq!(read_only().send().await.expect(400).body["code"], "25006");
    let nothing = keyed(&served.proxy, "n", &json!({ "queries": [] })).send().await.expect(200);
    assert_eq!(nothing.text, "{\"results\":[]}");
}

#[tokio::test]
async fn a_long_outcome_is_kept_whole_and_one_over_the_limit_undone() {
    let config = "[limits]\nresponse_bytes = \"1MiB\"";
    let served = Served::with(TABLE, |proxy| proxy.config(config)).await;
    let long = batch(&[INSERT, "SELECT repeat('ä', 500000)"]);
    let first = keyed(&served.proxy, "long", &long).send().await.expect(200);
    assert!(first.bytes.len() > 1_000_000);
    repeats(&served.proxy, "long", &long, &first).await;
    for query in ["SELECT repeat('x', 2000000)", "SELECT repeat('x', 1000) FROM generate_series(1, 2000)"] {
        let over = batch(&[INSERT, query]);
        let refused = keyed(&served.proxy, "over", &over).send().await.expect(507);
        assert_eq!(refused.body["committed"], false, "{}", refused.text);
    }
    assert_eq!(count(&served).await, "1");
    assert!(!is_repeated(&keyed(&served.proxy, "over", &insert()).send().await.expect(200)));
}

#[tokio::test]
async fn what_the_statements_do_to_their_session_does_not_reach_the_outcome() {
    let served = Served::on_one_connection(TABLE).await;
    let role = format!("{}_app", served.database.name());
    served.database.batch(&format!("CREATE ROLE {role}; GRANT ALL ON t TO {role}")).await;
    let sets = [
        format!("SET ROLE {role}"),
        format!("SET LOCAL ROLE {role}"),
        "SET search_path = nowhere".to_owned(),
        "SAVEPOINT s".to_owned(),
    ];
    for (number, set) in sets.iter().enumerate() {
        let body = batch(&[set, "INSERT INTO public.t (a) VALUES (1) RETURNING current_user"]);
        let key = format!("k{number}");
        let first = keyed(&served.proxy, &key, &body).send().await.expect(200);
        repeats(&served.proxy, &key, &body, &first).await;
        assert_eq!(served.value("SELECT current_user = session_user").await, true);
    }
    served.database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_rollback_to_a_savepoint_keeps_the_key() {
    let served = Served::after(TABLE).await;
    let body = batch(&[INSERT, "SAVEPOINT s", INSERT, "ROLLBACK TO s", INSERT]);
    for _ in 0..2 {
        keyed(&served.proxy, "k", &body).send().await.expect(200);
    }
    assert_eq!(count(&served).await, "2");
}
