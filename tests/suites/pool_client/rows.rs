//! Rows as structs and tuples; one, at most one, all.

use pool_client::sql;
use serde::Deserialize;

use super::bench::Bench;

const SETUP: &str = "CREATE TABLE users (id int8 PRIMARY KEY, name text NOT NULL, email text);
    INSERT INTO users VALUES (1, 'Ada', 'ada@example.com'), (2, 'Bob', NULL)";

#[derive(Debug, PartialEq, Deserialize)]
struct User {
    id: i64,
    name: String,
    email: Option<String>,
}

#[tokio::test]
async fn rows_become_structs_and_tuples() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let users: Vec<User> = client.query_as("SELECT email, name, id FROM users ORDER BY id").all().await.unwrap();
    let ada = User { id: 1, name: "Ada".to_owned(), email: Some("ada@example.com".to_owned()) };
    let bob = User { id: 2, name: "Bob".to_owned(), email: None };
    assert_eq!(users, [ada, bob]);
    let query = client.query_as::<(i64, String)>("SELECT id, name FROM users WHERE name = $1").bind("Bob");
    assert_eq!(query.one().await.unwrap(), (2, "Bob".to_owned()));
    let names: Vec<String> = client.query_scalar("SELECT name FROM users ORDER BY id").all().await.unwrap();
    assert_eq!(names, ["Ada", "Bob"]);
    let joined = "SELECT a.id, a.name, b.id, b.email FROM users a, users b WHERE a.id = 1 AND b.id = 2";
    let last: User = client.query_as(joined).one().await.unwrap();
    assert_eq!(last, User { id: 2, name: "Ada".to_owned(), email: None });
}

#[tokio::test]
async fn one_is_one_and_optional_at_most_one() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let find = |id: i64| client.query_as::<User>("SELECT * FROM users WHERE id >= $1").bind(id);
    assert_eq!(find(2).one().await.unwrap().name, "Bob");
    assert_eq!(find(2).optional().await.unwrap().map(|user| user.id), Some(2));
    assert_eq!(find(3).optional().await.unwrap(), None);
    let none = find(3).one().await.unwrap_err();
    assert!(none.is_not_found() && none.request_id().is_some());
    let many = find(1).one().await.unwrap_err();
    assert!(many.request_id().is_some() && !many.is_not_found() && many.to_string().contains("2 rows"), "{many}");
    find(1).optional().await.unwrap_err();
    assert_eq!(find(3).all().await.unwrap(), []);
}

#[tokio::test]
async fn a_statement_says_what_it_did() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let statement = sql("INSERT INTO users (id, name) VALUES ($1, $2), ($3, $2)").bind(3).bind("Eve").bind(4);
    let done = client.query(statement).execute().await.unwrap();
    assert_eq!((&*done.command, done.rows_affected), ("INSERT", Some(2)));
    assert!(done.request_id.is_some() && done.server_timing.is_some_and(|timing| timing.contains("database")));
    let done = client.query("UPDATE users SET name = 'x' WHERE id > 100").execute().await.unwrap();
    assert_eq!((&*done.command, done.rows_affected), ("UPDATE", Some(0)));
    let done = client.query("CREATE TABLE t ()").execute().await.unwrap();
    assert_eq!((&*done.command, done.rows_affected), ("CREATE", None));
    let returned = client.query_scalar::<i64>("DELETE FROM users WHERE name = $1 RETURNING id").bind("Eve");
    assert_eq!(returned.all().await.unwrap(), [3, 4]);
}

#[tokio::test]
async fn a_list_is_the_value_of_the_only_column() {
    let Bench { client, served: _served } = Bench::after("CREATE TYPE mood AS ENUM ('sad', 'happy')").await;
    let texts = ["a".to_owned(), "b,c".to_owned()];
    let array = || sql("SELECT $1::text[]").bind(texts.to_vec());
    assert_eq!(client.query_as::<Vec<String>>(array()).one().await.unwrap(), texts);
    let batch = client.batch().add(array()).add("SELECT '\\x0102'::bytea").add("SELECT '[1, 2]'::jsonb");
    let results = batch.add("SELECT '{sad,happy}'::mood[]").add("SELECT 1, 2").run().await.unwrap();
    assert_eq!(results.one::<Vec<String>>(0).unwrap(), texts);
    assert_eq!(results.one::<(Vec<String>,)>(0).unwrap().0, texts);
    assert_eq!(results.one::<Vec<u8>>(1).unwrap(), [1, 2]);
    assert_eq!(results.one::<Vec<i32>>(2).unwrap(), [1, 2]);
    assert_eq!(results.one::<Vec<String>>(3).unwrap(), ["sad", "happy"]);
    assert_eq!(results.one::<Vec<i32>>(4).unwrap(), [1, 2]);
    let text = client.query_as::<Vec<String>>("SELECT 'hunter2'").one().await.unwrap_err();
    assert!(text.to_string().contains("expected a sequence"), "{text}");
}

#[tokio::test]
async fn what_does_not_fit_names_the_column_and_no_value() {
    let Bench { client, served: _served } = Bench::after(SETUP).await;
    let error = client.query_as::<(i64, i64)>("SELECT id, name FROM users").all().await.unwrap_err();
    assert!(error.to_string().starts_with("column \"name\" (text): expected a whole number"), "{error}");
    assert!(!error.outcome_unknown() && !error.is_retryable() && error.request_id().is_some());
    let error = client.query_as::<(i64, String)>("SELECT id, email FROM users ORDER BY id").all().await.unwrap_err();
    assert!(error.to_string().starts_with("column \"email\" (text): NULL"), "{error}");
    let error = client.query_as::<User>("SELECT id FROM users").all().await.unwrap_err();
    assert!(error.to_string().starts_with("there is no column for the field \"name\""), "{error}");
    let error = client.query_scalar::<i16>("SELECT 123456").all().await.unwrap_err();
    assert!(!error.to_string().contains("123456"), "{error}");
}
