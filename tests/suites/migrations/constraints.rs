//! What the database enforces by itself, whatever the application forgets: by SQLSTATE and name.

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::migrated;

const ADA: &str = "00000000-0000-4000-8000-000000000001";

/// A person and a post that are as they should be; one value of a case replaces one of these.
const PERSON: [(&str, &str); 3] = [
    ("email", "'ada@example.com'"),
    ("name", "'Ada'"),
    ("password_hash", "'$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA'"),
];
const POST: [(&str, &str); 3] =
    [("author_id", "'00000000-0000-4000-8000-000000000001'"), ("title", "'On keys'"), ("content", "'They lock.'")];

/// Some values, and the refusal they meet.
type Case<'a> = (&'a [(&'a str, &'a str)], Option<(&'a SqlState, &'a str)>);

/// An INSERT of the usual values, those of a case instead or in addition.
fn insert(table: &str, usual: &[(&str, &str)], case: &[(&str, &str)]) -> String {
    let usual = usual.iter().filter(|(name, _)| !case.iter().any(|(other, _)| other == name));
    let all: Vec<_> = usual.chain(case).collect();
    let join = |of: fn(&(&str, &str)) -> String| all.iter().map(|pair| of(pair)).collect::<Vec<_>>().join(", ");
    let (names, values) = (join(|pair| pair.0.to_owned()), join(|pair| pair.1.to_owned()));
    format!("INSERT INTO {table} ({names}) VALUES ({values})")
}

async fn taken(client: &Client, sql: &str) {
    let rows = client.execute(sql, &[]).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    assert_eq!(rows, 1, "{sql}");
}

async fn refused(client: &Client, sql: &str, code: &SqlState, name: &str) {
    let error = client.execute(sql, &[]).await.expect_err(sql);
    let said = error.as_db_error().unwrap_or_else(|| panic!("{sql}: {error}"));
    // A missing value has a column, the rest a constraint.
    let named = said.constraint().or(said.column());
    assert_eq!((said.code(), named), (code, Some(name)), "{sql}: {said}");
}

/// A connection to a database in which Ada is.
async fn with_ada(database: &harness::Database) -> Client {
    let client = database.client().await;
    taken(&client, &insert("users", &PERSON, &[("id", &format!("'{ADA}'"))])).await;
    client
}

#[tokio::test]
async fn a_person_is_as_the_data_model_says() {
    let database = migrated().await;
    let client = with_ada(&database).await;
    for (email, refusal) in [
        ("'b@c'", None),
        ("'b' || repeat('c', 252) || '@'", None),
        ("'ä@example.com'", None),
        // Which letters fold beyond A-Z depends on a locale: left to the application.
        ("'Ä@example.com'", None),
        ("''", Some((&SqlState::CHECK_VIOLATION, "users_email_length"))),
        ("'bc'", Some((&SqlState::CHECK_VIOLATION, "users_email_length"))),
        ("'b' || repeat('c', 253) || '@'", Some((&SqlState::CHECK_VIOLATION, "users_email_length"))),
        ("'Bo@example.com'", Some((&SqlState::CHECK_VIOLATION, "users_email_is_lower_case"))),
        ("'bo@example.coM'", Some((&SqlState::CHECK_VIOLATION, "users_email_is_lower_case"))),
        ("'ada@example.com'", Some((&SqlState::UNIQUE_VIOLATION, "users_email_key"))),
        ("NULL", Some((&SqlState::NOT_NULL_VIOLATION, "email"))),
    ] {
        let sql = insert("users", &PERSON, &[("email", email)]);
        match refusal {
            Some((code, name)) => refused(&client, &sql, code, name).await,
            None => taken(&client, &sql).await,
        }
    }
    let check = &SqlState::CHECK_VIOLATION;
    for (column, value, code, name) in [
        ("name", "''", check, "users_name_length"),
        ("name", "repeat('x', 101)", check, "users_name_length"),
        ("name", "NULL", &SqlState::NOT_NULL_VIOLATION, "name"),
        ("password_hash", "''", check, "users_password_hash_is_phc"),
        ("password_hash", "'correct horse battery staple'", check, "users_password_hash_is_phc"),
        ("password_hash", "NULL", &SqlState::NOT_NULL_VIOLATION, "password_hash"),
        ("created_at", "NULL", &SqlState::NOT_NULL_VIOLATION, "created_at"),
        ("id", "NULL", &SqlState::NOT_NULL_VIOLATION, "id"),
        ("id", "'00000000-0000-4000-8000-000000000001'", &SqlState::UNIQUE_VIOLATION, "users_pkey"),
    ] {
        let sql = insert("users", &PERSON, &[("email", "'new@example.com'"), (column, value)]);
        refused(&client, &sql, code, name).await;
    }
    // In characters, not bytes.
    taken(&client, &insert("users", &PERSON, &[("email", "'e@f'"), ("name", "repeat('🦉', 100)")])).await;
}

