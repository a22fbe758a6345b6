//! The `edge-migrations` program: its words and its exit codes.

use std::path::PathBuf;
use std::process::{Command, Output};

use harness::{fresh_database, target_dir};

use super::{apply, migrated};
use crate::config::printed;

/// One call, with nothing of the developer's environment.
fn run(arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    let given = std::env::var_os("EDGE_MIGRATIONS_BIN").map(PathBuf::from);
    let binary = given.unwrap_or_else(|| target_dir().join("debug/edge-migrations"));
    let mut command = Command::new(&binary);
    command.env_clear().args(arguments).envs(variables.iter().copied());
    command.output().unwrap_or_else(|error| {
        panic!(
            "{}: {error}: run `cargo build -p edge-migrations`, or all tests with `cargo xtask test`",
            binary.display()
        )
    })
}

#[track_caller]
fn check(answer: &Output, code: i32, out: &str, error: &str) {
    let (said, complained) = printed(answer);
    assert_eq!((answer.status.code(), &*said), (Some(code), out), "{complained}");
    assert!(if error.is_empty() { complained.is_empty() } else { complained.contains(error) }, "{complained}");
    assert!(!complained.contains("geheim") && !complained.contains("postgres:"), "{complained}");
}

#[tokio::test]
async fn it_applies_and_tells_how_the_files_stand() {
    let database = fresh_database().await;
    let url = database.url();
    let variables = [("DATABASE_URL", &*url)];
    check(&run(&["--status"], &variables), 0, "V1__users.sql  pending\nV2__posts.sql  pending\n", "");
    let applied = "applying V1__users.sql\napplying V2__posts.sql\napplied 2 of 2 migrations\n";
    check(&run(&[], &variables), 0, applied, "");
    check(&run(&[], &variables), 0, "nothing to do: all 2 migrations are applied\n", "");
    // The command line goes before the environment.
    let given = run(&["--url", &url, "--status"], &[("DATABASE_URL", "postgres://app:geheim@127.0.0.1:1/app")]);
    let (said, _) = printed(&given);
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    let [first, second] = &*lines else { panic!("{said}") };
    assert_eq!((&first[..2], &second[..2]), (&["V1__users.sql", "applied"][..], &["V2__posts.sql", "applied"][..]));
    let moment = first[2];
    assert!(moment.len() == 20 && moment.ends_with('Z'), "{said}");
}

#[tokio::test]
async fn what_runs_and_finds_a_fault_ends_with_1() {
    let database = fresh_database().await;
    apply(&database, &[("V1__other.sql", "SELECT 1"), ("V3__later.sql", "SELECT 1")]).await.unwrap();
    let url = database.url();
    let variables = [("DATABASE_URL", &*url)];
    check(&run(&[], &variables), 1, "", "error: V1__users.sql has changed since it was applied");
    let standing = run(&["--status"], &variables);
    let (said, _) = printed(&standing);
    assert_eq!(standing.status.code(), Some(1), "{said}");
    for (line, word) in said.lines().zip(["CHANGED", "LATE", "UNKNOWN"]) {
        assert!(line.contains(word), "{said}");
    }
    assert_eq!(said.lines().count(), 3, "{said}");
    let nobody = [("DATABASE_URL", "postgres://app:geheim@127.0.0.1:1/app")];
    check(&run(&[], &nobody), 1, "", "error: the database cannot be reached: TCP");
}

#[tokio::test]
async fn what_is_asked_in_a_wrong_way_ends_with_2() {
    check(&run(&[], &[]), 2, "", "error: DATABASE_URL is not set");
    for (url, word) in [
        ("postgres://app:geheim@db.invalid:6543/app", "transaction pooler (port 6543)"),
        ("mysql://app:geheim@db.invalid/app", "a connection URL starts with"),
        ("postgres://app:geheim@db.invalid/app?sslmode=verify-full&sslrootcert=/nowhere", "/nowhere cannot be read"),
    ] {
        // A scheme is named, not the URL.
        let answer = run(&["--status"], &[("DATABASE_URL", url)]);
        let (said, complained) = printed(&answer);
        assert_eq!((answer.status.code(), &*said), (Some(2), ""), "{complained}");
        assert!(complained.contains(word) && !complained.contains("geheim"), "{complained}");
    }
    let root = [("DATABASE_URL", "postgres://a@b/c"), ("POOL_PROXY_DB_ROOT_CERT", "-----BEGIN geheim")];
    check(&run(&[], &root), 2, "", "the root certificate holds no PEM certificate");
    assert_eq!(run(&["--nonsense"], &[("DATABASE_URL", "")]).status.code(), Some(2));
}

#[tokio::test]
async fn its_help_shows_no_url() {
    let database = migrated().await;
    let url = database.url();
    let help = run(&["--help"], &[("DATABASE_URL", &url), ("POOL_PROXY_DB_ROOT_CERT", "geheim")]);
    let (said, _) = printed(&help);
    assert!(said.contains("--status") && !said.contains(&url) && !said.contains("geheim"), "{said}");
}
