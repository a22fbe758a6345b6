//! Texts that try to break out of the probe, or to look like something in the tree.

use pool_proxy::statement::Kind;

use super::bench::Bench;

/// Each is one statement to Prepare, whatever it looks like, and must be judged as what it is.
const HARMLESS: &[&str] = &[
    "SELECT 1 -- END; DROP TABLE t",
    "SELECT 1 --",
    "SELECT 1 /* END; /* nested */ */",
    "SELECT 1;",
    ";;SELECT 1;;",
    "SELECT 'END; DROP TABLE t; --'",
    "SELECT $$; END; $$, $a$ END $a$, $1::text",
    "SELECT E'\\'; END; --', U&'\\0027; END'",
    "SELECT 1 AS \"end\", 2 AS \"; END\"",
    "SELECT 1 AS \":funcid\", 2 AS \":funcid 2077\", 3 AS \"{QUERY :commandType 3}\"",
    "SELECT a.\":relid\" FROM (SELECT 1 AS \":relid\") AS \":rtekind\"(\":relid\") JOIN (SELECT 2) AS a(\":relid\") ON true",
    "SELECT t.\"}\" FROM t AS \":resultRelation 1\", (SELECT 1) AS t(\"}\")",
    "SELECT \"\\\".* FROM t AS \"\\\"",
    "WITH \":rowMarks\" AS (SELECT 1 AS \"({ROWMARKCLAUSE\") SELECT * FROM \":rowMarks\"",
    "SELECT 1 AS \"<>\", 2 AS \"\n:aggfnoid\n\", 3 AS \"({\"",
    "SELECT 'ä}' AS \"ä{\\ö\", '\\x00'::bytea, 1.5e10, 'x'::\"char\", B'101'",
];

#[tokio::test]
async fn nothing_gets_out_of_the_body() {
    let bench = Bench::with("CREATE TABLE t (id int)").await;
    for sql in HARMLESS {
        let verdict = bench.ask(sql).await;
        assert_eq!(verdict.kind, Kind::Select, "{sql}");
        assert_eq!(verdict.cacheable, Ok(()), "{sql}: {verdict:?}");
        assert!(verdict.clean, "{sql}");
        assert_eq!(verdict.restricted, Ok(()), "{sql}");
    }
    assert_eq!(bench.one("SELECT count(*) FROM t").await, "0");
}

/// These Prepare refuses; if a caller forgot to ask it, the probe still yields no verdict that allows anything.
const NOT_ONE_STATEMENT: &[&str] = &[
    "SELECT 1; SELECT 2",
    "SELECT 1; END; DROP TABLE t; --",
    "SELECT 1\n;\nEND; DROP TABLE t",
    "SELECT 1; SELECT set_config('a.b', 'x', false)",
    "INSERT INTO t VALUES (1); SELECT 1",
    "SELECT 1 /*",
    "SELECT '",
    "SELECT $a$",
    "SELECT 1; END",
    "END; SELECT 1; BEGIN ATOMIC",
];

#[tokio::test]
async fn more_than_one_statement_is_never_allowed() {
    let bench = Bench::with("CREATE TABLE t (id int)").await;
    for sql in NOT_ONE_STATEMENT {
        let verdict = bench.ask_typed(sql, &[], None).await;
        assert!(verdict.cacheable.is_err() && !verdict.clean && verdict.restricted.is_err(), "{sql}: {verdict:?}");
    }
    assert_eq!(bench.one("SELECT count(*) FROM t").await, "0");
}

#[tokio::test]
async fn names_on_the_search_path_do_not_mislead() {
    let bench = Bench::with(
        "CREATE SCHEMA evil; CREATE TABLE t (id int);
         CREATE FUNCTION evil.never(oid, oid) RETURNS bool LANGUAGE sql AS 'SELECT false';
         CREATE OPERATOR evil.= (LEFTARG = oid, RIGHTARG = oid, FUNCTION = evil.never);
         CREATE FUNCTION evil.random() RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8';
         CREATE TABLE evil.pg_proc (oid oid); SET search_path = evil, pg_catalog, public",
    )
    .await;
    let verdict = bench.ask("SELECT pg_catalog.random()").await;
    assert!(verdict.cacheable.is_err() && verdict.clean, "{verdict:?}");
    let verdict = bench.ask("SELECT random()").await;
    assert!(verdict.cacheable.is_ok() && !verdict.clean, "{verdict:?}");
    let verdict = bench.ask("SELECT set_config('a.b', 'x', false)").await;
    assert!(verdict.restricted.is_err(), "{verdict:?}");
}

#[tokio::test]
async fn somebody_elses_probe_is_not_read() {
    let bench = Bench::with("CREATE FUNCTION pg_temp.other() RETURNS int LANGUAGE sql AS 'SELECT 1'").await;
    let name = "pool_proxy_statement_probe";
    bench
        .run(&format!("CREATE FUNCTION pg_temp.{name}(box) RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT 1; END"))
        .await;
    let verdict = pool_proxy::statement::analyse(
        &bench.client,
        "SELECT set_config('a.b', 'x', false)",
        &[],
        None,
        &pool_proxy::statement::Safe::default(),
    )
    .await
    .expect("a verdict");
    assert!(verdict.cacheable.is_err() && !verdict.clean && verdict.restricted.is_err(), "{verdict:?}");
}
