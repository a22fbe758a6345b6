//! Limits of time and size: what goes over one ends in Postgres, too.

use serde_json::json;

use super::served::{Served, batch};

async fn limited(limits: &str) -> Served {
    let setup = "CREATE TABLE t (a int); INSERT INTO t VALUES (1)";
    let config = format!("[limits]\n{limits}");
    Served::with(setup, |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await
}

impl Served {
    /// How many of the proxy's sessions do something now whose text holds `mark`.
    async fn running(&self, mark: &str) -> String {
        let own = "backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()";
        self.postgres(&format!(
            "SELECT count(*) FROM pg_stat_activity WHERE {own} AND state <> 'idle' AND query LIKE '%{mark}%'"
        ))
        .await
    }
}

#[tokio::test]
async fn a_query_over_its_time_is_504_and_gone() {
    let served = limited("query = \"1s\"").await;
    for time in 1..=3 {
        for query in ["SELECT pg_sleep(60)", "SELECT count(*) FROM generate_series(1, 1000000000000)"] {
            let answer = served.ask(query).await.expect(504);
            assert!(
                answer.body["message"].as_str().is_some_and(|message| message.contains("1000 ms")),
                "{}",
                answer.text
            );
            assert_eq!(served.running(query).await, "0", "{query}, time {time}");
            assert_eq!(served.value("SELECT 1").await, 1);
        }
    }
}

#[tokio::test]
async fn a_query_that_waits_for_a_lock_is_504_and_gone() {
    let served = limited("query = \"1s\"").await;
    served.value("SELECT a FROM t").await;
    let other = served.database.client().await;
    other.batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await.unwrap();
    for time in 1..=3 {
        for query in ["SELECT a FROM t", "SELECT a AS b FROM t", "UPDATE t SET a = 2"] {
            served.ask(query).await.expect(504);
            assert_eq!(served.running("FROM t").await, "0", "{query}, time {time}");
        }
    }
    other.batch_execute("ROLLBACK").await.unwrap();
    assert_eq!(served.value("SELECT a FROM t").await, 1);
}

#[tokio::test]
async fn a_write_over_its_time_is_undone() {
    let served = limited("query = \"1s\"").await;
    for _ in 0..3 {
        served.ask("INSERT INTO t SELECT 2 FROM pg_sleep(60)").await.expect(504);
        served.ask_batch(&["INSERT INTO t VALUES (2)", "SELECT pg_sleep(60)"]).await.expect(504);
        served
            .ask_batch(&["INSERT INTO t VALUES (2)", "SELECT pg_sleep(60)", "INSERT INTO t VALUES (3)"])
            .await
            .expect(504);
        assert_eq!(served.value("SELECT count(*) FROM t").await, "1");
    }
}

#[tokio::test]
async fn each_statement_of_a_batch_has_its_own_time() {
    let served = limited("query = \"1500ms\"\ntransaction = \"60s\"").await;
    for _ in 0..3 {
        served.run_batch(&["SELECT pg_sleep(0.8)", "SELECT pg_sleep(0.8)", "SELECT pg_sleep(0.8)"]).await;
    }
    served.ask_batch(&["SELECT pg_sleep(0.8)", "SELECT pg_sleep(60)"]).await.expect(504);
    assert_eq!(served.running("pg_sleep").await, "0");
}

#[tokio::test]
async fn a_batch_as_a_whole_has_the_time_of_a_transaction() {
    let served = limited("transaction = \"1s\"").await;
    for _ in 0..2 {
        let slow = ["INSERT INTO t VALUES (2)", "SELECT pg_sleep(0.4)", "SELECT pg_sleep(0.4)", "SELECT pg_sleep(0.4)"];
        served.ask_batch(&slow).await.expect(504);
        assert_eq!(served.value("SELECT count(*) FROM t").await, "1");
    }
}

#[tokio::test]
async fn a_result_over_its_size_is_507_and_its_query_gone() {
    let served = limited("response_bytes = \"100KiB\"").await;
    let flood = "SELECT repeat('x', 1000) AS pad, generate_series(1, 1000000000)";
    for _ in 0..3 {
        let answer = served.ask(flood).await.expect(507);
        assert_eq!(answer.body["committed"], false, "{}", answer.text);
        assert!(answer.body["message"].as_str().is_some_and(|message| message.contains("102400")), "{}", answer.text);
        assert_eq!(served.running("generate_series").await, "0");
        let answer =
            served.ask_batch(&["INSERT INTO t VALUES (2)", flood, "INSERT INTO t VALUES (3)"]).await.expect(507);
        assert_eq!(answer.body["committed"], false, "{}", answer.text);
        assert_eq!(served.value("SELECT count(*) FROM t").await, "1");
    }
}

#[tokio::test]
async fn the_size_is_that_of_the_answer() {
    let served = limited("response_bytes = \"100KiB\"").await;
    let ask = async |bytes: usize| {
        served.proxy.sql(json!({ "query": "SELECT repeat('x', $1) AS v", "params": [bytes] })).await
    };
    let overhead = ask(10).await.expect(200).text.len() - 10;
    assert_eq!(ask(100 * 1024 - overhead).await.expect(200).text.len(), 100 * 1024);
    ask(100 * 1024 + 200).await.expect(507);
    // All results of a batch together.
    let half = "SELECT repeat('x', 60 * 1024)";
    served.ask_batch(&[half]).await.expect(200);
    served.ask_batch(&[half, half]).await.expect(507);
    assert_eq!(served.value("SELECT 1").await, 1);
}

#[tokio::test]
async fn what_was_too_large_to_tell_but_committed_is_told_so() {
    let served = limited("response_bytes = \"20KiB\"").await;
    let insert = "INSERT INTO t SELECT n FROM generate_series(1, 40) n RETURNING repeat('x', 1000)";
    for time in 1..=3 {
        let answer = served.ask(insert).await.expect(507);
        let stored = served.value("SELECT count(*) > 1 FROM t").await;
        assert_eq!(answer.body["committed"], stored, "time {time}: {}", answer.text);
        served.run("DELETE FROM t WHERE a > 1 OR ctid > '(0,1)'").await;
    }
}

#[tokio::test]
async fn a_time_limit_of_the_users_own_is_postgress_error() {
    let served = Served::on_one_connection("").await;
    for _ in 0..3 {
        let refused =
            served.proxy.sql(batch(&["SET LOCAL statement_timeout = '50ms'", "SELECT pg_sleep(60)"])).await.expect(400);
        assert_eq!((&refused.body["code"], &refused.body["queryIndex"]), (&json!("57014"), &json!(1)));
        assert_eq!(served.value("SHOW statement_timeout").await, "0");
    }
}
