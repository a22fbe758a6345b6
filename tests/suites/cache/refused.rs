//! What is no pure read runs, uncached, and is told why.

use serde_json::json;

use super::bench::{Bench, LONG, QUERY, STORED, status};

const SETUP: &str = "
CREATE TABLE runs (id int GENERATED ALWAYS AS IDENTITY, note text);
CREATE SEQUENCE numbers;
CREATE VIEW chances AS SELECT random() AS chance;
CREATE VIEW hidden AS SELECT * FROM (SELECT chance FROM chances WHERE chance >= 0) AS deep;
CREATE FUNCTION volatile_one() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION notes() RETURNS bigint LANGUAGE plpgsql AS
    'BEGIN INSERT INTO runs (note) VALUES (''function''); RETURN 1; END';
CREATE FUNCTION mislabelled() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN notes(); END';
CREATE FUNCTION counts() RETURNS bigint STABLE LANGUAGE plpgsql AS 'BEGIN RETURN nextval(''numbers''); END';
";

/// Statements, and the word that says why they are not stored.
const CASES: &[(&str, &str)] = &[
    ("SELECT random()", "volatile"),
    ("SELECT * FROM hidden", "volatile"),
    ("SELECT volatile_one()", "volatile"),
    ("SELECT clock_timestamp()", "volatile"),
    ("SELECT nextval('numbers')", "volatile"),
    ("SELECT word FROM words WHERE random() >= 0", "volatile"),
    ("SELECT word FROM words ORDER BY gen_random_uuid()", "volatile"),
    ("SELECT (SELECT pg_sleep(0)) IS NULL AS slept", "volatile"),
    ("SELECT word FROM words TABLESAMPLE SYSTEM (100)", "volatile"),
    ("INSERT INTO runs (note) VALUES ('x') RETURNING 1 AS n", "writes"),
    ("UPDATE words SET word = word", "writes"),
    ("DELETE FROM runs WHERE false", "writes"),
    ("WITH w AS (INSERT INTO runs (note) VALUES ('with') RETURNING note) SELECT * FROM w", "writes"),
    ("SELECT word FROM words FOR UPDATE", "locks"),
    ("SELECT word FROM words FOR KEY SHARE", "locks"),
    ("SELECT * FROM (SELECT word FROM words FOR SHARE) AS s", "locks"),
    ("SHOW server_version", "utility"),
    ("EXPLAIN SELECT 1", "utility"),
    ("CREATE TEMPORARY TABLE scratch AS SELECT 1 AS one", "utility"),
    ("SET application_name = 'x'", "utility"),
    ("SELECT pg_backend_pid()", "session"),
    ("SELECT mislabelled()", "writes"),
    ("SELECT counts()", "writes"),
];

#[tokio::test]
async fn what_is_no_pure_read_runs_uncached_and_is_told_why() {
    let bench = Bench::start().await;
    bench.database.batch(SETUP).await;
    for (query, why) in CASES {
        let expected = format!("pool-proxy; fwd=bypass; detail={why}");
        for _ in 0..3 {
            let answer = bench.request(query, LONG).send().await.expect(200);
            assert_eq!(status(&answer), expected, "{query}");
            assert_eq!(answer.header("age"), "", "{query}");
        }
    }
}

#[tokio::test]
async fn what_writes_writes_once_a_request() {
    let bench = Bench::start().await;
    bench.database.batch(SETUP).await;
    let client = bench.database.client().await;
    let runs = async || -> i64 { client.query_one("SELECT count(*) FROM runs", &[]).await.unwrap().get(0) };
    for (times, query) in (1..).zip([
        "INSERT INTO runs (note) VALUES ('one')",
        "INSERT INTO runs (note) VALUES ('one')",
        "SELECT mislabelled()",
        "SELECT mislabelled()",
        "SELECT mislabelled() AS another",
        "WITH w AS (INSERT INTO runs (note) VALUES ('with') RETURNING note) SELECT * FROM w",
    ]) {
        bench.request(query, LONG).send().await.expect(200);
        assert_eq!(runs().await, times, "{query}");
    }
}

#[tokio::test]
async fn equal_writes_in_flight_each_run() {
    let bench = Bench::start().await;
    bench.database.batch(SETUP).await;
    let request = bench.request("SELECT mislabelled()", LONG);
    let sent: Vec<_> = (0..20).map(|_| tokio::spawn(request.clone().send())).collect();
    for task in sent {
        task.await.unwrap().expect(200);
    }
    let client = bench.database.client().await;
    let runs: i64 = client.query_one("SELECT count(*) FROM runs", &[]).await.unwrap().get(0);
    assert_eq!(runs, 20);
}

#[tokio::test]
async fn a_batch_is_never_stored() {
    let bench = Bench::start().await;
    let body = json!({ "queries": [{ "query": QUERY }] });
    for _ in 0..2 {
        let answer = bench.proxy.sql_request(&body).header("cache-control", LONG).send().await.expect(200);
        assert_eq!(status(&answer), "pool-proxy; fwd=bypass; detail=batch");
    }
}

#[tokio::test]
async fn a_pure_read_in_odd_clothes_is_stored() {
    let bench = Bench::start().await;
    for query in [
        "  SELECT word FROM words; ",
        "/* a comment */ SELECT word FROM words -- another",
        "WITH w AS (SELECT word FROM words) SELECT * FROM w",
        "VALUES (1), (2)",
        "TABLE words",
        "SELECT 'INSERT INTO words FOR UPDATE random()' AS t",
        "SELECT count(*), max(word) FROM words GROUP BY word HAVING count(*) > 0",
        "SELECT to_char(1, '9'), lower(word), word LIKE 'o%' FROM words",
        "SELECT word FROM words UNION SELECT upper(word) FROM words ORDER BY 1",
    ] {
        let answer = bench.request(query, LONG).send().await.expect(200);
        assert_eq!(status(&answer), STORED, "{query}");
    }
}

#[tokio::test]
async fn a_statement_that_may_not_be_sent_is_refused_with_a_wish_too() {
    let bench = Bench::start().await;
    for query in ["BEGIN", "COMMIT", "/* x */ rollback", "COPY words TO STDOUT"] {
        bench.request(query, LONG).send().await.expect(400);
    }
}
