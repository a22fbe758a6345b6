//! What a request does to its session is gone for the next one.

use serde_json::{Value, json};

use crate::sql::served::Served;

const SETUP: &str = "
CREATE TABLE t (a int);
CREATE SEQUENCE numbers;
CREATE ROLE ROLE_NAME;
GRANT ALL ON t TO ROLE_NAME;
CREATE FUNCTION sets(v text) RETURNS text LANGUAGE plpgsql AS 'BEGIN RETURN set_config(''app.tenant'', v, false); END';
CREATE FUNCTION claims_to_be_stable(v text) RETURNS text LANGUAGE plpgsql STABLE
    AS 'BEGIN RETURN set_config(''app.tenant'', v, false); END';
CREATE FUNCTION locks() RETURNS void LANGUAGE plpgsql IMMUTABLE AS 'BEGIN PERFORM pg_advisory_lock(9); END';
CREATE VIEW in_a_view AS SELECT set_config('app.tenant', 'view', false);
CREATE TABLE watched (a int);
CREATE FUNCTION on_write() RETURNS trigger LANGUAGE plpgsql
    AS 'BEGIN PERFORM set_config(''app.tenant'', ''trigger'', false); PERFORM pg_advisory_lock(8); RETURN NEW; END';
CREATE TRIGGER watching BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION on_write();
CREATE DOMAIN watchful AS int CHECK (set_config('app.tenant', 'domain', false) IS NOT NULL);
CREATE TABLE defaulted (a text DEFAULT set_config('app.tenant', 'default', false), b int);
CREATE TABLE cascaded (id int PRIMARY KEY);
CREATE TABLE cascading (id int REFERENCES cascaded ON DELETE CASCADE);
CREATE TRIGGER watching_too BEFORE DELETE ON cascading FOR EACH ROW EXECUTE FUNCTION on_write();
INSERT INTO cascaded VALUES (1); INSERT INTO cascading VALUES (1);
";

const TENANT: &str = "SELECT coalesce(current_setting('app.tenant', true), '')";
const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()";

/// What one request does, and what the next one asks to see something of it.
fn matrix() -> Vec<(Vec<&'static str>, &'static str)> {
    vec![
        (vec!["SET app.tenant = 'set'"], TENANT),
        (vec!["SET SESSION app.tenant = 'set'", "SELECT 1"], TENANT),
        (vec!["SELECT set_config('app.tenant', 'call', false)"], TENANT),
        (vec!["SELECT sets('function')"], TENANT),
        (vec!["SELECT claims_to_be_stable('function')"], TENANT),
        (vec!["SELECT * FROM in_a_view"], TENANT),
        (vec!["INSERT INTO watched VALUES (1)"], TENANT),
        (vec!["INSERT INTO watched VALUES (1)"], LOCKS),
        (vec!["SELECT 1::watchful"], TENANT),
        (vec!["INSERT INTO defaulted (b) VALUES (1)"], TENANT),
        (vec!["DELETE FROM cascaded", "INSERT INTO cascaded VALUES (1)", "INSERT INTO cascading VALUES (1)"], LOCKS),
        (vec!["DO $$ BEGIN PERFORM set_config('app.tenant', 'do', false); END $$"], TENANT),
        (vec!["EXPLAIN ANALYZE SELECT set_config('app.tenant', 'explained', false)"], TENANT),
        (vec!["SET ROLE ROLE_NAME"], "SELECT current_user"),
        (vec!["SET SESSION AUTHORIZATION ROLE_NAME"], "SELECT session_user"),
        (vec!["SET search_path TO pg_catalog"], "SHOW search_path"),
        (vec!["SET TimeZone TO 'Asia/Tokyo'"], "SHOW TimeZone"),
        (vec!["SET DateStyle TO 'German'"], "SHOW DateStyle"),
        (vec!["SET client_encoding TO 'LATIN1'"], "SHOW client_encoding"),
        (vec!["SET statement_timeout TO '20ms'"], "SHOW statement_timeout"),
        (vec!["SET statement_timeout TO '50ms'"], "SELECT pg_sleep(0.1)::text"),
        (vec!["SET lock_timeout TO '1ms'"], "SHOW lock_timeout"),
        (vec!["SET idle_session_timeout TO '1ms'"], "SELECT 1"),
        (vec!["SET default_transaction_read_only TO on"], "SHOW transaction_read_only"),
        (vec!["SET default_transaction_isolation TO 'serializable'"], "SHOW transaction_isolation"),
        (vec!["SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY"], "SHOW transaction_read_only"),
        (vec!["SET session_replication_role TO replica"], "SHOW session_replication_role"),
        (vec!["SET row_security TO off"], "SHOW row_security"),
        (vec!["SET check_function_bodies TO off"], "SHOW check_function_bodies"),
        (vec!["CREATE TEMP TABLE t (b text)"], "SELECT count(a) FROM t"),
        (vec!["CREATE TEMP TABLE mine (b text)"], "SELECT coalesce(to_regclass('pg_temp.mine')::text, '')"),
        (vec!["SELECT 1 AS a INTO TEMP mine"], "SELECT coalesce(to_regclass('pg_temp.mine')::text, '')"),
        (vec!["CREATE TEMP VIEW mine AS SELECT 1"], "SELECT coalesce(to_regclass('pg_temp.mine')::text, '')"),
        (vec!["CREATE TEMP SEQUENCE mine"], "SELECT coalesce(to_regclass('pg_temp.mine')::text, '')"),
        (
            vec!["CREATE FUNCTION pg_temp.mine() RETURNS int LANGUAGE sql AS 'SELECT 1'"],
            "SELECT coalesce(to_regproc('pg_temp.mine')::text, '')",
        ),
        (vec!["SELECT pg_advisory_lock(1)"], LOCKS),
        (vec!["SELECT pg_advisory_lock_shared(1), pg_advisory_lock(2, 3)"], LOCKS),
        (vec!["SELECT pg_try_advisory_lock(4)", "SELECT pg_try_advisory_lock(5)"], LOCKS),
        (vec!["SELECT locks()"], LOCKS),
        (vec!["DECLARE held CURSOR WITH HOLD FOR SELECT 1"], "SELECT count(*) FROM pg_cursors WHERE name = 'held'"),
        (vec!["LISTEN somebody"], "SELECT count(*) FROM pg_listening_channels()"),
        (vec!["PREPARE mine AS SELECT 1"], "SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'"),
        (
            vec!["PREPARE mine AS SELECT 1", "EXECUTE mine"],
            "SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'",
        ),
    ]
}

