//! Applying: from nothing, again, with others, and after somebody has mended what failed.

use std::time::Duration;

use edge_migrations::{MigrationError, Migrator, Report, State};
use futures_util::future::join_all;
use harness::{Postgres, eventually, fresh_database};

use super::{apply, migrated, tables, value};

const FILES: [&str; 2] = ["V1__users.sql", "V2__posts.sql"];
const TABLES: &str = "posts refinery_schema_history users";

/// The lock that a run holds.
const LOCK: &str = "SELECT pg_advisory_lock(x'6d69677261746500'::bigint)";

#[tokio::test]
async fn a_fresh_database_gets_every_file_in_order_and_no_file_twice() {
    let database = fresh_database().await;
    let standing = edge_migrations::status(&database.url()).await.unwrap();
    assert_eq!(standing.iter().map(|status| &*status.file).collect::<Vec<_>>(), FILES);
    assert!(standing.iter().all(|status| status.state == State::Pending), "{standing:?}");
    assert_eq!(tables(&database).await, "", "asking made a table");

    let first = edge_migrations::apply(&database.url()).await.unwrap();
    assert_eq!(first, Report { applied: FILES.map(str::to_owned).to_vec(), before: 0 });
    assert_eq!(tables(&database).await, TABLES);
    let again = edge_migrations::apply(&database.url()).await.unwrap();
    assert_eq!(again, Report { applied: vec![], before: 2 });

    let standing = edge_migrations::status(&database.url()).await.unwrap();
    assert!(standing.iter().all(|status| matches!(status.state, State::Applied(_))), "{standing:?}");
}

#[tokio::test]
async fn a_run_applies_only_what_is_new() {
    let database = fresh_database().await;
    let files = [("V1__a.sql", "CREATE TABLE a ()"), ("V2__b.sql", "CREATE TABLE b ()")];
    assert_eq!(apply(&database, &files[..1]).await.unwrap().applied, ["V1__a.sql"]);
    assert_eq!(apply(&database, &files).await.unwrap(), Report { applied: vec!["V2__b.sql".to_owned()], before: 1 });
    assert_eq!(tables(&database).await, "a b refinery_schema_history");
}

#[tokio::test]
async fn of_many_runs_at_once_one_applies_and_the_others_find_it_done() {
    let database = fresh_database().await;
    let url = database.url();
    let reports = join_all((0..8).map(|_| edge_migrations::apply(&url))).await;
    let reports: Vec<Report> = reports.into_iter().map(Result::unwrap).collect();
    let applied: Vec<&Report> = reports.iter().filter(|report| !report.applied.is_empty()).collect();
    assert_eq!(applied.len(), 1, "{reports:?}");
    assert_eq!(applied[0].applied, FILES);
    assert_eq!(value(&database, "SELECT count(*)::text FROM refinery_schema_history").await, "2");
}

#[tokio::test]
async fn a_run_waits_for_another_and_says_so() {
    let database = fresh_database().await;
    let other = database.client().await;
    other.batch_execute(LOCK).await.unwrap();
    let (say, mut said) = tokio::sync::mpsc::unbounded_channel();
    let migrator = Migrator::new(&database.url(), None).unwrap();
    let run = tokio::spawn(async move {
        let mut progress = |step: &str| say.send(step.to_owned()).unwrap();
        migrator.apply(&mut progress).await
    });
    assert_eq!(said.recv().await.unwrap(), "waiting for another migration to end");
    assert_eq!(tables(&database).await, "");
    drop(other);
    assert_eq!(run.await.unwrap().unwrap().applied, FILES);
    assert_eq!(said.recv().await.unwrap(), "applying V1__users.sql");
}

#[tokio::test]
async fn a_run_gives_up_when_the_other_does_not_end() {
    let database = fresh_database().await;
    let other = database.client().await;
    other.batch_execute(LOCK).await.unwrap();
    let migrator = Migrator::new(&database.url(), None).unwrap().with_patience(Duration::ZERO);
    let error = migrator.apply(&mut |_| {}).await.unwrap_err();
    assert!(matches!(error, MigrationError::Busy(0)), "{error}");
    assert_eq!(tables(&database).await, "");
}

#[tokio::test]
async fn a_run_leaves_no_session_and_no_lock() {
    let database = migrated().await;
    let _failed = apply(&database, &[("V1__nonsense.sql", "NONSENSE")]).await.unwrap_err();
    let sessions = "SELECT count(*)::text FROM pg_stat_activity \
        WHERE datname = current_database() AND application_name = 'edge-migrations'";
    eventually(|| async { value(&database, sessions).await == "0" }).await;
    let free = "SELECT pg_try_advisory_lock(x'6d69677261746500'::bigint)::text";
    assert_eq!(value(&database, free).await, "true");
}

#[tokio::test]
async fn each_schema_of_a_url_has_tables_and_a_history_of_its_own() {
    let database = migrated().await;
    database.batch("CREATE SCHEMA \"second blog\"").await;
    let url = format!("{}?schema=second%20blog&sslmode=prefer&connect_timeout=20", database.url());
    assert_eq!(edge_migrations::apply(&url).await.unwrap().applied, FILES);
    assert_eq!(edge_migrations::apply(&url).await.unwrap().before, 2);
    let query = "SELECT count(*)::text FROM pg_tables WHERE schemaname = 'second blog'";
    assert_eq!(value(&database, query).await, "3");
}

#[tokio::test]
async fn a_unix_socket_will_do() {
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    let folder = postgres.socket_dir().display().to_string().replace('/', "%2F");
    let (password, port) = (postgres.password(), postgres.port());
    let url = format!("postgres://postgres:{password}@{folder}:{port}/postgres?application_name=mine");
    assert_eq!(edge_migrations::apply(&url).await.unwrap().applied, FILES);
}
