//! What is kept, and until when.

use harness::{eventually, eventually_within};
use serde_json::json;
use std::time::Duration;

use super::bench::{Bench, HIT, STORED, status, value};

const WORDS: &str =
    "CREATE TABLE words (id int PRIMARY KEY, word text); INSERT INTO words VALUES (1, 'old'), (2, 'other')";
const WORD: &str = "SELECT word FROM words WHERE id = 1";

#[tokio::test]
async fn an_answer_is_kept_until_it_changes() {
    let bench = Bench::after(WORDS).await;
    assert_eq!(status(&bench.ask(WORD).await), "pool-proxy; fwd=bypass; detail=unseen");
    // It is judged behind the first answer.
    let next = eventually(|| async {
        let next = status(&bench.ask(WORD).await);
        if next == "pool-proxy; fwd=bypass; detail=unseen" { Err(next) } else { Ok(next) }
    })
    .await;
    assert_eq!(next, STORED);
    for _ in 0..5 {
        let answer = bench.ask(WORD).await;
        assert_eq!((status(&answer).as_str(), value(&answer), answer.header("age").as_str()), (HIT, json!("old"), "0"));
    }
    bench.run("UPDATE words SET word = 'new' WHERE id = 1").await;
    eventually(|| async { bench.value(WORD).await == "new" }).await;
    assert_eq!(value(&bench.keep(WORD).await), "new");
}

#[tokio::test]
async fn every_kind_of_change_counts() {
    let bench = Bench::after(
        "CREATE TABLE parent (id int PRIMARY KEY, n int);
         CREATE TABLE child (id int PRIMARY KEY, parent int REFERENCES parent ON DELETE CASCADE);
         CREATE TABLE log (at date, n int, PRIMARY KEY (at, n)) PARTITION BY RANGE (at);
         CREATE TABLE log_1 PARTITION OF log FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
         CREATE TABLE log_2 PARTITION OF log FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
         CREATE TABLE counted (id int PRIMARY KEY, n int); INSERT INTO counted VALUES (1, 0);
         CREATE FUNCTION count_up() RETURNS trigger LANGUAGE plpgsql AS
           'BEGIN UPDATE counted SET n = n + 1; RETURN NEW; END';
         CREATE TRIGGER count AFTER INSERT ON parent FOR EACH ROW EXECUTE FUNCTION count_up();
         CREATE VIEW both_of_them AS SELECT p.n, c.id FROM parent p LEFT JOIN child c ON c.parent = p.id;
         INSERT INTO parent VALUES (1, 10), (2, 20); INSERT INTO child VALUES (1, 1), (2, 1), (3, 2);
         INSERT INTO log VALUES ('2024-05-05', 1), ('2025-05-05', 2)",
    )
    .await;
    let sum = "SELECT coalesce(sum(n), 0)::int FROM ";
    for (query, change, expected) in [
        ("SELECT count(*)::int FROM child", "DELETE FROM parent WHERE id = 1", json!(1)),
        ("SELECT count(*)::int FROM both_of_them", "INSERT INTO child VALUES (4, 2)", json!(2)),
        (&format!("{sum} log"), "INSERT INTO log_1 VALUES ('2024-06-06', 5)", json!(8)),
        (&format!("{sum} log_2"), "UPDATE log SET n = 7 WHERE n = 2", json!(7)),
        (&format!("{sum} log_1"), "UPDATE log SET at = '2025-08-08' WHERE n = 5", json!(1)),
        (&format!("{sum} counted"), "INSERT INTO parent VALUES (3, 30)", json!(3)),
        (&format!("{sum} parent"), "TRUNCATE parent CASCADE", json!(0)),
        ("SELECT count(*)::int FROM child WHERE id > 0", "SELECT 1", json!(0)),
        ("SELECT id FROM counted", "UPDATE counted SET id = 9", json!(9)),
    ] {
        let before = value(&bench.keep(query).await);
        assert!(before != expected || change == "SELECT 1", "{query}: {before}");
        bench.run(change).await;
        eventually(|| async {
            let now = bench.value(query).await;
            if now == expected { Ok(()) } else { Err(now) }
        })
        .await;
    }
}

