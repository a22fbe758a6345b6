//! Several statements in one transaction: all or nothing.

use serde_json::{Value, json};

use super::served::{Served, batch};

const SETUP: &str = "
CREATE TABLE t (a int PRIMARY KEY);
CREATE TABLE parents (id int PRIMARY KEY);
CREATE TABLE children (parent int CONSTRAINT has_parent REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
";

type Headers<'h> = Vec<(&'h str, &'h str)>;

const SHOW: [&str; 3] = ["SHOW transaction_isolation", "SHOW transaction_read_only", "SHOW transaction_deferrable"];

#[tokio::test]
async fn headers_set_isolation_read_only_and_deferrable() {
    let served = Served::plain().await;
    let level = |name| vec![("Neon-Batch-Isolation-Level", name)];
    let cases: [(Headers<'_>, [&str; 3]); 9] = [
        (vec![], ["read committed", "off", "off"]),
        (level("ReadUncommitted"), ["read uncommitted", "off", "off"]),
        (level("ReadCommitted"), ["read committed", "off", "off"]),
        (level("RepeatableRead"), ["repeatable read", "off", "off"]),
        (level("Serializable"), ["serializable", "off", "off"]),
        (vec![("Neon-Batch-Read-Only", "true")], ["read committed", "on", "off"]),
        (vec![("Neon-Batch-Read-Only", "false"), ("Neon-Batch-Deferrable", "false")], ["read committed", "off", "off"]),
        (vec![("Neon-Batch-Deferrable", "true")], ["read committed", "off", "on"]),
        (
            vec![
                ("neon-batch-isolation-level", "Serializable"),
                ("neon-batch-read-only", "TRUE"),
                ("neon-batch-deferrable", "true"),
            ],
            ["serializable", "on", "on"],
        ),
    ];
    for (headers, expected) in cases {
        let mut request = served.proxy.sql_request(&batch(&SHOW));
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let answer = request.header("Neon-Array-Mode", "true").send().await.expect(200);
        let shown: Vec<Value> = (0..3).map(|index| answer.body["results"][index]["rows"][0][0].clone()).collect();
        assert_eq!(shown, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn a_batch_may_set_its_own_transaction() {
    let served = Served::plain().await;
    for _ in 0..3 {
        let results =
            served.run_batch(&["SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY", SHOW[0], SHOW[1]]).await;
        assert_eq!(results[1]["rows"], json!([{ "transaction_isolation": "repeatable read" }]));
        assert_eq!(results[2]["rows"], json!([{ "transaction_read_only": "on" }]));
        assert_eq!(served.value(SHOW[0]).await, "read committed");
    }
}

#[tokio::test]
async fn a_read_only_batch_cannot_write() {
    let served = Served::after(SETUP).await;
    let request = served.proxy.sql_request(&batch(&["SELECT 1", "INSERT INTO t VALUES (1)"]));
    let refused = request.header("Neon-Batch-Read-Only", "true").send().await.expect(400);
    assert_eq!((&refused.body["code"], &refused.body["queryIndex"]), (&json!("25006"), &json!(1)));
}

#[tokio::test]
async fn a_failing_batch_names_its_query_and_leaves_nothing() {
    let served = Served::on_one_connection(SETUP).await;
    for (index, queries) in [
        (0, vec!["INSERT INTO t VALUES ('x'::text::int)", "INSERT INTO t VALUES (1)"]),
        (1, vec!["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"]),
        (2, vec!["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)", "SELECT 1 / (a - a) FROM t"]),
        (1, vec!["INSERT INTO t VALUES (1)", "SELECT nothing_like_it", "INSERT INTO t VALUES (2)"]),
        (1, vec!["INSERT INTO t VALUES (1)", "no SQL at all"]),
        // What comes after the failure must not mend it.
        (1, vec!["SAVEPOINT s", "SELECT 1 / 0", "ROLLBACK TO SAVEPOINT s", "INSERT INTO t VALUES (1)"]),
        (2, vec!["INSERT INTO t VALUES (1)", "SAVEPOINT s", "INSERT INTO t VALUES (1)", "ROLLBACK TO s"]),
    ] {
        for time in 1..=3 {
            let refused = served.ask_batch(&queries).await;
            assert_eq!(refused.status, 400, "{queries:?}, time {time}: {}", refused.text);
            assert_eq!(refused.body["queryIndex"], index, "{queries:?}, time {time}: {}", refused.text);
            assert_eq!(served.value("SELECT count(*) FROM t").await, "0", "{queries:?}, time {time}");
        }
    }
}

#[tokio::test]
async fn a_batch_with_too_few_parameters_leaves_nothing() {
    let served = Served::on_one_connection(SETUP).await;
    let insert = |params: Value| json!({ "query": "INSERT INTO t VALUES ($1)", "params": params });
    for queries in [
        vec![insert(json!([1])), insert(json!([]))],
        vec![insert(json!([1])), insert(json!([2, 3])), insert(json!([4]))],
        vec![insert(json!([])), insert(json!([1]))],
    ] {
        for time in 1..=2 {
            let refused = served.proxy.sql(json!({ "queries": queries })).await;
            assert_eq!(refused.status, 400, "{queries:?}, time {time}: {}", refused.text);
            assert_eq!(served.value("SELECT count(*) FROM t").await, "0", "{queries:?}, time {time}");
        }
    }
}

#[tokio::test]
async fn a_constraint_that_fails_at_commit_fails_the_batch() {
    let served = Served::after(SETUP).await;
    for _ in 0..3 {
        let refused =
            served.ask_batch(&["INSERT INTO t VALUES (1)", "INSERT INTO children VALUES (1)"]).await.expect(400);
        assert_eq!((&refused.body["code"], &refused.body["constraint"]), (&json!("23503"), &json!("has_parent")));
        assert_eq!(served.value("SELECT count(*) FROM t").await, "0");
        let refused = served.ask("INSERT INTO children VALUES (1)").await.expect(400);
        assert_eq!(refused.body["code"], "23503");
    }
    served.run_batch(&["INSERT INTO children VALUES (1)", "INSERT INTO parents VALUES (1)"]).await;
    assert_eq!(served.value("SELECT count(*) FROM children").await, "1");
}

#[tokio::test]
async fn a_statement_may_use_what_an_earlier_one_made() {
    let served = Served::on_one_connection(SETUP).await;
    let cases: [&[&str]; 4] = [
        &["CREATE TEMP TABLE fresh (a int)", "INSERT INTO fresh VALUES (7)", "SELECT a AS v FROM fresh"],
        &["CREATE TABLE made (a int)", "INSERT INTO made VALUES (7)", "SELECT a AS v FROM made", "DROP TABLE made"],
        &["CREATE TYPE hue AS ENUM ('red')", "SELECT 7 AS v FROM (SELECT 'red'::hue) h", "DROP TYPE hue"],
        &["PREPARE p AS SELECT 7 AS v", "EXECUTE p"],
    ];
    for queries in cases {
        for time in 1..=4 {
            let answer = served.ask_batch(queries).await;
            assert_eq!(answer.status, 200, "{queries:?}, time {time}: {}", answer.text);
            assert!(answer.text.contains(r#""rows":[{"v":7}]"#), "{queries:?}, time {time}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn a_statement_may_use_what_an_earlier_one_made_on_a_connection_that_never_saw_it() {
    let served = Served::on_one_connection(SETUP).await;
    for time in 1..=3 {
        let made =
            ["CREATE TABLE made (a int)", "INSERT INTO made VALUES (7)", "SELECT a AS v FROM made", "DROP TABLE made"];
        let answer = served.ask_batch(&made).await;
        assert_eq!(answer.status, 200, "time {time}: {}", answer.text);
        // It costs the connection.
        served.run("PREPARE p AS SELECT 1").await;
    }
}

#[tokio::test]
async fn a_batch_sees_its_own_settings_and_writes() {
    let served = Served::after(SETUP).await;
    for _ in 0..3 {
        let results = served
            .run_batch(&[
                "SELECT set_config('app.tenant', 'seven', true)",
                "INSERT INTO t VALUES (1)",
                "SELECT current_setting('app.tenant') AS tenant, a FROM t",
                "SAVEPOINT before",
                "INSERT INTO t VALUES (2)",
                "ROLLBACK WORK TO SAVEPOINT before",
                "DELETE FROM t RETURNING a",
            ])
            .await;
        assert_eq!(results[2]["rows"], json!([{ "tenant": "seven", "a": 1 }]));
        assert_eq!(results[6]["rows"], json!([{ "a": 1 }]));
        assert_eq!(served.value("SELECT current_setting('app.tenant', true)").await.as_str().unwrap_or_default(), "");
    }
}

#[tokio::test]
async fn a_batch_may_be_long() {
    let config = "[limits]\nquery = \"60s\"\ntransaction = \"60s\"";
    let served = Served::with(SETUP, |proxy| proxy.config(config)).await;
    // More different texts than a connection keeps prepared.
    let texts: Vec<String> = (0..400).map(|number| format!("SELECT {number} AS n")).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    for _ in 0..3 {
        let results = served.run_batch(&texts).await;
        for (index, result) in results.as_array().into_iter().flatten().enumerate() {
            assert_eq!(result["rows"], json!([{ "n": index }]));
        }
    }
    let insert = |number| json!({ "query": "INSERT INTO t VALUES ($1)", "params": [number] });
    let inserts: Vec<Value> = (0..30_000).map(insert).collect();
    served.proxy.sql(json!({ "queries": inserts })).await.expect(200);
    assert_eq!(served.value("SELECT count(*) FROM t").await, "30000");
}

#[tokio::test]
async fn a_batch_of_results_that_are_large_only_together_arrives_whole() {
    let served = Served::plain().await;
    let select = |number| json!({ "query": "SELECT $1::int AS n, repeat('x', 1000) AS pad FROM generate_series(1, 40)", "params": [number] });
    for _ in 0..5 {
        let queries: Vec<Value> = (0..100).map(select).collect();
        let answer = served.proxy.sql(json!({ "queries": queries })).await.expect(200);
        for number in 0..100 {
            let rows = answer.body["results"][number]["rows"].as_array().unwrap();
            assert!(rows.len() == 40 && rows.iter().all(|row| row["n"] == number), "{number}");
        }
    }
}

#[tokio::test]
async fn a_batch_of_large_results_arrives_whole_and_in_order() {
    let served = Served::plain().await;
    let query = "SELECT n, repeat('x', 100) AS pad FROM generate_series(1, 5000) n";
    for _ in 0..3 {
        let results = served.run_batch(&[query, "SELECT 1", query, query]).await;
        for index in [0, 2, 3] {
            let rows = results[index]["rows"].as_array().unwrap();
            assert_eq!((rows.len(), &rows[4999]["n"]), (5000, &json!(5000)), "{index}");
        }
    }
}