#[tokio::test]
async fn a_post_is_as_the_data_model_says() {
    let database = migrated().await;
    let client = with_ada(&database).await;
    taken(&client, &insert("posts", &POST, &[("id", &format!("'{ADA}'"))])).await;
    let check = &SqlState::CHECK_VIOLATION;
    let cases: [Case<'_>; 17] = [
        (&[("title", "repeat('🦉', 200)"), ("content", "repeat('🦉', 100000)")], None),
        (&[("published", "true"), ("published_at", "now()")], None),
        (&[("title", "''")], Some((check, "posts_title_length"))),
        (&[("title", "repeat('x', 201)")], Some((check, "posts_title_length"))),
        (&[("title", "NULL")], Some((&SqlState::NOT_NULL_VIOLATION, "title"))),
        (&[("content", "''")], Some((check, "posts_content_length"))),
        (&[("content", "repeat('x', 100001)")], Some((check, "posts_content_length"))),
        (&[("content", "NULL")], Some((&SqlState::NOT_NULL_VIOLATION, "content"))),
        (&[("published", "true")], Some((check, "posts_published_at_is_set"))),
        (&[("published_at", "now()")], Some((check, "posts_published_at_is_set"))),
        (&[("published", "NULL")], Some((&SqlState::NOT_NULL_VIOLATION, "published"))),
        (&[("author_id", "gen_random_uuid()")], Some((&SqlState::FOREIGN_KEY_VIOLATION, "posts_author_id_fkey"))),
        (&[("author_id", "NULL")], Some((&SqlState::NOT_NULL_VIOLATION, "author_id"))),
        (&[("created_at", "NULL")], Some((&SqlState::NOT_NULL_VIOLATION, "created_at"))),
        (&[("updated_at", "NULL")], Some((&SqlState::NOT_NULL_VIOLATION, "updated_at"))),
        (&[("id", "NULL")], Some((&SqlState::NOT_NULL_VIOLATION, "id"))),
        (&[("id", "'00000000-0000-4000-8000-000000000001'")], Some((&SqlState::UNIQUE_VIOLATION, "posts_pkey"))),
    ];
    for (case, refusal) in cases {
        let sql = insert("posts", &POST, case);
        match refusal {
            Some((code, name)) => refused(&client, &sql, code, name).await,
            None => taken(&client, &sql).await,
        }
    }
    let publish = "UPDATE posts SET published = NOT published";
    refused(&client, publish, check, "posts_published_at_is_set").await;
}

#[tokio::test]
async fn what_nobody_says_has_a_default() {
    let database = migrated().await;
    let client = with_ada(&database).await;
    taken(&client, &insert("posts", &POST, &[])).await;
    let row = "SELECT concat_ws(' ', uuid_send(id) <> uuid_send(author_id), published, published_at IS NULL, \
        created_at = updated_at, created_at > now() - interval '1 hour') FROM posts";
    let told: String = client.query_one(row, &[]).await.unwrap().get(0);
    assert_eq!(told, "t f t t t");
    // Random ids are version 4.
    let version = "SELECT substr(id::text, 15, 1) FROM posts";
    let version: String = client.query_one(version, &[]).await.unwrap().get(0);
    assert_eq!(version, "4");
}

#[tokio::test]
async fn posts_go_with_their_author_and_with_nobody_else() {
    let database = migrated().await;
    let client = with_ada(&database).await;
    let bo = "00000000-0000-4000-8000-000000000002";
    taken(&client, &insert("users", &PERSON, &[("id", &format!("'{bo}'")), ("email", "'bo@example.com'")])).await;
    taken(&client, &insert("posts", &POST, &[])).await;
    taken(&client, &insert("posts", &POST, &[("author_id", &format!("'{bo}'"))])).await;
    let rename = format!("UPDATE users SET id = gen_random_uuid() WHERE id = '{ADA}'");
    refused(&client, &rename, &SqlState::FOREIGN_KEY_VIOLATION, "posts_author_id_fkey").await;
    taken(&client, &format!("DELETE FROM users WHERE id = '{ADA}'")).await;
    let left = client.query("SELECT author_id::text FROM posts", &[]).await.unwrap();
    assert_eq!(left.iter().map(|row| row.get(0)).collect::<Vec<String>>(), [bo]);
}

#[tokio::test]
async fn moments_are_kept_to_the_microsecond() {
    let database = migrated().await;
    let client = with_ada(&database).await;
    let moment = "2025-01-06 08:00:00.123456+00";
    let published = [("published", "true"), ("published_at", &*format!("'{moment}'"))];
    taken(&client, &insert("posts", &POST, &published)).await;
    let kept = "SELECT (published_at AT TIME ZONE 'UTC')::text || '+00' FROM posts";
    let kept: String = client.query_one(kept, &[]).await.unwrap().get(0);
    assert_eq!(kept, moment);
}
