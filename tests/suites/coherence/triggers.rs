//! Event triggers, where a superuser has installed them: they tell of every definition, and stand in nobody's way.

use harness::{Signal, eventually};
use serde_json::json;
use tokio_postgres::Client;

use super::bench::{Bench, connect, root_url, status};
use super::command::coherence;

/// How many messages of changed definitions lie in the log since it was last asked.
const TOLD: &str = "SELECT count(*) FROM pg_logical_slot_get_binary_changes('listener', NULL, NULL, 'proto_version', '1',
    'publication_names', 'pool_proxy', 'messages', 'true') WHERE encode(data, 'escape') LIKE 'M%pool!_proxy%ddl' ESCAPE '!'";

async fn told(root: &Client) -> i64 {
    root.query_one(TOLD, &[]).await.unwrap().get(0)
}

async fn run(client: &Client, sql: &str) {
    client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
}

/// What a role with no rights beyond its schema does, and whether that is told.
const PLAIN: [(&str, bool); 16] = [
    ("CREATE TABLE made (id int PRIMARY KEY, n int)", true),
    ("ALTER TABLE made ADD COLUMN more text", true),
    ("CREATE INDEX CONCURRENTLY ON made (n)", true),
    ("GRANT SELECT ON made TO PUBLIC", true),
    ("CREATE POLICY all_of_it ON made USING (true)", true),
    ("CREATE VIEW seen AS SELECT * FROM made", true),
    ("CREATE MATERIALIZED VIEW stored AS SELECT * FROM made", true),
    ("REFRESH MATERIALIZED VIEW stored", true),
    ("DO $$ BEGIN EXECUTE 'COMMENT ON TABLE made IS ''x'''; END $$", true),
    ("INSERT INTO made VALUES (1, 1)", false),
    ("CREATE TEMPORARY TABLE passing (id serial PRIMARY KEY)", false),
    ("ALTER TABLE passing ADD COLUMN more text; CREATE INDEX ON passing (more)", false),
    ("DROP TABLE passing", false),
    ("BEGIN; CREATE TABLE undone (id int); ROLLBACK", false),
    ("SELECT 1; SET work_mem = '5MB'", false),
    ("DROP TABLE made CASCADE", true),
];

#[tokio::test]
async fn they_tell_of_definitions_and_stand_in_nobodys_way() {
    let bench = Bench::after("CREATE TABLE words (id int PRIMARY KEY, n int); INSERT INTO words VALUES (1, 0)").await;
    let root = bench.root().await;
    let printed = coherence("apply", &root_url(&bench.postgres));
    assert!(printed.contains("CREATE EVENT TRIGGER"), "{printed}");
    run(&root, "CREATE ROLE plain LOGIN PASSWORD 'plain'; CREATE SCHEMA plain AUTHORIZATION plain").await;
    run(&root, "SELECT pg_create_logical_replication_slot('listener', 'pgoutput')").await;
    let plain_url = format!("postgres://plain:plain@127.0.0.1:{}/app", bench.postgres.port());
    let plain = connect(&plain_url).await;
    // An operator of its own where the function might look for Postgres's.
    run(
        &plain,
        "CREATE FUNCTION wrong(text, text) RETURNS bool LANGUAGE plpgsql AS 'BEGIN RAISE ''wrong''; END';
         CREATE OPERATOR = (LEFTARG = text, RIGHTARG = text, FUNCTION = wrong); SET search_path = plain, pg_catalog",
    )
    .await;
    for is_closed in [false, true] {
        if is_closed {
            // Also where nobody may write messages.
            run(&root, "REVOKE EXECUTE ON FUNCTION pg_logical_emit_message(bool, text, text) FROM PUBLIC").await;
        }
        told(&root).await;
        for (sql, is_told) in PLAIN {
            run(&plain, sql).await;
            let count = told(&root).await;
            assert_eq!(count > 0, is_told, "{sql}: {count}");
        }
    }
    // What the proxy asks about statements makes functions, which are undone.
    told(&root).await;
    for n in 0..10 {
        bench.keep(&format!("SELECT n + {n} FROM words")).await;
    }
    assert_eq!(told(&root).await, 0);
    run(&root, "SELECT pg_drop_replication_slot('listener')").await;

    // They are as harmless where nothing is decoded any more.
    run(&root, "ALTER SYSTEM SET wal_level = replica").await;
    bench.postgres.go_down(Signal::Interrupt).unwrap();
    bench.postgres.come_back().unwrap();
    let plain = connect(&plain_url).await;
    for (sql, _) in PLAIN {
        run(&plain, sql).await;
    }
    let root = connect(&root_url(&bench.postgres)).await;
    coherence("remove", &root_url(&bench.postgres));
    let left: i64 = root.query_one("SELECT count(*) FROM pg_event_trigger", &[]).await.unwrap().get(0);
    assert_eq!(left, 0);
}

#[tokio::test]
async fn what_they_tell_drops_what_was_kept() {
    let bench =
        Bench::after("CREATE TABLE words (id int PRIMARY KEY, n int); INSERT INTO words VALUES (1, 1), (2, 2)").await;
    bench.run("CREATE VIEW shown AS SELECT n FROM words WHERE id = 1").await;
    coherence("apply", &root_url(&bench.postgres));
    for id in [2, 1, 2] {
        bench.keep("SELECT n FROM shown").await;
        bench.run(&format!("CREATE OR REPLACE VIEW shown AS SELECT n FROM words WHERE id = {id}")).await;
        eventually(|| async { bench.value("SELECT n FROM shown").await == id }).await;
    }
    // Of a refresh no change of rows tells.
    bench.run("CREATE MATERIALIZED VIEW stored AS SELECT n FROM words").await;
    let stored = json!({ "query": "SELECT max(n) FROM stored" });
    eventually(|| async {
        let told = status(&bench.proxy.sql(stored.clone()).await.expect(200));
        if told == "pool-proxy; fwd=bypass; detail=materialized" { Ok(()) } else { Err(told) }
    })
    .await;
}
