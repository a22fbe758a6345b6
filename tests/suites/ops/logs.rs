//! Logs: lines that people or machines read, with the ids of requests and without their secrets.

use harness::{Database, Proxy, eventually, fresh_database};
use serde_json::{Value, json};

/// Requests of several fates, each with an id of its own.
const IDS: &[(&str, u16)] = &[("fine", 200), ("refused", 400), ("stranger", 401), ("late", 504)];

async fn served(database: &Database, log: &str) -> Proxy {
    let proxy = Proxy::builder()
        .database(database)
        .env("POOL_PROXY_LOG", log)
        .env("POOL_PROXY_REGION", "fra-1")
        .config("[limits]\nquery = \"1s\"")
        .start()
        .await;
    let sql = |query: &str, id: &str| {
        let body = json!({ "query": query, "params": ["swordfish"] });
        proxy.request("POST", "/sql").header("x-request-id", id).json(&body)
    };
    let key = proxy.key();
    sql("SELECT $1::text, 'herring'", "fine").bearer(key).send().await.expect(200);
    sql("SELECT $1::int, 'herring'", "refused").bearer(key).send().await.expect(400);
    sql("SELECT $1::text", "stranger").bearer("mackerel-mackerel").send().await.expect(401);
    sql("SELECT $1::text, pg_sleep(5), 'herring'", "late").bearer(key).send().await.expect(504);
    proxy
}

#[tokio::test]
async fn json_logs_have_one_object_a_line_with_the_id_of_the_request() {
    let database = fresh_database().await;
    let proxy = served(&database, "json,debug").await;
    let lines = || -> Vec<Value> {
        let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"));
        proxy.stderr().lines().map(parse).collect()
    };
    for (id, status) in IDS {
        let line = eventually(|| async {
            let found = |line: &Value| line["request_id"] == *id && line["status"] == *status;
            lines().into_iter().find(found).ok_or_else(|| format!("{id} in {:#?}", lines()))
        })
        .await;
        assert_eq!(line["route"], "sql");
        assert_eq!(line["region"], "fra-1", "{line}");
        assert!(line["timestamp"].is_string() && line["level"].is_string() && line["message"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn text_logs_name_the_request_too() {
    let database = fresh_database().await;
    let proxy = served(&database, "text,debug").await;
    for (id, _) in IDS {
        let plain = format!("request_id={id}");
        let quoted = format!("request_id=\"{id}\"");
        eventually(|| async {
            let log = proxy.stderr();
            let found = |line: &str| (line.contains(&plain) || line.contains(&quoted)) && line.contains("fra-1");
            if log.lines().any(found) { Ok(()) } else { Err(log) }
        })
        .await;
    }
    // A file is no terminal.
    assert!(!proxy.stderr().contains('\u{1b}'));
}

#[tokio::test]
async fn no_level_lets_a_secret_into_the_logs() {
    let database = fresh_database().await;
    for log in ["json,trace", "text,trace"] {
        let mut proxy = served(&database, log).await;
        proxy.signal(harness::Signal::Hangup);
        eventually(|| async { proxy.stderr().contains("taken up") }).await;
        let url = database.url();
        let password = url.split([':', '@']).nth(2).unwrap();
        for secret in [proxy.key(), password, "swordfish", "herring", "mackerel"] {
            assert!(!proxy.stderr().contains(secret), "{secret} in\n{}", proxy.stderr());
        }
    }
}

#[tokio::test]
async fn a_filter_keeps_the_rest_out() {
    let database = fresh_database().await;
    let proxy = served(&database, "json,error").await;
    assert_eq!(proxy.stderr(), "");
}