#[tokio::test]
async fn what_may_not_be_kept_says_why() {
    let bench = Bench::after(&format!(
        "{WORDS}; CREATE TABLE keyless (n int); CREATE UNLOGGED TABLE fast (n int PRIMARY KEY);
         CREATE FUNCTION mine(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1';
         CREATE MATERIALIZED VIEW seen AS SELECT * FROM words"
    ))
    .await;
    for (query, detail) in [
        ("SELECT n FROM keyless", "unpublished"),
        ("SELECT n FROM fast", "unlogged"),
        ("SELECT now()", "changing"),
        ("SELECT mine(1)", "function"),
        ("SELECT random()", "volatile"),
        ("SELECT 1 FROM pg_class LIMIT 1", "catalog"),
        ("SELECT word FROM seen", "materialized"),
        ("SELECT word FROM words FOR UPDATE", "locks"),
        ("SELECT 'today'::date", "frozen"),
        ("UPDATE words SET word = word RETURNING id", "writes"),
        ("SHOW work_mem", "utility"),
    ] {
        let expected = format!("pool-proxy; fwd=bypass; detail={detail}");
        let told = eventually(|| async {
            let told = status(&bench.ask(query).await);
            if told == "pool-proxy; fwd=bypass; detail=unseen" { Err(told) } else { Ok(told) }
        })
        .await;
        assert_eq!(told, expected, "{query}");
    }
    // A text that may mean the time where the type takes it for one.
    let since = |text: &str| json!({ "query": "SELECT $1::timestamptz > '2000-01-01'", "params": [text] });
    eventually(|| async { status(&bench.proxy.sql(since("2024-01-01")).await) == HIT }).await;
    for _ in 0..3 {
        assert_eq!(status(&bench.proxy.sql(since("NOW")).await), "pool-proxy; fwd=bypass; detail=changing");
    }
}

#[tokio::test]
async fn what_a_client_says_wins() {
    let bench = Bench::after(WORDS).await;
    bench.keep(WORD).await;
    let ask = async |control: &str| bench.request(WORD).header("cache-control", control).send().await.expect(200);
    assert_eq!(status(&ask("no-store").await), "pool-proxy; fwd=bypass; detail=no-store");
    assert_eq!(status(&ask("no-cache").await), "pool-proxy; fwd=request; stored");
    assert!(status(&ask("max-age=600").await).starts_with("pool-proxy; hit; ttl="));
    let other = "SELECT word FROM words WHERE id = 2";
    let ask_other =
        async |control: &str| bench.request(other).header("cache-control", control).send().await.expect(200);
    bench.keep(other).await;
    ask_other("no-cache, max-age=600").await;
    bench.run("UPDATE words SET word = 'newer' WHERE id = 2").await;
    eventually(|| async { bench.value(other).await == "newer" }).await;
    // That one is newer, and kept for as long as it is true.
    assert_eq!(value(&ask_other("max-age=600").await), "newer");
}

#[tokio::test]
async fn an_answer_for_a_time_is_kept_for_it_though_it_changes() {
    let bench = Bench::after(WORDS).await;
    let ask = async || bench.request(WORD).header("cache-control", "max-age=600").send().await.expect(200);
    ask().await;
    assert!(status(&ask().await).starts_with("pool-proxy; hit; ttl="));
    bench.run("UPDATE words SET word = 'new' WHERE id = 1").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(value(&ask().await), "old", "it has asked for answers up to ten minutes old");
    assert_eq!(bench.value(WORD).await, "new", "and this one has not");
}

#[tokio::test]
async fn changed_definitions_and_rights_count() {
    let bench = Bench::after(&format!(
        "{WORDS}; CREATE VIEW shown AS SELECT word FROM words WHERE id = 1;
         CREATE TABLE keyed (id int PRIMARY KEY); INSERT INTO keyed VALUES (1), (2)"
    ))
    .await;
    let shown = "SELECT word FROM shown";
    bench.keep(shown).await;
    bench.run("CREATE OR REPLACE VIEW shown AS SELECT word FROM words WHERE id = 2").await;
    eventually(|| async { bench.value(shown).await == "other" }).await;
    bench.keep(shown).await;
    bench.run("ALTER TABLE words RENAME COLUMN word TO term").await;
    bench.run("UPDATE words SET term = 'renamed'").await;
    eventually(|| async { bench.value(shown).await == "renamed" }).await;
    // A table that leaves the publication is not followed any more.
    let keyed = "SELECT count(*)::int FROM keyed";
    bench.keep(keyed).await;
    bench.run("ALTER PUBLICATION pool_proxy DROP TABLE keyed").await;
    eventually_within(Duration::from_secs(5), || async {
        status(&bench.ask(keyed).await) == "pool-proxy; fwd=bypass; detail=unpublished"
    })
    .await;
    bench.run("INSERT INTO keyed VALUES (3)").await;
    assert_eq!(bench.value(keyed).await, 3);
    bench.run("ALTER PUBLICATION pool_proxy ADD TABLE keyed").await;
    bench.keep(keyed).await;
    bench.run("INSERT INTO keyed VALUES (4)").await;
    eventually(|| async { bench.value(keyed).await == 4 }).await;
}

#[tokio::test]
async fn a_table_whose_rows_are_kept_in_another_way_is_not_followed() {
    let bench = Bench::after(WORDS).await;
    let root = bench.root().await;
    root.batch_execute("CREATE ACCESS METHOD heap2 TYPE TABLE HANDLER heap_tableam_handler").await.unwrap();
    let unpublished = async |query: &str| {
        eventually(|| async {
            let told = status(&bench.ask(query).await);
            if told == "pool-proxy; fwd=bypass; detail=unpublished" { Ok(()) } else { Err(told) }
        })
        .await;
    };
    bench
        .run(
            "CREATE TABLE aside (id int PRIMARY KEY) USING heap2; ALTER PUBLICATION pool_proxy ADD TABLE aside;
             CREATE TABLE parted (id int PRIMARY KEY) PARTITION BY RANGE (id); ALTER PUBLICATION pool_proxy ADD TABLE parted;
             CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10)",
        )
        .await;
    let parted = "SELECT count(*) FROM parted";
    bench.keep(parted).await;
    unpublished("SELECT count(*) FROM aside").await;
    bench.run("CREATE TABLE parted_2 PARTITION OF parted FOR VALUES FROM (10) TO (20) USING heap2").await;
    unpublished(parted).await;
    // As some extensions mark theirs.
    bench.keep(WORD).await;
    let mark = "CREATE TRIGGER ts_insert_blocker BEFORE UPDATE ON words FOR EACH ROW
        EXECUTE FUNCTION suppress_redundant_updates_trigger()";
    bench.run(mark).await;
    unpublished(WORD).await;
}

