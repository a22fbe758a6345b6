//! What Postgres refuses, as the questions an error answers.

use std::time::Duration;

use pool_client::{Error, Isolation, sql};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};

use super::bench::{Bench, client};

const SETUP: &str = "CREATE TABLE users (id int PRIMARY KEY, email text CONSTRAINT one_email UNIQUE NOT NULL);
    CREATE TABLE posts (user_id int REFERENCES users, stars int CONSTRAINT few CHECK (stars < 6));
    INSERT INTO users VALUES (1, 'a@example.com')";

async fn refused(bench: &Bench, statement: &str) -> Error {
    bench.client.query(statement).execute().await.unwrap_err()
}

#[tokio::test]
async fn constraints_answer_by_kind_and_name() {
    let bench = Bench::after(SETUP).await;
    let unique = refused(&bench, "INSERT INTO users VALUES (2, 'a@example.com')").await;
    assert!(unique.is_unique_violation() && !unique.is_retryable() && !unique.outcome_unknown());
    assert_eq!(
        (unique.constraint(), unique.sqlstate(), unique.status()),
        (Some("one_email"), Some("23505"), Some(400))
    );
    let database = unique.database().unwrap();
    assert_eq!((database.table.as_deref(), database.schema.as_deref()), (Some("users"), Some("public")));
    assert!(database.detail.as_ref().is_some_and(|detail| detail.contains("a@example.com")));
    assert!(!format!("{unique} {unique:?} {database:?}").contains("a@example.com"));
    assert!(refused(&bench, "INSERT INTO posts VALUES (9, 1)").await.is_foreign_key_violation());
    let check = refused(&bench, "INSERT INTO posts VALUES (1, 6)").await;
    assert!(check.is_check_violation() && check.constraint() == Some("few"));
    assert!(refused(&bench, "INSERT INTO users VALUES (3, NULL)").await.is_not_null_violation());
    let syntax = refused(&bench, "SELEC 1").await;
    assert_eq!(syntax.database().and_then(|error| error.position), Some(1));
    assert!(syntax.message().contains("SELEC"), "{syntax}");
    assert!(syntax.to_string().contains("SQLSTATE 42601") && syntax.to_string().contains("character 1"), "{syntax}");
    assert!(unique.to_string().contains("constraint \"one_email\", table \"public\".\"users\""), "{unique}");
}

#[tokio::test]
async fn a_refused_value_is_not_in_the_words_for_logs() {
    let bench = Bench::after("").await;
    let raise = "CREATE FUNCTION refuse(a text) RETURNS int LANGUAGE plpgsql AS
        $$ BEGIN RAISE EXCEPTION 'there is % already', a USING ERRCODE = 'unique_violation'; END $$";
    bench.client.query(raise).execute().await.unwrap();
    for (statement, sqlstate) in [
        ("SELECT $1::int", "22P02"),
        ("SELECT $1::regclass", "42P01"),
        ("SELECT $1::regtype", "42704"),
        ("SELECT ($1 || '()')::regprocedure", "42883"),
        ("SELECT refuse($1)", "23505"),
    ] {
        let error = bench.client.query(statement).bind("hunter2").execute().await.unwrap_err();
        assert_eq!(error.sqlstate(), Some(sqlstate), "{}", error.message());
        assert!(error.message().contains("hunter2"), "{}", error.message());
        let words = format!("{error} {error:?} {:?}", error.database());
        assert!(!words.contains("hunter2") && words.contains(sqlstate), "{words}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_was_not_reached() {
    // Bound, so that nobody else gets it, and not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    let error = client(&url, "key").with_retries(1).query("DELETE FROM t").execute().await.unwrap_err();
    assert!(error.is_unavailable() && error.is_retryable() && !error.outcome_unknown(), "{error}");
    assert_eq!(error.status(), None);
    assert!(client(&url, "key").with_retries(0).health().await.is_err());
}

#[tokio::test]
async fn somebody_else_at_the_address_is_told_apart() {
    let bench = Bench::after("").await;
    // The operators' listener knows no such path.
    let error = client(bench.served.proxy.ops_url(), "key").query("SELECT 1").execute().await.unwrap_err();
    assert_eq!(error.status(), Some(404), "{error}");
}

/// Answers one request with this status and a page, as a gateway does.
async fn gateway(status: u16) -> (String, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"}") {
            assert_ne!(peer.read_buf(&mut asked).await.unwrap(), 0, "the request has no end");
        }
        let answer = format!(
            "HTTP/1.1 {status} No\r\nlocation: https://b.test/\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>"
        );
        peer.write_all(answer.as_bytes()).await.unwrap();
    });
    (url, answering)
}

#[tokio::test]
async fn a_redirect_and_a_gateway_are_told_by_their_status() {
    for (status, unavailable, timeout) in
        [(301, false, false), (308, false, false), (522, true, true), (530, true, false)]
    {
        let (url, answering) = gateway(status).await;
        let error = client(&url, "key").query("DELETE FROM t").execute().await.unwrap_err();
        assert_eq!((error.status(), error.is_foreign()), (Some(status), true), "{error}");
        assert_eq!((error.is_unavailable(), error.is_timeout()), (unavailable, timeout), "{error}");
        assert_eq!(error.outcome_unknown(), unavailable, "{error}");
        answering.await.unwrap();
    }
}

/// Both read what the other writes: one of them has to go back, and does so by itself.
#[tokio::test]
async fn serialization_failures_are_repeated() {
    let bench = Bench::after("CREATE TABLE counts (n int); INSERT INTO counts VALUES (0)").await;
    let client = bench.client.with_retries(20).with_deadline(Duration::from_mins(1));
    let calls = (0..8).map(|_| {
        let batch = client.batch().isolation(Isolation::Serializable);
        let batch = batch.add("SELECT n FROM counts").add("SELECT pg_sleep(0.02)");
        batch.add(sql("UPDATE counts SET n = n + $1").bind(1)).run()
    });
    for outcome in futures_util::future::join_all(calls).await {
        outcome.unwrap();
    }
    assert_eq!(client.query_scalar::<i32>("SELECT n FROM counts").one().await.unwrap(), 8);
    let failed = client.with_retries(0);
    let failed =
        failed.query("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '40001'; END $$").execute().await.unwrap_err();
    assert!(failed.is_serialization_failure() && !failed.is_retryable(), "a DO block may have committed before");
}
