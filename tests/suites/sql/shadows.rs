//! A new relation that stands before another of its name: what was prepared for the other must not be used any more.

use serde_json::json;

use super::served::Served;

/// What makes a `t` in the schema that is searched first; its only row has `b` = 2.
const MADE: &[&str] = &[
    "CREATE VIEW first.t AS SELECT 2 AS b",
    "CREATE TABLE first.t AS SELECT 2 AS b",
    "CREATE TABLE IF NOT EXISTS first.t (b) AS VALUES (2)",
    "SELECT 2 AS b INTO first.t",
    "WITH x AS (SELECT 2 AS b) SELECT b INTO TABLE first.t FROM x",
    "CREATE MATERIALIZED VIEW first.t AS SELECT 2 AS b",
    "EXPLAIN ANALYZE CREATE TABLE first.t AS SELECT 2 AS b",
    "DO $$ BEGIN CREATE TABLE first.t AS SELECT 2 AS b; END $$",
];

const SETUP: &str = "
CREATE TABLE t (b int);
INSERT INTO t VALUES (1);
CREATE SCHEMA first;
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET search_path = first, public', current_database()); END $$;
";

/// Past the proxy, and then something through it that it counts as a change of the schema.
async fn put_back(served: &Served, made: &str) {
    let kind = match made {
        made if made.contains("MATERIALIZED") => "MATERIALIZED VIEW",
        made if made.contains("VIEW") => "VIEW",
        _ => "TABLE",
    };
    served.run(&format!("DROP {kind} first.t")).await;
}

#[tokio::test]
async fn a_new_relation_is_read_at_once() {
    let served = Served::on_one_connection(SETUP).await;
    let query = "SELECT b FROM t";
    for made in MADE {
        for _ in 0..3 {
            assert_eq!(served.value(query).await, 1, "before {made}");
        }
        served.run(made).await;
        assert_eq!(served.value(query).await, 2, "after {made}");
        put_back(&served, made).await;
    }
}

#[tokio::test]
async fn a_new_relation_is_read_at_once_on_every_connection() {
    let served = Served::after(SETUP).await;
    let query = json!({ "query": "SELECT b, pg_sleep(0.02) FROM t" });
    let everywhere = async |wanted: i32, when: &str| {
        // More at once than one connection could serve.
        let asked: Vec<_> = (0..8).map(|_| served.proxy.sql_request(&query).send()).collect();
        for answer in futures_util::future::join_all(asked).await {
            assert_eq!(answer.expect(200).body["rows"][0]["b"], wanted, "{when}");
        }
    };
    for made in &MADE[1..4] {
        for _ in 0..2 {
            everywhere(1, made).await;
        }
        served.run(made).await;
        everywhere(2, made).await;
        put_back(&served, made).await;
    }
}

#[tokio::test]
async fn a_batch_reads_what_it_has_made() {
    let served = Served::on_one_connection(SETUP).await;
    let query = "SELECT b FROM t";
    for made in MADE {
        for time in 1..=3 {
            for _ in 0..2 {
                assert_eq!(served.value(query).await, 1, "before {made}");
            }
            let results = served.run_batch(&[query, made, query, query]).await;
            assert_eq!(results[0]["rows"], json!([{ "b": 1 }]), "before {made}, time {time}");
            assert_eq!(results[2]["rows"], json!([{ "b": 2 }]), "after {made}, time {time}");
            assert_eq!(results[3]["rows"], json!([{ "b": 2 }]), "after {made}, time {time}");
            put_back(&served, made).await;
        }
    }
}

