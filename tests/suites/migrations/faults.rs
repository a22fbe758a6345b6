//! What goes wrong is named, undone and repeats no secret.

use edge_migrations::{MigrationError, Migrator, State};
use harness::{Database, fresh_database};

use super::{apply, migrated, tables, value};

/// Nothing that a URL holds may be said.
#[track_caller]
fn check_says(error: &MigrationError, database: &Database, words: &[&str]) {
    let (shown, debug) = (error.to_string(), format!("{error:?}"));
    for word in words {
        assert!(shown.contains(word), "no `{word}` in: {shown}");
    }
    let url = database.url();
    let password = url.split(['/', ':', '@']).nth(4).unwrap();
    assert!(password.len() > 16, "this is no password: {password}");
    for text in [shown, debug] {
        assert!(!text.contains(password) && !text.contains("postgres://"), "{text}");
    }
}

#[tokio::test]
async fn a_failed_file_leaves_nothing_and_is_named_and_the_next_run_goes_on_there() {
    let database = fresh_database().await;
    let first = ("V1__a.sql", "CREATE TABLE a ();");
    let broken = ("V2__b.sql", "CREATE TABLE b (id int);\nINSERT INTO b VALUES (1);\n-- ä\n  SELECT nothing FROM b;");
    let error = apply(&database, &[first, broken, ("V3__c.sql", "CREATE TABLE c ();")]).await.unwrap_err();
    let words = ["V2__b.sql, line 4: ", "column \"nothing\" does not exist", "(SQLSTATE 42703)", "nothing of it"];
    check_says(&error, &database, &words);
    assert_eq!(error.code(), Some("42703"));
    assert_eq!(tables(&database).await, "a refinery_schema_history");
    assert_eq!(value(&database, "SELECT string_agg(name, ' ') FROM refinery_schema_history").await, "a");

    let mended = ("V2__b.sql", "CREATE TABLE b (id int);");
    let report = apply(&database, &[first, mended, ("V3__c.sql", "CREATE TABLE c ();")]).await.unwrap();
    assert_eq!((report.applied.join(" "), report.before), ("V2__b.sql V3__c.sql".to_owned(), 1));
}

#[tokio::test]
async fn a_row_that_is_refused_is_not_quoted() {
    let database = migrated().await;
    database.batch("INSERT INTO users (email, name, password_hash) VALUES ('ada@example.com', 'Ada', '$')").await;
    let refused = "ALTER TABLE users ADD CONSTRAINT no_ada CHECK (name <> 'Ada')";
    let files = [("V1__users.sql", refused)];
    database.batch("DELETE FROM refinery_schema_history").await;
    let error = apply(&database, &files).await.unwrap_err();
    check_says(&error, &database, &["V1__users.sql: ", "no_ada", "23514"]);
    assert!(!error.to_string().contains("ada@example.com"), "{error}");
}

#[tokio::test]
async fn a_constraint_checked_at_the_commit_fails_the_file_all_the_same() {
    let database = fresh_database().await;
    let sql = "CREATE TABLE a (id int PRIMARY KEY);
        CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);
        INSERT INTO b VALUES (1);";
    let error = apply(&database, &[("V1__late.sql", sql)]).await.unwrap_err();
    check_says(&error, &database, &["V1__late.sql: ", "23503"]);
    assert_eq!(tables(&database).await, "refinery_schema_history");
}

#[tokio::test]
async fn a_file_that_ends_its_transaction_is_refused() {
    let database = fresh_database().await;
    for end in ["COMMIT", "ROLLBACK"] {
        let sql = format!("CREATE TABLE a (); {end}");
        let error = apply(&database, &[("V1__own.sql", &sql)]).await.unwrap_err();
        check_says(&error, &database, &["V1__own.sql ends its transaction"]);
        let applied = edge_migrations::status(&database.url()).await.unwrap();
        assert!(applied.iter().all(|status| status.state == State::Pending), "{applied:?}");
        database.batch("DROP TABLE IF EXISTS a").await;
    }
}

#[tokio::test]
async fn a_file_that_has_changed_since_is_refused_before_anything_is_applied() {
    let database = fresh_database().await;
    apply(&database, &[("V1__a.sql", "CREATE TABLE a ()")]).await.unwrap();
    for changed in [("V1__a.sql", "CREATE TABLE a (id int)"), ("V1__other.sql", "CREATE TABLE a ()")] {
        let files = [changed, ("V2__b.sql", "CREATE TABLE b ()")];
        let error = apply(&database, &files).await.unwrap_err();
        assert!(matches!(&error, MigrationError::Changed(file) if file == changed.0), "{error}");
        check_says(&error, &database, &["has changed since it was applied"]);
        let migrator = Migrator::new(&database.url(), None).unwrap().with_files(&files).unwrap();
        let standing = migrator.status().await.unwrap();
        assert!(matches!(standing[0].state, State::Changed(_)), "{standing:?}");
    }
    assert_eq!(tables(&database).await, "a refinery_schema_history");
}

#[tokio::test]
async fn a_database_that_is_newer_than_the_program_is_left_alone() {
    let database = fresh_database().await;
    let files = [("V1__a.sql", "CREATE TABLE a ()"), ("V2__b.sql", "CREATE TABLE b ()")];
    apply(&database, &files).await.unwrap();
    let error = apply(&database, &files[..1]).await.unwrap_err();
    assert!(matches!(&error, MigrationError::Unknown(file) if file == "V2__b.sql"), "{error}");
}