#[tokio::test]
async fn postgres_own_functions_count_where_somebody_replaces_them() {
    let bench = Bench::after(WORDS).await;
    let padded = "SELECT lpad(word, 5) FROM words WHERE id = 1";
    assert_eq!(value(&bench.keep(padded).await), "  old");
    let replace = "CREATE OR REPLACE FUNCTION pg_catalog.lpad(text, integer) RETURNS text LANGUAGE sql
        IMMUTABLE PARALLEL SAFE STRICT COST 1 RETURN $1 || ' and new'";
    bench.root().await.batch_execute(replace).await.unwrap();
    eventually(|| async { bench.value(padded).await == "old and new" }).await;
}

#[tokio::test]
async fn tags_are_gone_at_all_proxies() {
    let bench = Bench::after(WORDS).await;
    let other = bench.another().await;
    let tagged = json!({ "query": WORD, "arrayMode": true });
    let ask = async |proxy: &harness::Proxy| {
        let request = proxy.sql_request(&tagged).header("cache-control", "max-age=600").header("cache-tag", "words");
        status(&request.send().await.expect(200))
    };
    for invalidated in [json!(["words"]), json!("all")] {
        for proxy in [&bench.proxy, &other] {
            ask(proxy).await;
            assert!(ask(proxy).await.starts_with("pool-proxy; hit"));
        }
        let request = bench.proxy.request("POST", "/invalidate").bearer(bench.proxy.key());
        request.json(&json!({ "tags": invalidated })).send().await.expect(200);
        assert_eq!(ask(&bench.proxy).await, STORED);
        eventually(|| async { ask(&other).await == STORED }).await;
        // What comes back to the one that was asked is not for it.
        bench.run("UPDATE words SET word = 'seen' WHERE id = 2").await;
        let seen = "SELECT word FROM words WHERE id = 2";
        eventually(|| async { bench.value(seen).await == "seen" }).await;
        assert!(ask(&bench.proxy).await.starts_with("pool-proxy; hit"));
    }
    // While nobody tells it, another proxy's are as old as they are; what it may have missed, it drops.
    let root = bench.root().await;
    ask(&other).await;
    root.batch_execute("SELECT pg_terminate_backend(pid) FROM pg_stat_replication").await.unwrap();
    eventually(|| async { ask(&other).await == STORED }).await;
}

