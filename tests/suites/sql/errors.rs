//! Errors: everything Postgres says of them, under the names that clients know.

use serde_json::{Value, json};

use super::served::Served;

const SETUP: &str = "
CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, age int CONSTRAINT grown CHECK (age >= 18));
INSERT INTO people VALUES (1, 'ada', 36);
CREATE DOMAIN small AS int CONSTRAINT is_small CHECK (VALUE < 10);
CREATE FUNCTION inner_query() RETURNS int LANGUAGE plpgsql AS 'DECLARE n int; BEGIN SELECT nope INTO n FROM people; RETURN n; END';
CREATE FUNCTION told() RETURNS int LANGUAGE plpgsql AS $$
BEGIN RAISE 'told you' USING ERRCODE = 'PX001', DETAIL = 'more', HINT = 'less', COLUMN = 'c', CONSTRAINT = 'k',
DATATYPE = 'd', TABLE = 't', SCHEMA = 's'; END $$;
";

/// A statement, and what the error must say at least.
fn cases() -> Vec<(&'static str, Value)> {
    vec![
        (
            "INSERT INTO people VALUES (1, 'eve', 20)",
            json!({
                "message": "duplicate key value violates unique constraint \"people_pkey\"",
                "code": "23505", "severity": "ERROR", "detail": "Key (id)=(1) already exists.", "schema": "public",
                "table": "people", "constraint": "people_pkey", "file": "nbtinsert.c", "routine": "_bt_check_unique",
            }),
        ),
        (
            "INSERT INTO people VALUES (2, NULL, 20)",
            json!({ "code": "23502", "schema": "public", "table": "people", "column": "name",
                "detail": "Failing row contains (2, null, 20)." }),
        ),
        (
            "INSERT INTO people VALUES (2, 'eve', 2)",
            json!({ "code": "23514", "table": "people", "constraint": "grown", "severity": "ERROR" }),
        ),
        (
            "SELECT 11::small",
            json!({ "code": "23514", "schema": "public", "dataType": "small", "constraint": "is_small" }),
        ),
        (
            "SELEC 1",
            json!({ "code": "42601", "message": "syntax error at or near \"SELEC\"", "position": "1", "routine": "scanner_yyerror" }),
        ),
        ("SELECT 'ü', nope FROM people", json!({ "code": "42703", "position": "13" })),
        (
            "SELECT nam FROM people",
            json!({ "code": "42703", "position": "8",
                "hint": "Perhaps you meant to reference the column \"people.name\"." }),
        ),
        (
            "SELECT * FROM nowhere",
            json!({ "code": "42P01", "message": "relation \"nowhere\" does not exist", "position": "15" }),
        ),
        (
            "SELECT inner_query()",
            json!({ "code": "42703", "internalPosition": "8", "internalQuery": "SELECT nope        FROM people",
                "where": "PL/pgSQL function inner_query() line 1 at SQL statement" }),
        ),
        (
            "SELECT told()",
            json!({ "code": "PX001", "message": "told you", "detail": "more", "hint": "less", "column": "c",
                "constraint": "k", "dataType": "d", "table": "t", "schema": "s", "severity": "ERROR",
                "where": "PL/pgSQL function told() line 2 at RAISE", "file": "pl_exec.c" }),
        ),
        ("SELECT 1 / 0", json!({ "code": "22012", "message": "division by zero" })),
        ("SET ROLE nobody_there", json!({ "code": "22023", "severity": "ERROR" })),
        ("SET statement_timeout = 'soon'", json!({ "code": "22023" })),
        ("EXECUTE nothing_prepared", json!({ "code": "26000" })),
        ("VACUUM nowhere", json!({ "code": "42P01" })),
        ("LOCK TABLE people", json!({ "code": "25P01" })),
        ("SAVEPOINT s", json!({ "code": "25P01" })),
    ]
}

#[tokio::test]
async fn every_error_is_400_with_all_that_postgres_said() {
    let served = Served::on_one_connection(SETUP).await;
    for (query, expected) in cases() {
        for time in 1..=3 {
            let refused = served.ask(query).await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text);
            for (name, value) in expected.as_object().into_iter().flatten() {
                assert_eq!(&refused.body[name], value, "{query}, time {time}, {name}: {}", refused.text);
            }
            assert_eq!(refused.body["requestId"], refused.header("x-request-id"), "{query}");
            assert!(refused.body["line"].as_str().is_some_and(|line| line.parse::<u32>().is_ok()), "{}", refused.text);
            assert_eq!(refused.header("content-type"), "application/json");
        }
    }
}

#[tokio::test]
async fn what_postgres_did_not_say_is_absent() {
    let served = Served::plain().await;
    let refused = served.ask("SELECT 1 / 0").await.expect(400);
    for name in [
        "detail",
        "hint",
        "position",
        "internalPosition",
        "internalQuery",
        "schema",
        "table",
        "constraint",
        "queryIndex",
    ] {
        assert_eq!(refused.body.get(name), None, "{name}");
    }
}

#[tokio::test]
async fn rights_and_read_only_are_400_too() {
    let served = Served::plain().await;
    let (role, database) = (format!("{}_poor", served.database.name()), served.database.name());
    served
        .database
        .batch(&format!("CREATE TABLE closed (a int); CREATE ROLE {role} LOGIN PASSWORD 'some password'"))
        .await;
    let poor = harness::Proxy::builder().database_url(served.database.url_as(&role, "some password")).start().await;
    let refused = poor.sql(json!({ "query": "SELECT * FROM closed" })).await.expect(400);
    assert_eq!(refused.body["code"], "42501", "{database}");
    let refused = poor
        .sql_request(&json!({ "queries": [{ "query": "SELECT lo_create(0)" }, { "query": "SELECT nextval('x')" }] }));
    let refused = refused.header("Neon-Batch-Read-Only", "true").send().await.expect(400);
    assert_eq!(refused.body["code"], "42P01", "{}", refused.text);
    drop(poor);
    served.database.batch(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn an_error_does_not_cost_the_connection() {
    let served = Served::on_one_connection(SETUP).await;
    let before = served.value("SELECT pg_backend_pid()").await;
    for (query, _) in cases() {
        served.ask(query).await.expect(400);
        served.ask_batch(&["SELECT 1", query, "SELECT 2"]).await;
        assert_eq!(served.value("SELECT pg_backend_pid()").await, before, "{query}");
    }
}
