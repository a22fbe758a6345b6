//! What each kind of statement answers.

use serde_json::{Value, json};

use super::served::Served;

const SETUP: &str = "
CREATE TABLE notes (id int PRIMARY KEY, body text);
INSERT INTO notes VALUES (1, 'one'), (2, 'two');
CREATE TABLE heap (id int);
CREATE PROCEDURE quiet() LANGUAGE sql AS 'SELECT 1';
CREATE PROCEDURE loud(INOUT n int) LANGUAGE plpgsql AS 'BEGIN n := n + 1; END';
CREATE FUNCTION nothing() RETURNS void LANGUAGE sql AS '';
";

/// A statement; then command, row count and rows of its answer. Each works any number of times.
fn statements() -> Vec<(&'static str, &'static str, Value, Value)> {
    let nothing = || json!([]);
    vec![
        ("SELECT 1 AS one", "SELECT", json!(1), json!([{ "one": 1 }])),
        ("SELECT * FROM notes WHERE id = 9", "SELECT", json!(0), nothing()),
        ("SELECT FROM notes", "SELECT", json!(2), json!([{}, {}])),
        ("VALUES (1), (2)", "SELECT", json!(2), json!([{ "column1": 1 }, { "column1": 2 }])),
        (
            "TABLE notes ORDER BY id",
            "SELECT",
            json!(2),
            json!([{ "id": 1, "body": "one" }, { "id": 2, "body": "two" }]),
        ),
        ("SHOW server_encoding", "SHOW", Value::Null, json!([{ "server_encoding": "UTF8" }])),
        ("EXPLAIN (COSTS OFF) SELECT 1", "EXPLAIN", Value::Null, json!([{ "QUERY PLAN": "Result" }])),
        ("INSERT INTO heap VALUES (1), (2)", "INSERT", json!(2), nothing()),
        ("INSERT INTO heap VALUES (3) RETURNING id", "INSERT", json!(1), json!([{ "id": 3 }])),
        ("INSERT INTO notes VALUES (1, '') ON CONFLICT DO NOTHING", "INSERT", json!(0), nothing()),
        ("UPDATE notes SET body = body WHERE id = 1 RETURNING body", "UPDATE", json!(1), json!([{ "body": "one" }])),
        ("DELETE FROM notes WHERE id = 9", "DELETE", json!(0), nothing()),
        (
            "WITH added AS (INSERT INTO heap VALUES (7) RETURNING id) SELECT id * 2 AS twice FROM added",
            "SELECT",
            json!(1),
            json!([{ "twice": 14 }]),
        ),
        ("SELECT nothing() AS void", "SELECT", json!(1), json!([{ "void": null }])),
        ("CALL quiet()", "CALL", Value::Null, nothing()),
        ("CALL loud(1)", "CALL", Value::Null, json!([{ "n": 2 }])),
        ("DO 'BEGIN PERFORM 1; END'", "DO", Value::Null, nothing()),
        ("CREATE TABLE IF NOT EXISTS heap (id int)", "CREATE", Value::Null, nothing()),
        ("CREATE TEMP TABLE passing AS SELECT 1 UNION SELECT 2", "SELECT", json!(2), nothing()),
        ("SELECT 1 AS a INTO TEMP also_passing", "SELECT", json!(1), nothing()),
        ("TRUNCATE heap", "TRUNCATE", Value::Null, nothing()),
        ("SET search_path TO public", "SET", Value::Null, nothing()),
        ("RESET ALL", "RESET", Value::Null, nothing()),
        ("NOTIFY somebody", "NOTIFY", Value::Null, nothing()),
        ("LISTEN somebody", "LISTEN", Value::Null, nothing()),
        ("ANALYZE notes", "ANALYZE", Value::Null, nothing()),
        ("VACUUM notes", "VACUUM", Value::Null, nothing()),
        ("COMMENT ON TABLE notes IS 'some'", "COMMENT", Value::Null, nothing()),
        // Around a statement.
        ("SELECT 1 AS one;", "SELECT", json!(1), json!([{ "one": 1 }])),
        ("SELECT 1 AS one; -- and no more", "SELECT", json!(1), json!([{ "one": 1 }])),
        ("/* first */ -- and\n SELECT 1 AS one /* last */", "SELECT", json!(1), json!([{ "one": 1 }])),
        (";;SELECT 1 AS one;;", "SELECT", json!(1), json!([{ "one": 1 }])),
    ]
}

