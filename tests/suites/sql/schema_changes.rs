//! A schema that changes under prepared statements: clients notice only that the answer is the new one.

use serde_json::json;

use super::served::Served;

/// Statements that change what `SELECT * FROM t` gives, and the row it gives then.
fn changes() -> Vec<(&'static str, serde_json::Value)> {
    vec![
        ("SELECT 1", json!({ "a": 1 })),
        ("ALTER TABLE t ADD COLUMN b text DEFAULT 'x'", json!({ "a": 1, "b": "x" })),
        ("ALTER TABLE t ALTER COLUMN a TYPE int8", json!({ "a": "1", "b": "x" })),
        ("ALTER TABLE t RENAME COLUMN b TO c", json!({ "a": "1", "c": "x" })),
        ("ALTER TABLE t ALTER COLUMN c TYPE varchar(5)", json!({ "a": "1", "c": "x" })),
        ("ALTER TABLE t DROP COLUMN c", json!({ "a": "1" })),
        ("DROP TABLE t; CREATE TABLE t (a bool); INSERT INTO t VALUES (true)", json!({ "a": true })),
        ("ALTER TABLE t RENAME TO u; CREATE VIEW t AS SELECT 'view' AS v", json!({ "v": "view" })),
        (
            "DROP VIEW t; CREATE TYPE hue AS ENUM ('red'); CREATE TABLE t AS SELECT 'red'::hue AS h",
            json!({ "h": "red" }),
        ),
        (
            "DROP TABLE t; DROP TYPE hue; CREATE TYPE hue AS (r int); CREATE TABLE t AS SELECT ROW(1)::hue AS h",
            json!({ "h": "(1)" }),
        ),
    ]
}

const SETUP: &str = "CREATE TABLE t (a int); INSERT INTO t VALUES (1)";

#[tokio::test]
async fn single_statements_follow_the_schema() {
    let served = Served::on_one_connection(SETUP).await;
    for (change, row) in changes() {
        served.database.batch(change).await;
        for time in 1..=3 {
            assert_eq!(served.run("SELECT * FROM t").await["rows"], json!([row]), "{change}, time {time}");
        }
    }
}

#[tokio::test]
async fn batches_follow_the_schema() {
    let served = Served::on_one_connection(&format!("{SETUP}; CREATE TABLE log (a int)")).await;
    let mut runs = 0;
    for (change, row) in changes() {
        served.database.batch(change).await;
        for time in 1..=3 {
            let results =
                served.run_batch(&["INSERT INTO log VALUES (1)", "SELECT * FROM t", "SELECT 5 AS five"]).await;
            assert_eq!(results[1]["rows"], json!([row]), "{change}, time {time}");
            assert_eq!(results[2]["rows"], json!([{ "five": 5 }]), "{change}, time {time}");
            runs += 1;
        }
        // A batch that was repaired has run once.
        assert_eq!(served.value("SELECT count(*) FROM log").await, runs.to_string(), "{change}");
    }
}

#[tokio::test]
async fn inserts_follow_the_schema() {
    let served = Served::on_one_connection("CREATE TABLE t (a int)").await;
    let insert = json!({ "query": "INSERT INTO t VALUES ($1) RETURNING *", "params": ["7"] });
    for (change, row) in [
        ("SELECT 1", json!({ "a": 7 })),
        ("ALTER TABLE t ALTER COLUMN a TYPE text", json!({ "a": "7" })),
        ("ALTER TABLE t ADD COLUMN b int DEFAULT 2", json!({ "a": "7", "b": 2 })),
        // What a parameter is was settled when the statement was prepared: text, which is no numeric.
        ("ALTER TABLE t ALTER COLUMN a TYPE numeric USING a::numeric", json!({ "a": "7", "b": 2 })),
    ] {
        served.database.batch(change).await;
        for time in 1..=3 {
            let answer = served.proxy.sql(insert.clone()).await;
            assert_eq!(answer.status, 200, "{change}, time {time}: {}", answer.text);
            assert_eq!(answer.body["rows"], json!([row]), "{change}, time {time}");
        }
    }
    assert_eq!(served.value("SELECT count(*) FROM t").await, "12");
}

#[tokio::test]
async fn comparisons_follow_the_schema() {
    let served = Served::on_one_connection("CREATE TABLE t (a text); INSERT INTO t VALUES ('7')").await;
    let select = json!({ "query": "SELECT count(*) AS n FROM t WHERE a = $1", "params": ["7"] });
    for change in
        ["SELECT 1", "ALTER TABLE t ALTER COLUMN a TYPE int USING a::int", "ALTER TABLE t ALTER COLUMN a TYPE text"]
    {
        served.database.batch(change).await;
        for time in 1..=3 {
            let answer = served.proxy.sql(select.clone()).await;
            assert_eq!(answer.status, 200, "{change}, time {time}: {}", answer.text);
            let results = served.proxy.sql(json!({ "queries": [{ "query": "SELECT 1" }, select] })).await;
            assert_eq!(results.status, 200, "{change}, time {time}, in a batch: {}", results.text);
        }
    }
}

#[tokio::test]
async fn a_batch_may_change_the_schema_between_its_own_statements() {
    let served = Served::on_one_connection("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let queries = [
        "SELECT * FROM t",
        "ALTER TABLE t ADD COLUMN b int DEFAULT 2",
        "SELECT * FROM t",
        "ALTER TABLE t DROP COLUMN b",
        "SELECT * FROM t",
    ];
    for time in 1..=4 {
        let answer = served.ask_batch(&queries).await;
        assert_eq!(answer.status, 200, "time {time}: {}", answer.text);
        assert_eq!(answer.body["results"][2]["rows"], json!([{ "a": 1, "b": 2 }]), "time {time}");
        assert_eq!(answer.body["results"][4]["rows"], json!([{ "a": 1 }]), "time {time}");
    }
}

#[tokio::test]
async fn words_for_the_present_are_never_frozen() {
    let served = Served::on_one_connection("").await;
    for query in ["SELECT 'now'::timestamptz", "SELECT timestamptz 'now'", "SELECT 'NOW'::text::timestamptz"] {
        let mut seen = Vec::new();
        for _ in 0..4 {
            let moment = served.value(query).await;
            assert!(!seen.contains(&moment), "{query} gave {moment} twice");
            seen.push(moment);
        }
    }
}
