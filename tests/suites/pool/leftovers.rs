//! State of a session that no RESET knows: it must not be found either.

use serde_json::json;

use crate::sql::served::Served;

#[tokio::test]
async fn a_seed_is_not_left_for_the_next_request() {
    let served = Served::on_one_connection(
        "CREATE FUNCTION seeds() RETURNS void LANGUAGE plpgsql AS 'BEGIN PERFORM setseed(0.5); END'",
    )
    .await;
    for seed in ["SELECT setseed(0.5)", "SELECT seeds()", "SET seed = 0.5", "DO $$ BEGIN PERFORM setseed(0.5); END $$"]
    {
        let mut seen = Vec::new();
        for time in 1..=4 {
            served.run(seed).await;
            let number = served.value("SELECT random()").await;
            assert!(!seen.contains(&number), "{seed} foretells what is random, time {time}");
            seen.push(number);
        }
    }
    for _ in 0..3 {
        let results = served.run_batch(&["SELECT setseed(0.5)", "SELECT random() AS r"]).await;
        let again = served.run_batch(&["SELECT setseed(0.5)", "SELECT random() AS r"]).await;
        assert_eq!(results[1]["rows"], again[1]["rows"], "in its own request a seed works");
    }
}

#[tokio::test]
async fn what_a_sequence_gave_one_request_is_not_told_to_the_next() {
    let served = Served::on_one_connection("CREATE SEQUENCE numbers; CREATE TABLE t (id serial, a int)").await;
    let asks = ["SELECT currval('numbers')", "SELECT lastval()", "SELECT currval('t_id_seq')"];
    for gives in ["SELECT nextval('numbers')", "INSERT INTO t (a) VALUES (1)", "SELECT setval('numbers', 50)"] {
        for time in 1..=4 {
            served.run(gives).await;
            for ask in asks {
                let refused = served.ask(ask).await;
                assert_eq!(refused.status, 400, "{gives}, then {ask}, time {time}: {}", refused.text);
                assert_eq!(refused.body["code"], "55000", "{gives}, then {ask}, time {time}");
            }
            let refused = served.ask_batch(&["SELECT 1", "SELECT lastval()"]).await;
            assert_eq!(refused.status, 400, "{gives}, then a batch, time {time}: {}", refused.text);
            // Within a request it works.
            let results = served.run_batch(&["SELECT setval('numbers', 7)", "SELECT currval('numbers') AS v"]).await;
            assert_eq!(results[1]["rows"], json!([{ "v": "7" }]), "time {time}");
            let own = served.run_batch(&["INSERT INTO t (a) VALUES (2)", "SELECT lastval() > 0 AS ok"]).await;
            assert_eq!(own[1]["rows"], json!([{ "ok": true }]), "time {time}");
        }
    }
}

#[tokio::test]
async fn a_connection_opened_by_dblink_is_not_left_for_the_next_request() {
    let served = Served::on_one_connection("").await;
    if served.ask("CREATE EXTENSION dblink").await.status != 200 {
        return; // A Postgres without contrib.
    }
    let url = served.database.url();
    let connect = json!({ "query": "SELECT dblink_connect('mine', $1)", "params": [url] });
    for time in 1..=3 {
        let answer = served.proxy.sql(connect.clone()).await;
        assert_eq!(answer.status, 200, "time {time}: {}", answer.text);
        assert_eq!(served.value("SELECT coalesce(dblink_get_connections()::text, '')").await, "", "time {time}");
    }
}

#[tokio::test]
async fn a_transaction_that_a_function_left_its_mark_on_is_over() {
    let served = Served::on_one_connection("CREATE TABLE t (a int)").await;
    for query in ["SELECT set_config('transaction_read_only', 'on', false)", "SET TRANSACTION READ ONLY"] {
        for _ in 0..3 {
            served.run(query).await;
            served.run("INSERT INTO t VALUES (1)").await;
        }
    }
    assert_eq!(served.value("SELECT count(*) FROM t").await, "6");
}
