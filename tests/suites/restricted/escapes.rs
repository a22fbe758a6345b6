//! Every known way out of READ ONLY and out of a role, tried with every restricted key, alone and in batches.

use super::ring::Ring;

const SETUP: &str = "
CREATE TABLE log (a int);
GRANT SELECT ON log TO ROLE_NAME;
CREATE VIEW role_setting AS SELECT set_config('role', 'none', true) AS done;
GRANT SELECT ON role_setting TO ROLE_NAME;
CREATE PROCEDURE writes() LANGUAGE sql AS 'INSERT INTO log VALUES (1)';
CREATE FUNCTION write_now() RETURNS int LANGUAGE sql AS 'INSERT INTO log VALUES (1) RETURNING a';
CREATE FUNCTION untrusted(text, text, bool) RETURNS text LANGUAGE internal AS 'set_config_by_name';
";

/// Refused for every restricted key, whatever its role: with 403 by the proxy, or 400 as Postgres itself says.
const NEVER: &[&str] = &[
    // The transaction's own mode and its end.
    "SET TRANSACTION READ WRITE",
    "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
    "SET transaction_read_only TO off",
    "SET LOCAL transaction_read_only TO off",
    "SELECT set_config('transaction_read_only', 'off', false)",
    "SELECT set_config('transaction_read_only', 'off', true)",
    "COMMIT",
    "/* a */ COMMIT AND CHAIN",
    "ROLLBACK",
    "END",
    "ABORT",
    "BEGIN READ WRITE",
    "PREPARE TRANSACTION 'x'",
    "ROLLBACK PREPARED 'x'",
    "SAVEPOINT s",
    "ROLLBACK TO SAVEPOINT s",
    // The role and the session.
    "RESET ROLE",
    "RESET ALL",
    "SET ROLE NONE",
    "SET LOCAL ROLE postgres",
    "SET SESSION AUTHORIZATION DEFAULT",
    "DISCARD ALL",
    "SELECT set_config('role', 'none', true)",
    "SELECT pg_catalog.\"set_config\"('role', 'none', false)",
    "WITH x AS MATERIALIZED (SELECT set_config('role', 'none', true)) \
     SELECT query_to_xml('SELECT * FROM closed', true, true, '') FROM x",
    "WITH x AS MATERIALIZED (SELECT set_config('request.jwt.claims', '{\"sub\": \"bob\"}', true)) SELECT docs.* FROM x, docs",
    "SELECT query_to_xml('SELECT set_config(''role'', ''none'', true)', true, true, '')",
    "SELECT * FROM role_setting",
    "SELECT untrusted('role', 'none', true)",
    "SELECT * FROM docs WHERE id = length(set_config('role', 'none', true))",
    "SELECT count(*) FROM docs GROUP BY set_config('role', 'none', true)",
    "SELECT (SELECT set_config('role', 'none', true))",
    "SELECT * FROM docs ORDER BY set_config('role', 'none', true) LIMIT 1",
    // What READ ONLY lets pass.
    "SELECT lo_create(0)",
    "SELECT lo_from_bytea(0, '')",
    "NOTIFY somebody",
    "LISTEN somebody",
    "SELECT pg_notify('a', 'b')",
    "SELECT pg_logical_emit_message(true, 'a', 'b')",
    "SELECT pg_advisory_lock(1)",
    "SELECT pg_try_advisory_xact_lock(1)",
    "SELECT pg_export_snapshot()",
    "SELECT setval('docs_id_seq', 1000)",
    "SELECT setseed(0.5)",
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity",
    "SELECT pg_cancel_backend(1)",
    "SELECT pg_reload_conf()",
    "SELECT pg_switch_wal()",
    "SELECT pg_stat_reset()",
    "SELECT pg_create_physical_replication_slot('x')",
    "SELECT pg_replication_origin_create('x')",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT * FROM pg_ls_dir('/')",
    "SELECT ts_stat('SELECT ''''::tsvector')",
    "SELECT cursor_to_xml('c', 1, true, true, '')",
    "SELECT database_to_xml(true, true, '')",
    // Statements that carry others.
    "COPY docs TO STDOUT",
    "COPY (DELETE FROM docs RETURNING *) TO STDOUT",
    "COPY docs FROM PROGRAM 'true'",
    "COPY docs TO PROGRAM 'cat'",
    "DO $$ BEGIN DELETE FROM docs; END $$",
    "CALL writes()",
    "EXPLAIN ANALYZE DELETE FROM docs",
    "EXPLAIN (ANALYZE) SELECT set_config('role', 'none', true)",
    "PREPARE p AS DELETE FROM docs",
    "EXECUTE p",
    "DEALLOCATE ALL",
    "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
    "FETCH c",
    // Definitions.
    "CREATE TABLE made (a int)",
    "CREATE TEMP TABLE made (a int)",
    "CREATE TABLE made AS SELECT 1",
    "SELECT 1 AS a INTO made",
    "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    "CREATE ROLE another SUPERUSER",
    "ALTER ROLE CURRENT_USER SET search_path TO x",
    "ALTER TABLE docs DISABLE ROW LEVEL SECURITY",
    "DROP TABLE docs",
    "TRUNCATE docs",
    "GRANT ALL ON closed TO PUBLIC",
    "COMMENT ON TABLE docs IS 'x'",
    "REFRESH MATERIALIZED VIEW nothing",
    "VACUUM docs",
    "LOCK TABLE docs",
    "REINDEX TABLE docs",
    "CLUSTER",
    "CHECKPOINT",
    "LOAD 'auto_explain'",
    "SECURITY LABEL ON TABLE docs IS 'x'",
    "IMPORT FOREIGN SCHEMA x FROM SERVER y INTO z",
    // Several at once.
    "SELECT 1; RESET ROLE",
    "SELECT 1; COMMIT; DELETE FROM docs",
    "SELECT 1 END; COMMIT; DELETE FROM docs; BEGIN ATOMIC SELECT 1",
];