#[tokio::test]
async fn every_kind_of_statement_answers_with_command_count_and_rows() {
    let served = Served::after(SETUP).await;
    for (query, command, count, rows) in statements() {
        // The second time it is judged, the third time it is known.
        for time in 1..=3 {
            let body = served.run(query).await;
            let got = (&body["command"], &body["rowCount"], &body["rows"], &body["rowAsArray"]);
            assert_eq!(got, (&json!(command), &count, &rows, &json!(false)), "{query}, time {time}");
        }
    }
}

#[tokio::test]
async fn every_kind_of_statement_answers_the_same_in_a_batch() {
    let served = Served::after(SETUP).await;
    // VACUUM does not run in a transaction, and says so.
    for (query, command, count, rows) in statements().into_iter().filter(|(query, ..)| *query != "VACUUM notes") {
        for time in 1..=3 {
            let results = served.run_batch(&["SELECT 1 AS before", query, "SELECT 2 AS after"]).await;
            let got = (&results[1]["command"], &results[1]["rowCount"], &results[1]["rows"]);
            assert_eq!(got, (&json!(command), &count, &rows), "{query}, time {time}");
            assert_eq!(results[0]["rows"], json!([{ "before": 1 }]), "{query}");
            assert_eq!(results[2]["rows"], json!([{ "after": 2 }]), "{query}");
        }
    }
    let refused = served.ask_batch(&["VACUUM notes"]).await.expect(400);
    assert_eq!(refused.body["code"], "25001");
}

#[tokio::test]
async fn an_empty_query_answers_with_nothing() {
    let served = Served::plain().await;
    for query in ["", "  ", ";", "-- nothing", "/* nothing */"] {
        for _ in 0..3 {
            let body = served.run(query).await;
            assert_eq!((&body["rows"], &body["rowCount"], &body["fields"]), (&json!([]), &Value::Null, &json!([])));
        }
    }
}

#[tokio::test]
async fn several_statements_in_one_text_are_refused_as_postgres_refuses_them() {
    let served = Served::after("CREATE TABLE t (a int)").await;
    for query in ["SELECT 1; SELECT 2", "INSERT INTO t VALUES (1); COMMIT", "SELECT 1;; SELECT 2; --"] {
        for _ in 0..2 {
            let refused = served.ask(query).await.expect(400);
            assert_eq!(refused.body["code"], "42601", "{query}: {}", refused.text);
            let refused = served.ask_batch(&["SELECT 1", query]).await.expect(400);
            assert_eq!((&refused.body["code"], &refused.body["queryIndex"]), (&json!("42601"), &json!(1)), "{query}");
        }
    }
    assert_eq!(served.value("SELECT count(*) FROM t").await, "0");
}

#[tokio::test]
async fn a_cursor_lives_as_long_as_its_batch() {
    let served = Served::plain().await;
    for _ in 0..3 {
        let results = served
            .run_batch(&[
                "DECLARE c CURSOR FOR SELECT n FROM generate_series(1, 5) n",
                "FETCH 2 FROM c",
                "MOVE 1 FROM c",
                "FETCH ALL FROM c",
                "CLOSE c",
            ])
            .await;
        assert_eq!((&results[1]["command"], &results[1]["rowCount"]), (&json!("FETCH"), &json!(2)));
        assert_eq!((&results[2]["command"], &results[2]["rowCount"]), (&json!("MOVE"), &json!(1)));
        assert_eq!(results[3]["rows"], json!([{ "n": 4 }, { "n": 5 }]));
    }
}
