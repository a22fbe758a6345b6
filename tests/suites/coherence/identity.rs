//! Tables that lose what tells their rows apart after they were published: Postgres would refuse UPDATE and DELETE.

use std::time::Duration;

use harness::{eventually, eventually_within};

use super::bench::{Bench, status, url, value};
use super::command::{attempt, coherence};

const TABLES: &str = r#"
    CREATE TABLE words (id int PRIMARY KEY, n int); INSERT INTO words VALUES (1, 0);
    CREATE TABLE "Odd Name" (id int PRIMARY KEY, n int); INSERT INTO "Odd Name" VALUES (1, 0);
    CREATE TABLE parted (id int PRIMARY KEY, n int) PARTITION BY RANGE (id);
    CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10); INSERT INTO parted VALUES (1, 0);
    CREATE TABLE held (id int PRIMARY KEY, n int); INSERT INTO held VALUES (1, 0)"#;

#[tokio::test]
async fn a_published_table_without_identity_is_taken_out_and_writes_go_on() {
    let bench = Bench::after(TABLES).await;
    let url = url(&bench.postgres);
    for (table, loses, regains) in [
        ("words", "ALTER TABLE words DROP CONSTRAINT words_pkey", "ALTER TABLE words ADD PRIMARY KEY (id)"),
        (
            r#""Odd Name""#,
            r#"ALTER TABLE "Odd Name" REPLICA IDENTITY NOTHING"#,
            r#"ALTER TABLE "Odd Name" REPLICA IDENTITY DEFAULT"#,
        ),
        ("parted", "ALTER TABLE parted_1 REPLICA IDENTITY NOTHING", "ALTER TABLE parted_1 REPLICA IDENTITY DEFAULT"),
    ] {
        let read = format!("SELECT n FROM {table}");
        bench.keep(&read).await;
        bench.run(loses).await;
        let write = format!("UPDATE {table} SET n = 7");
        eventually_within(Duration::from_secs(20), || async {
            bench.client.batch_execute(&write).await.map_err(|error| (format!("{error:?}"), bench.proxy.stderr()))
        })
        .await;
        eventually(|| async { bench.value(&read).await == 7 }).await;
        eventually(|| async { status(&bench.ask(&read).await) == "pool-proxy; fwd=bypass; detail=unpublished" }).await;
        for n in 8..12 {
            bench.run(&format!("UPDATE {table} SET n = {n}")).await;
            assert_eq!(bench.value(&read).await, n, "{table}");
        }
        let said = format!("public.{table} has lost its replica identity");
        eventually(|| async { bench.proxy.stderr().replace('\\', "").contains(&said) }).await;
        // Others are followed as before.
        assert_eq!(bench.postgres("SELECT count(*) FROM pg_publication_rel").await, "3", "{table}");
        bench.run(regains).await;
        coherence("apply", &url);
        assert_eq!(value(&bench.keep(&read).await), 11);
    }
}

#[tokio::test]
async fn what_cannot_be_taken_out_is_told() {
    let bench = Bench::after(TABLES).await;
    let root = bench.root().await;
    root.batch_execute("ALTER PUBLICATION pool_proxy OWNER TO postgres").await.unwrap();
    bench.run("ALTER TABLE held DROP CONSTRAINT held_pkey").await;
    let said = "Postgres refuses UPDATE and DELETE on public.held";
    eventually_within(Duration::from_secs(20), || async { bench.proxy.stderr().contains(said) }).await;
    let (checked, _, code) = attempt(&["check"], &url(&bench.postgres));
    assert!(code == Some(1) && checked.contains(said), "{checked}");
    assert_eq!(bench.postgres("SELECT count(*) FROM pg_publication_rel").await, "4");
    // As soon as it may, it does.
    root.batch_execute("ALTER PUBLICATION pool_proxy OWNER TO app").await.unwrap();
    let write = || bench.client.batch_execute("UPDATE held SET n = 7");
    eventually_within(Duration::from_secs(20), || async { write().await.map_err(|error| format!("{error:?}")) }).await;
    assert_eq!(bench.proxy.stderr().matches(said).count(), 1, "it is said once");
}