/// Refused for a read-only key.
const NO_WRITES: &[&str] = &[
    "INSERT INTO docs (body) VALUES ('x')",
    "UPDATE docs SET body = 'x'",
    "DELETE FROM docs",
    "MERGE INTO docs USING (SELECT 1 AS id) s ON docs.id = s.id WHEN MATCHED THEN DELETE",
    "WITH gone AS (DELETE FROM docs RETURNING *) SELECT * FROM gone",
    "WITH added AS (INSERT INTO docs (body) VALUES ('x')) SELECT 1",
    "SELECT * FROM docs FOR UPDATE",
    "SELECT * FROM docs FOR KEY SHARE",
    "SELECT nextval('docs_id_seq')",
    "SELECT write_now()",
];

const UNCHANGED: &str = "SELECT string_agg(id || coalesce(body, '?'), ',' ORDER BY id) || (SELECT last_value FROM docs_id_seq) \
    || (SELECT count(*) FROM log) || (SELECT count(*) FROM closed) || (SELECT count(*) FROM pg_largeobject_metadata) \
    || (SELECT count(*) FROM pg_class WHERE relname = 'made') || (SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database \
    WHERE locktype = 'advisory' AND datname = current_database()) FROM docs";

/// Neither done, nor open for what follows in the same batch.
async fn check(ring: &Ring, key: &str, query: &str) {
    let direct = ring.database.client().await;
    let before: String = direct.query_one(UNCHANGED, &[]).await.unwrap().get(0);
    let closed = "SELECT secret FROM closed";
    let delete = "DELETE FROM docs RETURNING id";
    for time in 1..=3 {
        let answer = ring.ask(key, query).await;
        assert!(
            [400, 403].contains(&answer.status.as_u16()),
            "{query}, time {time}: {} {}",
            answer.status,
            answer.text
        );
        for queries in
            [vec![query, delete], vec![query, closed], vec!["SELECT 1", query, delete], vec![query, "SELECT 1"]]
        {
            let answer = ring.ask_batch(key, &queries).await;
            let refused = [400, 403].contains(&answer.status.as_u16());
            assert!(refused, "{queries:?}, time {time}: {} {}", answer.status, answer.text);
            assert!(!answer.text.contains("hidden"), "{queries:?}: {}", answer.text);
        }
        let after: String = direct.query_one(UNCHANGED, &[]).await.unwrap().get(0);
        assert_eq!(after, before, "{query}, time {time}");
    }
}

#[tokio::test]
async fn none_works_for_a_read_only_key() {
    let ring = Ring::with(SETUP).await;
    for query in NEVER.iter().chain(NO_WRITES) {
        check(&ring, &ring.read_only, query).await;
    }
    assert_eq!(ring.value(&ring.read_only, "SELECT count(*) FROM docs").await, "2");
    ring.end().await;
}

#[tokio::test]
async fn none_works_for_a_role_that_may_only_read() {
    let ring = Ring::with(SETUP).await;
    for query in NEVER.iter().chain(NO_WRITES) {
        check(&ring, &ring.as_role_read_only, query).await;
    }
    assert_eq!(ring.value(&ring.as_role_read_only, "SELECT current_user::text").await, ring.role.as_str());
    ring.end().await;
}

#[tokio::test]
async fn none_works_for_a_role() {
    let ring = Ring::with(&format!("{SETUP}; REVOKE DELETE ON docs FROM ROLE_NAME")).await;
    for query in NEVER {
        check(&ring, &ring.as_role, query).await;
    }
    assert_eq!(ring.value(&ring.as_role, "SELECT current_user::text").await, ring.role.as_str());
    ring.end().await;
}

#[tokio::test]
async fn dblink_is_closed_to_restricted_keys() {
    let ring = Ring::plain().await;
    if ring.ask(ring.proxy.key(), "CREATE EXTENSION dblink").await.status != 200 {
        return ring.end().await; // A Postgres without contrib.
    }
    let url = ring.database.url();
    for query in [
        format!("SELECT * FROM dblink('{url}', 'DELETE FROM docs RETURNING id') AS t(id int)"),
        format!("SELECT dblink_exec('{url}', 'DELETE FROM docs')"),
        format!("SELECT dblink_connect('x', '{url}')"),
        format!("SELECT dblink_connect_u('x', '{url}')"),
    ] {
        for key in [&ring.read_only, &ring.as_role, &ring.as_role_read_only] {
            for _ in 0..2 {
                assert_eq!(ring.ask(key, &query).await.status, 403, "{query}");
            }
        }
    }
    assert_eq!(ring.value(&ring.read_only, "SELECT count(*) FROM docs").await, "2");
    ring.end().await;
}

#[tokio::test]
async fn what_an_unrestricted_key_was_allowed_does_not_open_it_for_others() {
    let ring = Ring::with(SETUP).await;
    // The verdict, and the prepared statement, of the same text.
    for query in
        ["SELECT set_config('role', 'none', true)", "DELETE FROM docs WHERE false", "SELECT secret FROM closed"]
    {
        for _ in 0..3 {
            ring.ask(ring.proxy.key(), query).await.expect(200);
        }
        let refused = ring.ask(&ring.as_role_read_only, query).await;
        assert!([400, 403].contains(&refused.status.as_u16()), "{query}: {} {}", refused.status, refused.text);
    }
    ring.end().await;
}
