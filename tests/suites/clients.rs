//! Clients of the Neon contract as their authors ship them, against the real proxy: npm's, which lie in `tests/clients`,
//! and curl.

mod blog;
mod curl;
mod worker;

use std::env;
use std::path::{Path, PathBuf};

use harness::{Database, Proxy, fresh_database, random_hex};
use tokio::process::Command;

pub(crate) use worker::Bundle;

/// No time zone is that of the server, and few are so far from a whole hour.
const TIME_ZONE: &str = "Asia/Kathmandu";

#[tokio::test]
async fn neon_query() {
    node("neon-query.test.mjs").await;
}

#[tokio::test]
async fn neon_types() {
    node("neon-types.test.mjs").await;
}

#[tokio::test]
async fn neon_transactions() {
    node("neon-transactions.test.mjs").await;
}

#[tokio::test]
async fn neon_errors() {
    node("neon-errors.test.mjs").await;
}

#[tokio::test]
async fn neon_schema() {
    node("neon-schema.test.mjs").await;
}

#[tokio::test]
async fn neon_credentials() {
    node("neon-credentials.test.mjs").await;
}

#[tokio::test]
async fn neon_cache() {
    node("neon-cache.test.mjs").await;
}

#[tokio::test]
async fn drizzle() {
    node("drizzle.test.mjs").await;
}

#[tokio::test]
async fn kysely() {
    node("kysely.test.mjs").await;
}

#[tokio::test]
async fn prisma_neon() {
    node("prisma-neon.test.mjs").await;
}

#[tokio::test]
async fn relay() {
    let database = fresh_database().await;
    let proxy = proxy(&database).await;
    let relay = Proxy::builder().relay_to(&proxy).start().await;
    let variables = [("POOL_PROXY_URL", relay.url()), ("POOL_PROXY_TEST_KEY", relay.key())];
    let passed = node_with("relay.test.mjs", &variables).await;
    passed.unwrap_or_else(|said| panic!("{said}\nthe relay:\n{}", relay.stderr()));
}

/// It has a server of its own: what counts is that nobody else is asked.
#[tokio::test]
async fn preload() {
    node_with("preload.test.mjs", &[]).await.unwrap_or_else(|said| panic!("{said}"));
}

#[tokio::test]
async fn fetch() {
    node("fetch.test.mjs").await;
}

/// Runs the tests of a file in `tests/clients` with a proxy and a database of their own; panics with what they print if
/// one fails, is skipped, or there is none.
async fn node(file: &str) {
    let database = fresh_database().await;
    let proxy = proxy(&database).await;
    let variables =
        [("POOL_PROXY_URL", proxy.url()), ("POOL_PROXY_TEST_KEY", proxy.key()), ("DATABASE_URL", &database.url())];
    let passed = node_with(file, &variables).await;
    passed.unwrap_or_else(|said| panic!("{said}\nthe proxy:\n{}", proxy.stderr()));
}

/// Runs the tests of a file in `tests/clients` with these variables; the error is what they print if one fails, is
/// skipped, or there is none.
pub(crate) async fn node_with(file: &str, variables: &[(&str, &str)]) -> Result<(), String> {
    let folder = folder();
    let installed = folder.join("node_modules/.package-lock.json");
    assert!(installed.is_file(), "the clients are not installed: run `npm ci` in {}", folder.display());
    let mut command = Command::new("node");
    command.current_dir(&folder).env_clear().env("TZ", TIME_ZONE);
    command.envs(env::var_os("PATH").map(|path| ("PATH", path)));
    command.envs(variables.iter().copied());
    command.args(["--test", "--test-reporter=spec", file]);
    let output = run(command).await;
    let count = |what: &str| {
        let lines = output.text.lines();
        let number = lines.filter_map(|line| line.strip_prefix(&format!("ℹ {what} "))).next_back();
        number.and_then(|number| number.parse::<u64>().ok())
    };
    let all_passed = output.success && count("pass") == count("tests") && count("pass") > Some(0);
    // Node counts a file without tests as a test that passes, but not as a suite.
    let found = count("suites") > Some(0);
    let failed = output.text.find("failing tests:").map_or(&*output.text, |start| &output.text[start..]);
    if all_passed && found { Ok(()) } else { Err(format!("node --test {file}\n{failed}")) }
}

/// A proxy whose key has every character in it that means something in a URL, and whose limit for queries cannot be
/// taken for the cancelling of one whose client has gone.
pub(crate) async fn proxy(database: &Database) -> Proxy {
    let key = format!("{}:/@%41?#&=+~", random_hex(8));
    Proxy::builder().database(database).key(key).config("[limits]\nquery = \"60s\"\n").start().await
}

/// A key as a part of a URL.
pub(crate) fn encoded(key: &str) -> String {
    key.bytes().fold(String::new(), |text, byte| format!("{text}%{byte:02X}"))
}

/// What a program has printed, on both ways.
pub(crate) struct Printed {
    pub(crate) success: bool,
    pub(crate) text: String,
}

/// Runs a program to its end, which it also has if the test ends before.
pub(crate) async fn run(mut command: Command) -> Printed {
    let name = command.as_std().get_program().to_string_lossy().into_owned();
    let output = command.kill_on_drop(true).output().await;
    let output = output.unwrap_or_else(|error| panic!("`{name}` cannot be run, please install it: {error}"));
    let text = [output.stdout, output.stderr].concat();
    Printed { success: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
}

/// `tests/clients`.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clients")
}