#[tokio::test]
async fn operators_see_how_the_stream_stands() {
    let bench = Bench::after(WORDS).await;
    bench.keep(WORD).await;
    let view = bench.proxy.ops_request("GET", "/cache").send().await.expect(200).body;
    let stream = &view["streams"][0];
    assert_eq!(
        (&stream["database"], &stream["proven"], &stream["relations"]),
        (&json!("default"), &json!(true), &json!(1))
    );
    assert!(stream["age"].as_f64().unwrap() >= 0.0 && stream["dependents"].as_u64().unwrap() >= 1, "{view}");
    let metrics = bench.proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
    assert!(metrics.contains("pool_proxy_change_stream_proven{database=\"default\"} 1"), "{metrics}");
    for name in ["pool_proxy_change_stream_age_seconds", "pool_proxy_change_stream_dependents"] {
        assert!(metrics.contains(&format!("\n{name}{{database=\"default\"}}")), "{name}");
    }
    bench.postgres.go_down(harness::Signal::Interrupt).unwrap();
    eventually(|| async {
        let text = bench.proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
        text.contains("pool_proxy_change_stream_proven{database=\"default\"} 0")
    })
    .await;
}

#[tokio::test]
async fn what_might_have_defined_something_and_has_not_drops_nothing_elsewhere() {
    let bench = Bench::after(&format!(
        "{WORDS}; CREATE TABLE acts (n int); CREATE PROCEDURE act() LANGUAGE sql AS 'INSERT INTO acts VALUES (1)'"
    ))
    .await;
    let other = bench.another().await;
    let read = other.sql_request(&json!({ "query": WORD }));
    eventually_within(Duration::from_secs(10), || async { status(&read.clone().send().await) == HIT }).await;
    for sql in ["CALL act()", "DO $$ BEGIN END $$", "CREATE TEMP TABLE passing (n int)", "ANALYZE words"] {
        let bookmark = bench.ask(sql).await.header("pool-bookmark");
        let read = read.clone().header("pool-bookmark", bookmark);
        // To look may take longer than a request waits for it; but nothing that is known of statements is forgotten.
        eventually_within(Duration::from_secs(10), || async {
            let told = status(&read.clone().send().await);
            assert!(!told.contains("unseen"), "{sql}");
            told == HIT
        })
        .await;
    }
}
