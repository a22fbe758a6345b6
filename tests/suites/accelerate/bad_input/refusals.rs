//! Who may not ask, and where there is nothing to ask.

use harness::{Proxy, Request, fresh_database, key_entry};
use serde_json::json;

use super::{Door, raw, refused};

const UNIT: &str = r#"{"operation":"x","plan":{"type":"unit"},"params":{}}"#;

const DOORS: &[(&str, &str, &str)] = &[
    ("GET", "/connection-info", ""),
    ("POST", "/query", UNIT),
    ("POST", "/transaction/start", r#"{"maxWait":1000,"timeout":1000}"#),
    ("POST", "/transaction/nope/query", UNIT),
    ("POST", "/transaction/nope/commit", ""),
    ("POST", "/transaction/nope/rollback", ""),
];

fn json_request(proxy: &Proxy, method: &str, path: &str, body: &'static str) -> Request {
    proxy.request(method, path).header("content-type", "application/json").body(body)
}

#[tokio::test]
async fn without_a_key_that_holds_the_answer_is_p6002() {
    let door = Door::open().await;
    let proxy = &door.served.proxy;
    proxy.request("GET", "/health").send().await.expect(200);
    for (method, path, body) in DOORS {
        let plain = json_request(proxy, method, path, body);
        let requests = [
            plain.clone(),
            plain.clone().bearer("wrong"),
            plain.clone().bearer(""),
            plain.clone().bearer(format!("{}x", proxy.key())),
            plain.clone().bearer("x".repeat(5000)),
            plain.clone().bearer("eyJhbGciOiJub25lIn0.e30."),
            plain.clone().header("authorization", format!("Basic {}", proxy.key())),
            plain.header("authorization", proxy.key()),
        ];
        for request in requests {
            let answer = request.send().await.expect(401);
            refused(&answer, path);
            assert_eq!(answer.body["code"], "P6002", "{path}: {}", answer.text);
            assert!(!answer.text.contains(proxy.key()));
        }
    }
    // The body of whoever is not known is not looked at.
    for body in ["", "{", UNIT] {
        json_request(proxy, "POST", "/query", body).bearer("wrong").send().await.expect(401);
    }
    assert!(!proxy.stderr().contains(proxy.key()));
    door.check().await;
}

#[tokio::test]
async fn what_a_key_may_not_do_is_refused() {
    let config = [
        key_entry("elsewhere", "secret-of-elsewhere-0001", "databases = [\"other\"]"),
        key_entry("reads", "secret-of-a-reader-00001", "read_only = true"),
        key_entry("seldom", "secret-of-who-asks-seldom", "rate = \"1/h\""),
    ];
    let other = fresh_database().await;
    let config = format!("{}\n[databases.other]\nurl = \"{}\"\n", config.concat(), other.url());
    let door = Door::with(|proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "3")).await;
    let proxy = &door.served.proxy;
    let unknown = json_request(proxy, "POST", "/query", UNIT).bearer(proxy.key()).header("pool-database", "nope");
    refused(&unknown.send().await.expect(404), "an unknown database");
    let elsewhere = json_request(proxy, "POST", "/query", UNIT).bearer("secret-of-elsewhere-0001");
    refused(&elsewhere.clone().header("pool-database", "default").send().await.expect(403), "another's database");
    elsewhere.send().await.expect(200);
    let read = |plan: serde_json::Value| {
        let body = json!({ "operation": "queryRaw", "plan": plan, "params": {} }).to_string();
        let asked = proxy.request("POST", "/query").bearer("secret-of-a-reader-00001");
        asked.header("content-type", "application/json").body(body).send()
    };
    read(raw("SELECT count(*) FROM \"User\"")).await.expect(200);
    for sql in [
        "DELETE FROM \"User\"",
        "WITH d AS (DELETE FROM \"User\" RETURNING *) SELECT * FROM d",
        "COMMIT; DELETE FROM \"User\"",
        "SET TRANSACTION READ WRITE",
        "DROP TABLE \"User\"",
        "SELECT lo_create(0)",
    ] {
        refused(&read(raw(sql)).await, sql);
        let execute =
            json!({ "type": "execute", "args": { "type": "rawSql", "sql": sql, "args": [], "argTypes": [] } });
        refused(&read(execute.clone()).await, sql);
        let inside = json!({ "type": "transaction", "args": { "type": "seq", "args": [raw("SELECT 1"), execute] } });
        refused(&read(inside).await, sql);
    }
    assert_eq!(door.served.postgres("SELECT count(*) FROM \"User\"").await, "2");
    let seldom = json_request(proxy, "POST", "/query", UNIT).bearer("secret-of-who-asks-seldom");
    let mut answer = seldom.clone().send().await;
    for _ in 0..5 {
        answer = seldom.clone().send().await;
    }
    let answer = answer.expect(429);
    refused(&answer, "too often");
    assert_eq!(answer.body["code"], "P5011", "{}", answer.text);
}

