//! What a restricted principal may run.

use super::bench::Bench;

const SETUP: &str = "
CREATE TABLE docs (id serial PRIMARY KEY, body text);
CREATE VIEW hidden AS SELECT set_config('role', 'none', true) AS done;
CREATE FUNCTION owners() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN 1; END';
CREATE FUNCTION loud(text, text, bool) RETURNS text LANGUAGE internal AS 'set_config_by_name';
";

const ALLOWED: &[&str] = &[
    "SELECT * FROM docs WHERE id = $1",
    "SELECT now(), random(), gen_random_uuid(), current_setting('role')",
    "SELECT owners()",
    "SELECT * FROM pg_locks",
    "INSERT INTO docs (body) VALUES ('set_config') RETURNING id",
    "UPDATE docs SET body = 'x'",
    "DELETE FROM docs",
    "SELECT * FROM docs FOR UPDATE",
    "SELECT nextval('docs_id_seq')",
    "SELECT currval('docs_id_seq')",
];

/// And what the reason must name.
const REFUSED: &[(&str, &str)] = &[
    (
        "WITH x AS MATERIALIZED (SELECT set_config('request.jwt.claims', '{\"sub\":\"bob\"}', true)) SELECT docs.* FROM x, docs",
        "set_config",
    ),
    ("SELECT set_config('role', 'none', true)", "set_config"),
    ("SELECT pg_catalog.\"set_config\"('role', 'none', true)", "set_config"),
    ("SELECT * FROM hidden", "set_config"),
    ("SELECT * FROM docs ORDER BY set_config('role', 'none', true)", "set_config"),
    ("INSERT INTO docs (body) VALUES (set_config('role', 'none', true))", "set_config"),
    ("INSERT INTO docs (body) VALUES ('') RETURNING set_config('role', 'none', true)", "set_config"),
    (
        "INSERT INTO docs VALUES (1) ON CONFLICT (id) DO UPDATE SET body = set_config('role', 'none', true)",
        "set_config",
    ),
    (
        "SELECT count(*) FILTER (WHERE set_config('role', 'none', true) = '') OVER (PARTITION BY id) FROM docs",
        "set_config",
    ),
    ("SELECT * FROM docs LIMIT length(set_config('role', 'none', true))", "set_config"),
    ("SELECT * FROM docs, LATERAL (VALUES (set_config('role', 'none', true))) v", "set_config"),
    ("SELECT * FROM ROWS FROM (generate_series(1, 2), set_config('role', 'none', true)) AS t", "set_config"),
    ("SELECT loud('role', 'none', true)", "public.loud"),
    ("SELECT query_to_xml('SELECT 1', true, true, '')", "query_to_xml"),
    ("SELECT table_to_xml('docs', true, true, '')", "table_to_xml"),
    ("SELECT * FROM ts_stat('SELECT NULL::tsvector')", "ts_stat"),
    ("SELECT ts_rewrite('a'::tsquery, 'SELECT NULL::tsquery, NULL::tsquery')", "ts_rewrite"),
    ("SELECT lo_create(0)", "lo_create"),
    ("SELECT pg_notify('a', 'b')", "pg_notify"),
    ("SELECT pg_logical_emit_message(false, 'a', 'b')", "pg_logical_emit_message"),
    ("SELECT pg_read_file('/etc/passwd')", "pg_read_file"),
    ("SELECT pg_terminate_backend(1)", "pg_terminate_backend"),
    ("SELECT pg_advisory_lock(1)", "pg_advisory_lock"),
    ("SELECT setval('docs_id_seq', 1)", "setval"),
    ("RESET ROLE", "utility"),
    ("SET LOCAL ROLE NONE", "utility"),
    ("DO 'BEGIN END'", "utility"),
    ("EXPLAIN ANALYZE SELECT 1", "utility"),
    ("NOTIFY a", "utility"),
    ("PREPARE p AS SELECT 1", "utility"),
    ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", "utility"),
    ("CREATE TABLE t AS SELECT 1", "utility"),
    ("TRUNCATE docs", "utility"),
    ("LOCK docs", "utility"),
];

#[tokio::test]
async fn says_what_a_restricted_principal_may_run() {
    let bench = Bench::with(SETUP).await;
    for sql in ALLOWED {
        let verdict = bench.ask(sql).await;
        assert_eq!(verdict.restricted, Ok(()), "{sql}");
    }
    for (sql, named) in REFUSED {
        let reason = bench.ask(sql).await.restricted.expect_err(sql);
        assert!(reason.contains(named), "{sql}: {reason}");
    }
}

#[tokio::test]
async fn judges_extensions() {
    let bench = Bench::with("").await;
    for name in ["dblink", "tablefunc", "pgcrypto", "uuid-ossp"] {
        if bench.client.batch_execute(&format!("CREATE EXTENSION \"{name}\"")).await.is_err() {
            return; // A Postgres without contrib.
        }
    }
    for (sql, allowed) in [
        ("SELECT * FROM dblink('', 'SELECT 1') AS t(a int)", false),
        ("SELECT dblink_exec('SELECT 1')", false),
        ("SELECT * FROM crosstab('SELECT 1, 2, 3') AS t(a int, b int)", false),
        ("SELECT gen_salt('bf'), uuid_generate_v4(), crypt('a', 'b')", true),
    ] {
        let verdict = bench.ask(sql).await;
        assert_eq!(verdict.restricted.is_ok(), allowed, "{sql}: {verdict:?}");
        assert!(!verdict.clean, "{sql}");
    }
}

#[tokio::test]
async fn resolves_names_as_the_role() {
    let bench =
        Bench::with("CREATE SCHEMA theirs; CREATE TABLE docs (id int); CREATE TABLE theirs.docs (id int, own bool)")
            .await;
    let role = bench.role("ALTER SCHEMA theirs RENAME TO ROLE; GRANT USAGE ON SCHEMA ROLE TO ROLE").await;
    let own = bench.oid(&format!("{role}.docs")).await;
    let params = [];
    assert_eq!(bench.ask_typed("SELECT * FROM docs", &params, Some(&role)).await.reads, [own]);
    assert_eq!(bench.ask("SELECT * FROM docs").await.reads, [bench.oid("public.docs").await]);
    // Another's schema is out of sight for the role: nothing is known, nothing is allowed.
    bench.run("CREATE SCHEMA closed; CREATE TABLE closed.docs (id int)").await;
    let verdict = bench.ask_typed("SELECT * FROM closed.docs", &params, Some(&role)).await;
    assert!(verdict.restricted.is_err(), "{verdict:?}");
    bench.drop_role(&role).await;
}
