//! Prepared statements: the proxy's own stay usable whatever users do to them, and users' own leave nothing.

use serde_json::json;

use super::served::Served;

#[tokio::test]
async fn deallocating_everything_breaks_nothing() {
    let served = Served::on_one_connection(
        "CREATE TABLE t (a int); INSERT INTO t VALUES (1);
         CREATE FUNCTION sly() RETURNS int LANGUAGE plpgsql AS 'BEGIN EXECUTE ''DEALLOCATE ALL''; RETURN 1; END'",
    )
    .await;
    for loss in [
        "DEALLOCATE ALL",
        "DISCARD ALL",
        "DISCARD PLANS",
        "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$",
        "SELECT sly()",
    ] {
        for time in 1..=3 {
            for _ in 0..2 {
                assert_eq!(served.value("SELECT a FROM t").await, 1, "{loss}, time {time}");
                let results = served.run_batch(&["SELECT a FROM t", "SELECT a + 1 AS b FROM t"]).await;
                assert_eq!(results[1]["rows"], json!([{ "b": 2 }]), "{loss}, time {time}");
            }
            served.run(loss).await;
        }
        assert_eq!(served.value("SELECT a FROM t").await, 1, "{loss}");
    }
}

#[tokio::test]
async fn types_are_still_looked_up_after_deallocating() {
    let served = Served::on_one_connection("").await;
    for (number, loss) in
        ["DEALLOCATE ALL", "DISCARD ALL", "DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$"].iter().enumerate()
    {
        for time in 0..3 {
            let name = format!("mood_{number}_{time}");
            let types = format!("CREATE TYPE {name} AS ENUM ('fine'); CREATE TYPE {name}_pair AS (a {name}, b int)");
            served.database.batch(&types).await;
            assert_eq!(served.value(&format!("SELECT 'fine'::{name}")).await, "fine", "after {loss}");
            assert_eq!(served.value(&format!("SELECT ROW('fine', 1)::{name}_pair")).await, "(fine,1)", "after {loss}");
            served.run(loss).await;
        }
    }
}

#[tokio::test]
async fn a_batch_may_deallocate_in_its_middle() {
    let served = Served::on_one_connection("CREATE TABLE t (a int)").await;
    let queries = ["INSERT INTO t VALUES (1)", "DEALLOCATE ALL", "SELECT count(*) AS n FROM t"];
    for time in 1..=4 {
        let answer = served.ask_batch(&queries).await;
        assert_eq!(answer.status, 200, "time {time}: {}", answer.text);
        assert_eq!(answer.body["results"][2]["rows"], json!([{ "n": time.to_string() }]), "time {time}");
    }
}

#[tokio::test]
async fn a_users_prepare_leaves_nothing() {
    let served = Served::on_one_connection("").await;
    for _ in 0..3 {
        served.run("PREPARE mine AS SELECT 1").await;
        assert_eq!(served.ask("EXECUTE mine").await.expect(400).body["code"], "26000");
        let results = served.run_batch(&["PREPARE mine(int) AS SELECT $1 + 1 AS v", "EXECUTE mine(6)"]).await;
        assert_eq!(results[1]["rows"], json!([{ "v": 7 }]));
        assert_eq!(served.value("SELECT count(*) FROM pg_prepared_statements WHERE name = 'mine'").await, "0");
    }
}

#[tokio::test]
async fn a_user_may_take_names_the_proxy_would_take() {
    let served = Served::on_one_connection("").await;
    let names: Vec<String> = (0..60).map(|number| format!("PREPARE s{number} AS SELECT 1")).collect();
    for name in &names {
        // A name that the proxy has taken itself may be refused; the proxy may not stumble.
        let answer = served.ask(name).await;
        assert!(answer.status == 200 || answer.body["code"] == "42P05", "{name}: {}", answer.text);
        assert_eq!(served.value(&format!("SELECT '{name}'")).await, name.as_str());
    }
    let taken = "DO $$ BEGIN FOR n IN 0..200 LOOP BEGIN EXECUTE format('PREPARE s%s AS SELECT 1', n); \
                 EXCEPTION WHEN duplicate_prepared_statement THEN END; END LOOP; END $$";
    // Whoever does that finds the names taken in the same transaction, too; nobody else does.
    let answer = served.ask_batch(&[taken, "SELECT 41 AS v", "SELECT 42 AS v"]).await;
    assert!(answer.status == 200 || answer.body["code"] == "42P05", "{}", answer.text);
    assert_eq!(served.value("SELECT 43").await, 43);
    let results = served.run_batch(&["SELECT 41 AS v", "SELECT 44 AS v"]).await;
    assert_eq!(results[1]["rows"], json!([{ "v": 44 }]));
}

#[tokio::test]
async fn a_procedure_that_has_committed_is_not_run_again() {
    let served = Served::on_one_connection(
        "CREATE TABLE t (a int);
         CREATE PROCEDURE twice(code text) LANGUAGE plpgsql AS $$
         BEGIN INSERT INTO t VALUES (1); COMMIT; RAISE 'broken' USING ERRCODE = code; END $$",
    )
    .await;
    for (runs, code) in (1..).zip(["26000", "42P05", "0A000", "26000"]) {
        let refused = served.ask(&format!("CALL twice('{code}')")).await.expect(400);
        assert_eq!(refused.body["code"], code);
        assert_eq!(served.value("SELECT count(*) FROM t").await, runs.to_string(), "after {code}");
    }
}

#[tokio::test]
async fn only_so_many_stay_prepared_the_latest() {
    let served = Served::on_one_connection("").await;
    for number in 0..400 {
        assert_eq!(served.value(&format!("SELECT {number}")).await, number);
    }
    let count = served.value("SELECT count(*)::int FROM pg_prepared_statements").await.as_i64().unwrap();
    // 256 of the clients', and a few of the proxy's own.
    assert!((200..=270).contains(&count), "{count} prepared statements");
    for (query, there) in [("SELECT 0", 0), ("SELECT 100", 0), ("SELECT 399", 1)] {
        let count = format!("SELECT count(*)::int FROM pg_prepared_statements WHERE statement = '{query}'");
        assert_eq!(served.value(&count).await, there, "{query}");
    }
    // What is prepared anew is so once.
    for _ in 0..3 {
        assert_eq!(served.value("SELECT 0").await, 0);
    }
    let count = "SELECT count(*)::int FROM pg_prepared_statements WHERE statement = 'SELECT 0'";
    assert_eq!(served.value(count).await, 1);
}
