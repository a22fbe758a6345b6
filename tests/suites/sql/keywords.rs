//! What would end its own transaction, or wait for data that cannot come, is refused by its first word.

use super::served::Served;

const REFUSED: &[&str] = &[
    "BEGIN",
    "begin read only",
    "START TRANSACTION",
    "COMMIT",
    "commit and chain",
    "COMMIT;",
    "END",
    "END WORK",
    "ABORT",
    "ROLLBACK",
    "ROLLBACK AND CHAIN",
    "ROLLBACK TRANSACTION",
    "PREPARE TRANSACTION 'x'",
    "COMMIT PREPARED 'x'",
    "ROLLBACK PREPARED 'x'",
    "COPY t TO STDOUT",
    "COPY t FROM STDIN",
    "copy (SELECT 1) to stdout",
    "COPY t FROM PROGRAM 'true'",
    "/* a */ COMMIT",
    "-- a\nCOMMIT",
    "/* a /* nested */ */ -- b\r\n ; ; COPY t FROM STDIN",
    " \t\n\x0c BEGIN",
    "PREPARE /* a */ TRANSACTION 'x'",
    "ROLLBACK -- to\n WORK",
];

#[tokio::test]
async fn refused_in_every_disguise() {
    let served = Served::on_one_connection("CREATE TABLE t (a int)").await;
    for query in REFUSED {
        for _ in 0..2 {
            let refused = served.ask(query).await;
            assert_eq!(refused.status, 400, "{query}: {}", refused.text);
            for queries in [[*query, "INSERT INTO t VALUES (1)"], ["INSERT INTO t VALUES (1)", *query]] {
                let refused = served.ask_batch(&queries).await;
                assert_eq!(refused.status, 400, "{queries:?}: {}", refused.text);
            }
        }
        assert_eq!(served.value("SELECT count(*) FROM t").await, "0", "{query}");
    }
}

#[tokio::test]
async fn words_that_only_look_like_it_are_not_refused() {
    let served = Served::after("CREATE TABLE commit_log (a int); CREATE TABLE t (copy int)").await;
    for query in
        ["SELECT * FROM commit_log", "SELECT copy FROM t", "SELECT 'COMMIT' -- COMMIT", "/* COMMIT */ SELECT 1"]
    {
        served.run(query).await;
    }
    for release in ["ROLLBACK TO s", "ROLLBACK TO SAVEPOINT s", "rollback transaction to savepoint s", "RELEASE s"] {
        served.run_batch(&["SAVEPOINT s", release]).await;
    }
}

#[tokio::test]
async fn a_copy_hidden_where_no_first_word_shows_it_does_not_hang_the_connection() {
    let served = Served::on_one_connection("CREATE TABLE t (a int)").await;
    for query in [
        "DO $$ BEGIN EXECUTE 'COPY t FROM STDIN'; END $$",
        "DO $$ BEGIN EXECUTE 'COPY t TO STDOUT'; END $$",
        "EXPLAIN ANALYZE COPY t FROM STDIN",
        "PREPARE p AS COPY t FROM STDIN",
    ] {
        served.ask(query).await.expect(400);
        assert_eq!(served.value("SELECT 1").await, 1, "{query}");
    }
}