/// The matrix, with what each question is answered while nothing has been done.
async fn asked_before(served: &Served) -> Vec<(Vec<&'static str>, &'static str, Value)> {
    let mut asked = Vec::new();
    for (queries, question) in matrix() {
        asked.push((queries, question, served.value(question).await));
    }
    asked
}

#[tokio::test]
async fn nothing_of_it_is_left_for_the_next_request() {
    let served = prepared_for(SETUP).await;
    let role = role_of(&served);
    for (queries, question, clean) in asked_before(&served).await {
        let queries: Vec<String> = queries.iter().map(|query| query.replace("ROLE_NAME", &role)).collect();
        for time in 1..=3 {
            if let [query] = queries.as_slice() {
                served.run(query).await;
                assert_eq!(served.value(question).await, clean, "{query}, then {question}, time {time}");
            }
            let queries: Vec<&str> = queries.iter().map(String::as_str).collect();
            served.run_batch(&queries).await;
            assert_eq!(served.value(question).await, clean, "batch {queries:?}, then {question}, time {time}");
        }
    }
    drop_role(served).await;
}

#[tokio::test]
async fn nothing_is_left_where_a_later_statement_of_the_batch_failed() {
    let served = prepared_for(SETUP).await;
    let role = role_of(&served);
    let failures: [&[&str]; 4] = [
        &["SELECT 1 / 0"],
        &["SELECT no_such_column"],
        &["not SQL", "SELECT 1"],
        &["SELECT 1 / 0", "SELECT 1", "SELECT 2"],
    ];
    for (queries, question, clean) in asked_before(&served).await {
        for (number, failure) in failures.iter().enumerate() {
            let queries: Vec<String> = queries.iter().map(|query| query.replace("ROLE_NAME", &role)).collect();
            // A text that is new, and one that is known.
            for mark in ["", &format!(" -- {number}"), &format!(" -- {number}")] {
                let batch = queries.iter().map(|query| format!("{query}{mark}"));
                let batch = batch.chain(failure.iter().map(|&query| query.to_owned()));
                let batch: Vec<Value> = batch.map(|query| json!({ "query": query })).collect();
                served.proxy.sql(json!({ "queries": batch })).await.expect(400);
                assert_eq!(served.value(question).await, clean, "{batch:?}, then {question}");
            }
        }
    }
    drop_role(served).await;
}

#[tokio::test]
async fn nothing_is_left_whichever_key_asks_next() {
    let database = harness::fresh_database().await;
    let second = "a second key, long enough";
    let config = harness::key_entry("second", second, "");
    let proxy =
        harness::Proxy::builder().database(&database).config(config).env("POOL_PROXY_POOL_MAX", "1").start().await;
    for query in ["SET app.tenant = 'first'", "SELECT set_config('app.tenant', 'first', false)"] {
        for _ in 0..3 {
            proxy.sql(json!({ "query": query })).await.expect(200);
            let request =
                proxy.request("POST", "/sql").bearer(second).json(&json!({ "query": TENANT, "arrayMode": true }));
            assert_eq!(request.send().await.expect(200).body["rows"], json!([[""]]), "{query}");
        }
    }
}

/// Roles belong to the whole cluster: one of this database's own.
fn role_of(served: &Served) -> String {
    format!("{}_other", served.database.name())
}

async fn prepared_for(setup: &str) -> Served {
    let served = Served::on_one_connection("").await;
    served.database.batch(&setup.replace("ROLE_NAME", &role_of(&served))).await;
    served
}

async fn drop_role(served: Served) {
    let role = role_of(&served);
    served.database.batch(&format!("DROP OWNED BY {role}; DROP ROLE {role}")).await;
}