#[tokio::test]
async fn a_temporary_table_stands_before_all_others_in_its_batch() {
    let served = Served::on_one_connection(SETUP).await;
    let query = "SELECT b FROM t";
    // Nothing below the bound is inserted.
    let insert = |bound: i32| json!({ "query": "INSERT INTO t SELECT 7 WHERE 7 > $1::int", "params": [bound] });
    for made in [
        "CREATE TEMP TABLE t (b int)",
        "CREATE TEMP TABLE t AS SELECT 9 AS b WHERE false",
        "SELECT 9 AS b INTO TEMP t WHERE false",
    ] {
        for time in 1..=4 {
            // Prepared for the permanent table.
            for _ in 0..2 {
                assert_eq!(served.value(query).await, 1, "before {made}, time {time}");
                served.proxy.sql(insert(100)).await.expect(200);
            }
            let queries = json!({ "queries": [{ "query": made }, insert(0), { "query": query }] });
            let answer = served.proxy.sql(queries).await.expect(200);
            assert_eq!(answer.body["results"][2]["rows"], json!([{ "b": 7 }]), "{made}, time {time}");
        }
    }
    assert_eq!(served.value("SELECT count(*) FROM t").await, "1");
}

/// What changes no schema costs nobody a statement that is prepared.
#[tokio::test]
async fn commands_of_a_session_leave_statements_prepared() {
    let served = Served::on_one_connection(SETUP).await;
    let since = "SELECT count(*), max(prepare_time) FROM pg_prepared_statements WHERE statement = 'SELECT b FROM t'";
    let commands = [
        "SAVEPOINT s",
        "RELEASE s",
        "LOCK TABLE t IN ACCESS SHARE MODE",
        "NOTIFY somebody",
        "SET LOCAL x.y = '1'",
        "SHOW x.y",
    ];
    served.value("SELECT b FROM t").await;
    let before = served.run(since).await["rows"].clone();
    assert_eq!(before[0]["count"], "1");
    for _ in 0..3 {
        served.run_batch(&commands).await;
        served.value("SELECT b FROM t").await;
        assert_eq!(served.run(since).await["rows"], before);
    }
}

/// A FETCH gives what its cursor gives, whoever opened it, and the next one of that name may have other columns.
#[tokio::test]
async fn a_fetch_has_the_columns_of_its_cursor() {
    let served = Served::on_one_connection(
        "CREATE FUNCTION open_it(n int) RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor := 'c'; BEGIN
         IF n = 1 THEN OPEN c FOR SELECT 1 AS a; ELSE OPEN c FOR SELECT 2 AS x, 'y' AS y; END IF; RETURN c; END $$",
    )
    .await;
    let open = |n: i32| json!({ "query": "SELECT open_it($1)", "params": [n] });
    let declare = |query: &str| json!({ "query": format!("DECLARE c CURSOR FOR {query}") });
    let (one, two) = (json!([{ "a": 1 }]), json!([{ "x": 2, "y": "y" }]));
    for time in 1..=4 {
        for (first, rows) in [
            (open(1), &one),
            (open(2), &two),
            (declare("SELECT 1 AS a"), &one),
            (declare("SELECT 2 AS x, 'y' AS y"), &two),
        ] {
            let queries = json!({ "queries": [first, { "query": "FETCH ALL FROM c" }, { "query": "CLOSE c" }] });
            let answer = served.proxy.sql(queries).await;
            assert_eq!(answer.status, 200, "{first}, time {time}: {}", answer.text);
            assert_eq!(&answer.body["results"][1]["rows"], rows, "{first}, time {time}");
        }
    }
}

/// The same of an EXECUTE.
#[tokio::test]
async fn an_execute_has_the_columns_of_its_statement() {
    let served = Served::on_one_connection("").await;
    for time in 1..=4 {
        for (prepare, rows) in [
            ("PREPARE p AS SELECT 1 AS a", json!([{ "a": 1 }])),
            ("DO $$ BEGIN EXECUTE 'PREPARE p AS SELECT 2 AS x, 3 AS y'; END $$", json!([{ "x": 2, "y": 3 }])),
        ] {
            let results = served.run_batch(&[prepare, "EXECUTE p"]).await;
            assert_eq!(results[1]["rows"], rows, "{prepare}, time {time}");
        }
    }
}