#[tokio::test]
async fn a_file_that_comes_too_late_is_refused() {
    let database = fresh_database().await;
    let files = [("V1__a.sql", "CREATE TABLE a ()"), ("V2__b.sql", "CREATE TABLE b ()")];
    apply(&database, &files[1..]).await.unwrap();
    let error = apply(&database, &files).await.unwrap_err();
    assert!(matches!(&error, MigrationError::Late(file) if file == "V1__a.sql"), "{error}");
    assert_eq!(tables(&database).await, "b refinery_schema_history");
}

#[tokio::test]
async fn a_history_that_somebody_else_wrote_is_no_panic() {
    let database = migrated().await;
    for change in ["checksum = 'none'", "checksum = NULL", "applied_on = 'yesterday'", "name = NULL"] {
        database.batch(&format!("UPDATE refinery_schema_history SET {change} WHERE version = 1")).await;
        let error = edge_migrations::apply(&database.url()).await.unwrap_err();
        assert!(matches!(error, MigrationError::History), "{change}: {error}");
        assert!(edge_migrations::status(&database.url()).await.is_err(), "{change}");
    }
}

#[tokio::test]
async fn a_lock_held_by_others_is_not_waited_for_long() {
    let database = fresh_database().await;
    apply(&database, &[("V1__a.sql", "CREATE TABLE a ()")]).await.unwrap();
    let other = database.client().await;
    other.batch_execute("BEGIN; LOCK TABLE a IN ACCESS SHARE MODE").await.unwrap();
    let sql = "SET LOCAL lock_timeout = '10ms'; ALTER TABLE a ADD b int";
    let error = apply(&database, &[("V1__a.sql", "CREATE TABLE a ()"), ("V2__b.sql", sql)]).await.unwrap_err();
    check_says(&error, &database, &["V2__b.sql", "(SQLSTATE 55P03); somebody uses the table"]);
    // Without a word of the file's own.
    let sql = "DO $$ BEGIN ASSERT current_setting('lock_timeout') = '5s', 'no limit'; END $$";
    apply(&database, &[("V1__a.sql", "CREATE TABLE a ()"), ("V2__b.sql", sql)]).await.unwrap();
}

#[tokio::test]
async fn a_role_without_rights_is_told_which_it_needs() {
    let database = fresh_database().await;
    let role = format!("{}_poor", database.name());
    database.batch(&format!("CREATE ROLE {role} LOGIN PASSWORD 'a-password-of-its-own'")).await;
    let url = database.url_as(&role, "a-password-of-its-own");
    let on_empty = edge_migrations::apply(&url).await.unwrap_err();
    edge_migrations::apply(&database.url()).await.unwrap();
    let on_migrated = edge_migrations::apply(&url).await.unwrap_err();
    let on_status = edge_migrations::status(&url).await.unwrap_err();
    database.batch(&format!("DROP ROLE {role}")).await;
    for error in [on_empty, on_migrated, on_status] {
        assert_eq!(error.code(), Some("42501"), "{error}");
        check_says(&error, &database, &["permission denied", "the role that owns the tables"]);
        assert!(!error.to_string().contains("a-password"), "{error}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_not_repeated() {
    let database = fresh_database().await;
    let error = edge_migrations::apply(&database.url_as("postgres", "geheim")).await.unwrap_err();
    assert_eq!(error.code(), Some("28P01"), "{error}");
    check_says(&error, &database, &["the database cannot be reached: authentication"]);
    assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
}

#[tokio::test]
async fn a_poolers_url_and_what_is_no_url_are_refused_before_anything_is_reached() {
    for (url, word) in [
        ("postgres://app:geheim@db.invalid:6543/app", "port 6543"),
        ("postgres://app:geheim@ep-blue-1-pooler.db.invalid/app", "-pooler"),
        ("postgres://app:geheim@db.invalid/app?pgbouncer=true", "pgbouncer=true"),
        ("mysql://app:geheim@db.invalid/app", "postgres://"),
        ("postgres://app:geheim@db.invalid/app?sslmode=geheim", "sslmode"),
        ("", "postgres://"),
    ] {
        let error = edge_migrations::apply(url).await.unwrap_err();
        assert!(error.is_usage() && error.to_string().contains(word), "{error}");
        assert!(!format!("{error} {error:?}").contains("geheim"), "{error:?}");
    }
}

#[tokio::test]
async fn an_index_that_was_not_finished_is_seen_as_the_page_says() {
    let page = include_str!("../../../edge-api/migrations/README.md");
    let look = page.lines().find(|line| line.contains("WHERE NOT indisvalid")).unwrap().trim();
    let shown = format!(
        "SELECT coalesce(string_agg(indexrelid, ' '), 'nothing') FROM ({}) AS shown",
        look.trim_end_matches(';')
    );
    let shown = shown.replace("indexrelid::regclass", "indexrelid::regclass::text");
    let database = migrated().await;
    database
        .batch(
            "INSERT INTO users (email, name, password_hash)
             VALUES ('ada@example.com', 'Ada', '$'), ('also@example.com', 'Ada', '$')",
        )
        .await;
    assert_eq!(value(&database, &shown).await, "nothing");
    let build = "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS users_by_name ON users (name)";
    database.client().await.batch_execute(build).await.unwrap_err();
    database.batch("DELETE FROM users WHERE email = 'also@example.com'").await;
    // It passes for one that exists.
    database.batch(build).await;
    assert_eq!(value(&database, &shown).await, "users_by_name");
    database.batch("DROP INDEX CONCURRENTLY users_by_name").await;
    database.batch(build).await;
    assert_eq!(value(&database, &shown).await, "nothing");
}
