//! What `pool-proxy coherence` installs, and that nobody's write fails for it.

use tokio_postgres::Client;

use super::bench::{cluster, connect, root_url, url};
use super::command::{attempt, coherence, sql, told};

const TABLES: &str = r#"
    CREATE TABLE "Odd ""Name; DROP" (id int PRIMARY KEY);
    CREATE TABLE aside (id int PRIMARY KEY) USING heap2;
    CREATE TABLE by_index (id int NOT NULL UNIQUE, n int);
    ALTER TABLE by_index REPLICA IDENTITY USING INDEX by_index_id_key;
    CREATE TABLE child (PRIMARY KEY (id)) INHERITS ("Odd ""Name; DROP");
    CREATE TABLE child_bare () INHERITS ("Odd ""Name; DROP");
    CREATE TABLE deferred (id int PRIMARY KEY DEFERRABLE);
    CREATE UNLOGGED TABLE fast (id int PRIMARY KEY);
    CREATE TABLE hyper (id int PRIMARY KEY);
    CREATE TRIGGER ts_insert_blocker BEFORE UPDATE ON hyper FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();
    CREATE TABLE keyed (id int PRIMARY KEY);
    CREATE TABLE keyless (id int);
    CREATE TABLE loose (id int) PARTITION BY RANGE (id);
    ALTER TABLE loose REPLICA IDENTITY FULL;
    CREATE TABLE loose_1 PARTITION OF loose FOR VALUES FROM (0) TO (10);
    ALTER TABLE loose_1 REPLICA IDENTITY FULL;
    CREATE TABLE nothing (id int PRIMARY KEY); ALTER TABLE nothing REPLICA IDENTITY NOTHING;
    CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10);
    CREATE TABLE parted_aside (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE parted_aside_1 PARTITION OF parted_aside FOR VALUES FROM (0) TO (10) USING heap2;
    CREATE TABLE parted_badly (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE TABLE parted_badly_1 PARTITION OF parted_badly FOR VALUES FROM (0) TO (10);
    ALTER TABLE parted_badly_1 REPLICA IDENTITY NOTHING;
    CREATE TABLE parted_far (id int) PARTITION BY RANGE (id);
    CREATE FOREIGN TABLE parted_far_1 PARTITION OF parted_far FOR VALUES FROM (0) TO (10) SERVER nowhere;
    CREATE TABLE parted_fast (id int PRIMARY KEY) PARTITION BY RANGE (id);
    CREATE UNLOGGED TABLE parted_fast_1 PARTITION OF parted_fast FOR VALUES FROM (0) TO (10);
    CREATE TABLE whole (id int); ALTER TABLE whole REPLICA IDENTITY FULL;
    CREATE TEMPORARY TABLE passing (id int PRIMARY KEY);
    CREATE VIEW seen AS SELECT * FROM keyed;
    CREATE MATERIALIZED VIEW stored AS SELECT * FROM keyed;"#;

const NO_IDENTITY: &str = "left out: no primary key or other replica identity";
const UNLOGGED: &str = "left out: unlogged, its changes are in no log";
const ASIDE: &str = "left out: its access method is not heap";

/// Of each table, how it is left out.
const LEFT_OUT: [(&str, &str); 19] = [
    (r#"public."Odd ""Name; DROP""#, ""),
    ("public.aside", ASIDE),
    ("public.by_index", ""),
    ("public.child", ""),
    ("public.child_bare", NO_IDENTITY),
    ("public.deferred", NO_IDENTITY),
    ("public.fast", UNLOGGED),
    ("public.hyper", "left out: an extension keeps its rows in other tables"),
    ("public.keyed", ""),
    ("public.keyless", NO_IDENTITY),
    ("public.loose", "left out: partitioned without a primary key, so that its next partition would have no identity"),
    ("public.nothing", NO_IDENTITY),
    ("public.parted", ""),
    ("public.parted_aside", ASIDE),
    ("public.parted_badly", NO_IDENTITY),
    ("public.parted_far", "left out: a partition is a foreign table"),
    ("public.parted_fast", UNLOGGED),
    ("public.theirs", "left out: only postgres may publish it"),
    ("public.whole", ""),
];

const SERVER: &str = "CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler; CREATE FOREIGN DATA WRAPPER dummy; CREATE SERVER nowhere FOREIGN DATA WRAPPER dummy;
    GRANT USAGE ON FOREIGN SERVER nowhere TO app; CREATE TABLE theirs (id int PRIMARY KEY); GRANT ALL ON theirs TO app";

const PUBLISHED: &str = "SELECT coalesce(string_agg(prrelid::regclass::text, ' ' ORDER BY prrelid::regclass::text), '') FROM pg_publication_rel";
/// Everything there is that could have been installed.
const INSTALLED: &str = "SELECT ((SELECT count(*) FROM pg_publication) + (SELECT count(*) FROM pg_event_trigger)
    + (SELECT count(*) FROM pg_namespace WHERE nspname = 'pool_proxy'))::text";

async fn one(client: &Client, sql: &str) -> String {
    client.query_one(sql, &[]).await.unwrap().get(0)
}

/// Every kind of write, on every table there is.
async fn all_writes_work(client: &Client) {
    for (table, _) in LEFT_OUT {
        if table == "public.parted_far" {
            continue;
        }
        for sql in [
            format!("UPDATE {table} SET id = id"),
            format!("DELETE FROM {table}"),
            format!("INSERT INTO {table} (id) VALUES (1)"),
            format!("UPDATE {table} SET id = 2"),
            format!("DELETE FROM {table} WHERE id = 2"),
            format!("TRUNCATE {table}"),
        ] {
            client.batch_execute(&sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        }
    }
}

#[tokio::test]
async fn what_a_plan_says_is_done_and_taken_back() {
    let postgres = cluster().await;
    let root = connect(&root_url(&postgres)).await;
    root.batch_execute(SERVER).await.unwrap();
    let url = url(&postgres);
    let client = connect(&url).await;
    client.batch_execute(TABLES).await.unwrap();
    all_writes_work(&client).await;

    let plan = coherence("plan", &url);
    let expected: Vec<_> =
        LEFT_OUT.iter().map(|(table, left)| (*table, if left.is_empty() { "can be followed" } else { left })).collect();
    assert_eq!(told(&plan), expected, "{plan}");
    let to_run = [
        "BEGIN",
        "SET LOCAL lock_timeout = '10s'",
        r#"CREATE PUBLICATION "pool_proxy" FOR TABLE ONLY public."Odd ""Name; DROP", ONLY public.by_index, ONLY public.child, ONLY public.keyed, ONLY public.parted, ONLY public.whole WITH (publish = 'insert, update, delete, truncate', publish_via_partition_root = true)"#,
    ];
    // The odd name has a semicolon, but none before the end of a line.
    assert_eq!(sql(&plan)[..3], to_run, "{plan}");
    let others = sql(&plan).split_off(3);
    assert!(others.iter().all(|sql| sql.contains("pool_proxy") || sql == "COMMIT"), "{plan}");
    assert_eq!(one(&client, INSTALLED).await, "0", "a plan runs nothing");

    let applied = coherence("apply", &url);
    assert_eq!(sql(&applied), sql(&plan), "{applied}");
    let published = r#""Odd ""Name; DROP" by_index child keyed parted whole"#;
    assert_eq!(one(&client, PUBLISHED).await, published);
    all_writes_work(&client).await;
    for does in ["apply", "plan"] {
        let again = coherence(does, &url);
        assert!(again.ends_with("nothing is to be done\n") && sql(&again).is_empty(), "{again}");
        let states = told(&again);
        assert_eq!(states.iter().filter(|(_, state)| *state == "is followed").count(), 6, "{again}");
    }

    // What is new is found; what has lost its identity is let go of.
    let change = "CREATE TABLE later (id int PRIMARY KEY); ALTER TABLE whole REPLICA IDENTITY NOTHING";
    client.batch_execute(change).await.unwrap();
    let (checked, _, code) = attempt(&["check"], &url);
    assert_eq!(code, Some(1), "{checked}");
    assert!(checked.contains("Postgres refuses UPDATE and DELETE on public.whole"), "{checked}");
    assert!(checked.contains("public.later could be followed and are not"), "{checked}");
    let steps = ["DROP TABLE ONLY public.whole", "ADD TABLE ONLY public.later"];
    let applied = coherence("apply", &url);
    assert_eq!(sql(&applied)[2..4], steps.map(|step| format!(r#"ALTER PUBLICATION "pool_proxy" {step}"#)), "{applied}");
    all_writes_work(&client).await;
    let (checked, _, code) = attempt(&["check"], &url);
    assert_eq!(code, Some(0), "{checked}");
    assert!(checked.contains("6 of 20 tables are followed"), "{checked}");

    assert_eq!(sql(&coherence("remove", &url))[2..3], [r#"DROP PUBLICATION "pool_proxy""#]);
    assert_eq!(one(&client, INSTALLED).await, "0");
    let again = coherence("remove", &url);
    assert!(again.ends_with("nothing is to be removed\n") && sql(&again).is_empty(), "{again}");
    all_writes_work(&client).await;
}

#[tokio::test]
async fn a_superuser_installs_event_triggers_too_and_removes_them() {
    let postgres = cluster().await;
    let url = root_url(&postgres);
    let root = connect(&url).await;
    root.batch_execute(SERVER).await.unwrap();
    root.batch_execute(TABLES).await.unwrap();
    let plan = coherence("plan", &url);
    assert_eq!(one(&root, INSTALLED).await, "0");
    assert!(plan.contains("CREATE EVENT TRIGGER pool_proxy_dropped"), "{plan}");
    assert_eq!(sql(&coherence("apply", &url)), sql(&plan));
    assert_eq!(one(&root, INSTALLED).await, "4");
    assert!(one(&root, PUBLISHED).await.contains(" theirs"));
    all_writes_work(&root).await;
    assert!(coherence("apply", &url).ends_with("nothing is to be done\n"));
    for _ in 0..2 {
        coherence("remove", &url);
        assert_eq!(one(&root, INSTALLED).await, "0");
    }
}

#[tokio::test]
async fn a_publication_that_somebody_else_made_is_mended_or_left_alone() {
    let postgres = cluster().await;
    let (root, url) = (connect(&root_url(&postgres)).await, url(&postgres));
    let client = connect(&url).await;
    let tables = "CREATE TABLE keyed (id int PRIMARY KEY, n int); CREATE TABLE other (id int PRIMARY KEY, n int);
        CREATE TABLE keyless (id int)";
    client.batch_execute(tables).await.unwrap();
    let version: i32 = one(&client, "SHOW server_version_num").await.parse().unwrap();
    let wide = ["FOR ALL TABLES", "FOR TABLES IN SCHEMA public"];
    for kind in wide.iter().take(if version >= 150_000 { 2 } else { 1 }) {
        root.batch_execute(&format!(
            "CREATE PUBLICATION pool_proxy {kind}; ALTER PUBLICATION pool_proxy OWNER TO postgres"
        ))
        .await
        .unwrap();
        let plan = coherence("plan", &url);
        assert!(plan.contains("the publication is for all tables") && sql(&plan).is_empty(), "{plan}");
        let (out, err, code) = attempt(&["coherence", "apply"], &url);
        assert_eq!((out.as_str(), code), ("", Some(1)));
        assert!(err.contains("the publication is for all tables"), "{err}");
        let (checked, _, code) = attempt(&["check"], &url);
        assert!(code == Some(1) && checked.contains("the publication is for all tables"), "{checked}");
        coherence("remove", &url);
        assert_eq!(one(&client, INSTALLED).await, "1", "it is not ours");
        root.batch_execute("DROP PUBLICATION pool_proxy").await.unwrap();
    }
    // Of a part of what happens.
    if version >= 150_000 {
        let part =
            "CREATE PUBLICATION pool_proxy FOR TABLE keyed WHERE (id > 10), TABLE other (id) WITH (publish = 'insert')";
        client.batch_execute(part).await.unwrap();
        coherence("apply", &url);
        let filtered = "SELECT count(*)::text FROM pg_publication_rel WHERE prqual IS NOT NULL OR prattrs IS NOT NULL";
        assert_eq!(
            (one(&client, filtered).await.as_str(), one(&client, PUBLISHED).await.as_str()),
            ("0", "keyed other")
        );
        let all =
            "SELECT (pubinsert AND pubupdate AND pubdelete AND pubtruncate AND pubviaroot)::text FROM pg_publication";
        assert_eq!(one(&client, all).await, "true");
        assert!(coherence("apply", &url).ends_with("nothing is to be done\n"));
        root.batch_execute("ALTER PUBLICATION pool_proxy OWNER TO postgres").await.unwrap();
        let (_, err, code) = attempt(&["coherence", "apply"], &url);
        assert!(code == Some(1) && err.contains("belongs to another role"), "{err}");
        assert_eq!(attempt(&["coherence", "remove"], &url).2, Some(1));
    }
    let (_, err, code) = attempt(&["coherence", "plan", "--database", "nowhere"], &url);
    assert!(code == Some(2) && err.contains("the name of a configured database: default"), "{err}");
}