#[tokio::test]
async fn where_nothing_is_the_answer_is_json() {
    let door = Door::open().await;
    let proxy = &door.served.proxy;
    for (method, path) in [
        ("GET", "/query"),
        ("PUT", "/query"),
        ("DELETE", "/query"),
        ("POST", "/query/"),
        ("POST", "/query/more"),
        ("POST", "/QUERY"),
        ("GET", "/transaction/start"),
        ("GET", "/transaction/nope/commit"),
        ("POST", "/transaction"),
        ("POST", "/transaction/nope/close"),
        ("POST", "/connection-info"),
        ("GET", "/connection-info/"),
        ("GET", "/invalidate"),
    ] {
        let answer = json_request(proxy, method, path, "").bearer(proxy.key()).send().await;
        assert!([404, 405].contains(&answer.status.as_u16()), "{} {method} {path}", answer.status);
        assert!(answer.body.is_object(), "{method} {path}: {}", answer.text);
    }
    door.check().await;
}

/// Clients before 6.16, and others without the client engine, ask for what only Prisma's own engine can do.
#[tokio::test]
async fn old_clients_are_told_which_line_to_write() {
    let door = Door::open().await;
    let proxy = &door.served.proxy;
    let hash = "5c6d3b4f".repeat(8);
    for (method, path, body) in [
        ("PUT", format!("/5.22.0/{hash}/schema"), "c2NoZW1h"),
        ("POST", format!("/5.22.0/{hash}/graphql"), r#"{"modelName":"User","action":"findMany","query":{}}"#),
        ("POST", format!("/6.19.0/{hash}/graphql"), "{}"),
        ("POST", format!("/5.22.0/{hash}/transaction/start"), "{}"),
        ("POST", format!("/5.22.0/{hash}/itx/some/graphql"), "{}"),
        ("POST", format!("/5.22.0/{hash}/itx/some/commit"), "{}"),
    ] {
        let answer = json_request(proxy, method, &path, body).bearer(proxy.key()).send().await;
        refused(&answer, &path);
        let error = answer.body["error"].as_str().unwrap_or_default();
        assert!(error.contains("engineType = \"client\"") && error.contains("6.16"), "{path}: {error}");
    }
    door.check().await;
}

/// Clients ask for it once, at their start: it is no matter of the database.
#[tokio::test]
async fn connection_info_needs_no_database() {
    let proxy = Proxy::builder().database_url("postgres://postgres@127.0.0.1:1/none").start().await;
    let asked = proxy.request("GET", "/connection-info").bearer(proxy.key());
    let answer = asked.send().await.expect(200);
    assert_eq!(answer.body["provider"], "postgres");
    assert_eq!(answer.body["connectionInfo"]["supportsRelationJoins"], true);
    assert!(answer.header("content-type").starts_with("application/json"));
    let down = json_request(&proxy, "POST", "/query", UNIT_QUERY).bearer(proxy.key()).send().await;
    assert!(down.status.is_client_error() || down.status == 503, "{} {}", down.status, down.text);
    assert!(down.body["error"].is_string(), "{}", down.text);
    assert!(["P1001", "P6008", "P2024"].contains(&down.body["code"].as_str().unwrap_or_default()), "{}", down.text);
    assert!(!proxy.stderr().contains("panicked"), "{}", proxy.stderr());
}

const UNIT_QUERY: &str = r#"{"operation":"x","plan":{"type":"query","args":{"type":"rawSql","sql":"SELECT 1","args":[],"argTypes":[]}},"params":{}}"#;
