//! Plain statements need no reset, and cost none.

use serde_json::{Value, json};

use crate::sql::served::Served;

const RESETS: &str = "pool_proxy_resets_total";

const SETUP: &str = "
CREATE TABLE t (id serial PRIMARY KEY, a text DEFAULT 'x', at timestamptz DEFAULT now());
CREATE TABLE u (t int REFERENCES t ON DELETE CASCADE);
CREATE VIEW v AS SELECT a, count(*) FROM t GROUP BY a;
";

fn plain() -> Vec<Value> {
    vec![
        json!({ "query": "SELECT 1" }),
        json!({ "query": "SELECT * FROM t WHERE id = $1", "params": [1] }),
        json!({ "query": "SELECT a FROM t JOIN u ON u.t = t.id WHERE a ILIKE $1 ORDER BY lower(a) LIMIT 5", "params": ["%x%"] }),
        json!({ "query": "SELECT * FROM v" }),
        json!({ "query": "SELECT now(), random(), gen_random_uuid(), jsonb_build_object('a', 1), $1::int[]", "params": [[1, 2]] }),
        json!({ "query": "INSERT INTO t (a) VALUES ($1) RETURNING id", "params": ["x"] }),
        json!({ "query": "INSERT INTO t (id) VALUES (1) ON CONFLICT (id) DO UPDATE SET a = excluded.a" }),
        json!({ "query": "UPDATE t SET a = $1 WHERE id = $2", "params": ["y", 1] }),
        json!({ "query": "DELETE FROM t WHERE id = $1", "params": [0] }),
        json!({ "query": "WITH gone AS (DELETE FROM t WHERE id = 0 RETURNING *) SELECT count(*) FROM gone" }),
        json!({ "query": "SELECT * FROM t FOR UPDATE SKIP LOCKED" }),
        json!({ "query": "SELECT nextval('t_id_seq')" }),
        json!({ "queries": [{ "query": "SELECT 1" }, { "query": "INSERT INTO t (a) VALUES ('z')" }] }),
    ]
}

#[tokio::test]
async fn plain_statements_are_known_after_their_second_use() {
    let served = Served::after(SETUP).await;
    for body in plain() {
        served.proxy.sql(body.clone()).await.expect(200);
        served.proxy.sql(body.clone()).await.expect(200);
        let before = served.metric(RESETS).await;
        for _ in 0..5 {
            served.proxy.sql(body.clone()).await.expect(200);
        }
        let grown = served.metric(RESETS).await - before;
        assert!(grown.abs() < 0.5, "{body}: {grown} resets");
    }
}

#[tokio::test]
async fn statements_that_touch_the_session_are_followed_by_a_reset() {
    let served = Served::after(SETUP).await;
    for query in
        ["SET app.a = '1'", "SELECT set_config('app.a', '1', false)", "CREATE TEMP TABLE IF NOT EXISTS x (a int)"]
    {
        for _ in 0..3 {
            let before = served.metric(RESETS).await;
            served.run(query).await;
            assert!(served.metric(RESETS).await > before, "{query}");
        }
    }
}

#[tokio::test]
async fn a_statement_that_stops_being_plain_is_noticed() {
    let served = Served::on_one_connection(
        "CREATE TABLE t (a int);
         CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql
         AS 'BEGIN PERFORM set_config(''app.tenant'', ''mark'', false); RETURN NEW; END'",
    )
    .await;
    for _ in 0..4 {
        served.run("INSERT INTO t VALUES (1)").await;
    }
    served.run("CREATE TRIGGER marking BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION mark()").await;
    served.run("INSERT INTO t VALUES (1)").await;
    assert_eq!(served.value("SELECT coalesce(current_setting('app.tenant', true), '')").await, "");
}
