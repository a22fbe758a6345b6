//! Which database a request gets, and whether its key may use it.

use harness::{Answer, Database, Proxy, fresh_database, key_entry};
use serde_json::json;

const ONLY_SECOND: &str = "a key of the second database";
const BOTH: &str = "a key of two databases";
const QUERY: &str = "SELECT current_database() AS name";

struct Two {
    proxy: Proxy,
    first: Database,
    second: Database,
}

async fn two() -> Two {
    let (first, second) = (fresh_database().await, fresh_database().await);
    let config = format!(
        "[databases.second]\nurl = \"{}\"\n[databases.third]\nurl = \"{}\"\n{}{}",
        second.url(),
        first.url(),
        key_entry("one", ONLY_SECOND, "databases = [\"second\"]"),
        key_entry("both", BOTH, "databases = [\"second\", \"default\"]"),
    );
    let proxy = Proxy::builder().database(&first).config(config).start().await;
    Two { proxy, first, second }
}

async fn ask(two: &Two, headers: &[(&str, String)]) -> Answer {
    let request = two.proxy.request("POST", "/sql").json(&json!({ "query": QUERY }));
    headers.iter().fold(request, |request, (name, value)| request.header(name, value)).send().await
}

fn bearer(key: &str) -> (&'static str, String) {
    ("authorization", format!("Bearer {key}"))
}

fn neon(key: &str, path: &str) -> (&'static str, String) {
    ("neon-connection-string", format!("postgresql://anybody:{}@host.example{path}", key.replace(' ', "%20")))
}

fn named(database: &str) -> (&'static str, String) {
    ("pool-database", database.to_owned())
}

#[tokio::test]
async fn the_connection_string_the_header_or_the_key_names_the_database() {
    let two = two().await;
    let full = two.proxy.key();
    let (first, second) = (two.first.name(), two.second.name());
    for (headers, expected) in [
        (vec![bearer(full)], first),
        (vec![bearer(full), named("second")], second),
        (vec![bearer(full), named("third")], first),
        (vec![bearer(full), neon("not a key at all", "/second")], second),
        (vec![neon(full, "")], first),
        (vec![neon(full, "/")], first),
        (vec![neon(full, "/default")], first),
        (vec![neon(full, "/second?sslmode=require&options=x")], second),
        (vec![neon(full, "/second"), named("default")], second),
        (vec![neon(full, ""), named("second")], second),
        (vec![bearer(ONLY_SECOND)], second),
        (vec![neon(ONLY_SECOND, "")], second),
        (vec![neon(ONLY_SECOND, "/second")], second),
        (vec![bearer(BOTH)], first),
        (vec![bearer(BOTH), named("second")], second),
    ] {
        let answer = ask(&two, &headers).await;
        assert_eq!(answer.status, 200, "{headers:?}: {}", answer.text);
        assert_eq!(answer.body["rows"], json!([{ "name": expected }]), "{headers:?}");
    }
}

#[tokio::test]
async fn an_unknown_database_is_404_and_a_forbidden_one_403() {
    let two = two().await;
    let full = two.proxy.key();
    for (headers, status) in [
        (vec![bearer(full), named("nowhere")], 404),
        (vec![neon(full, "/nowhere")], 404),
        (vec![neon(full, "/postgres")], 404),
        (vec![bearer(ONLY_SECOND), named("nowhere")], 404),
        (vec![bearer(ONLY_SECOND), named("default")], 403),
        (vec![neon(ONLY_SECOND, "/default")], 403),
        (vec![neon(ONLY_SECOND, "/third")], 403),
        (vec![bearer(BOTH), named("third")], 403),
        // Without a key nothing is told of databases.
        (vec![named("nowhere")], 401),
        (vec![bearer("a key that is wrong"), named("nowhere")], 401),
        (vec![neon("a key that is wrong", "/nowhere")], 401),
    ] {
        let answer = ask(&two, &headers).await;
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.text);
        assert!(answer.body["message"].is_string(), "{}", answer.text);
    }
}
