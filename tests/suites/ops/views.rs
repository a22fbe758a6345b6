//! The operators' listener: is it well, and what does it hold.

use harness::{Proxy, eventually, fresh_database};
use serde_json::json;

const TOKEN: &str = "operators-token-0001";

#[tokio::test]
async fn both_listeners_say_that_the_process_serves() {
    let proxy = Proxy::builder().database_url("postgres://nobody@127.0.0.1:1/none").start().await;
    for method in ["GET", "HEAD"] {
        for request in [proxy.request(method, "/health"), proxy.ops_request(method, "/health")] {
            let answer = request.send().await.expect(200);
            assert_eq!(answer.text, if method == "GET" { "{\"status\":\"ok\"}" } else { "" });
            assert_ne!(answer.header("x-request-id"), "");
        }
    }
}

#[tokio::test]
async fn ready_means_that_a_connection_can_be_had() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    let answer = proxy.ops_request("GET", "/ready").send().await.expect(200);
    assert_eq!(answer.body, json!({ "ready": true, "databases": { "default": "ok" } }));
}

#[tokio::test]
async fn ready_tells_which_database_is_out_of_reach_and_why() {
    let database = fresh_database().await;
    let missing = database.url().replace(database.name(), "nowhere");
    let stranger = database.url_as("nobody_here", "wrong");
    let config = format!(
        "[databases.closed]\nurl = \"postgres://x:y@127.0.0.1:1/z\"\n[databases.missing]\nurl = \"{missing}\"\n\
         [databases.stranger]\nurl = \"{stranger}\"\n[databases.unknown]\nurl = \"postgres://x:y@no-such-host.invalid/z\"\n"
    );
    let proxy = Proxy::builder().database(&database).config(config).start().await;
    let answer = proxy.ops_request("GET", "/ready").send().await.expect(503);
    assert_eq!(answer.body["ready"], false);
    let said = |name: &str| answer.body["databases"][name].as_str().unwrap_or_default().to_owned();
    assert_eq!(said("default"), "ok");
    for (name, stage) in [("closed", "TCP"), ("missing", "startup"), ("stranger", "authentication")] {
        assert!(said(name).contains(stage), "{name}: {}", said(name));
    }
    // A resolver may take longer to say no than readiness waits.
    let unknown = said("unknown");
    assert!(["DNS", "in time"].iter().any(|word| unknown.contains(word)), "{unknown}");
    for secret in ["wrong", "nobody_here", "no-such-host"] {
        assert!(!answer.text.contains(secret), "{secret} in {}", answer.text);
    }
}

#[tokio::test]
async fn ready_follows_a_database_that_goes_and_comes_back() {
    let database = fresh_database().await;
    let elsewhere = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    let ready = async || proxy.ops_request("GET", "/ready").send().await.status.as_u16();
    assert_eq!(ready().await, 200);
    let allow = |allowed: bool| format!("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {allowed}", database.name());
    let end = format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}'", database.name());
    elsewhere.batch(&allow(false)).await;
    elsewhere.batch(&end).await;
    eventually(|| async { ready().await == 503 }).await;
    elsewhere.batch(&allow(true)).await;
    eventually(|| async { ready().await == 200 }).await;
}

#[tokio::test]
async fn a_pool_that_is_all_at_work_is_ready() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).env("POOL_PROXY_POOL_MAX", "1").start().await;
    let busy = tokio::spawn(proxy.sql_request(&json!({ "query": "SELECT pg_sleep(4)" })).send());
    super::asleep(&database, 1).await;
    proxy.ops_request("GET", "/ready").send().await.expect(200);
    busy.await.unwrap().expect(200);
}

#[tokio::test]
async fn pools_show_who_works_and_who_waits() {
    let database = fresh_database().await;
    let settings = [("POOL_PROXY_POOL_MAX", "1"), ("POOL_PROXY_POOL_MIN_IDLE", "1")];
    let builder = Proxy::builder().database(&database).config("[limits]\nqueue = \"60s\"");
    let proxy = settings.iter().fold(builder, |builder, (name, value)| builder.env(name, value)).start().await;
    let pool = async || proxy.ops_request("GET", "/pools").send().await.expect(200).body["pools"][0].clone();
    let state = |idle: u32, active: u32, waiting: u32| json!({ "database": "default", "idle": idle, "active": active, "max": 1, "waiting": waiting, "transactions": 0 });
    eventually(|| async { pool().await == state(1, 0, 0) }).await;
    let slow = proxy.sql_request(&json!({ "query": "SELECT pg_sleep(2)" }));
    let sent: Vec<_> = (0..3).map(|_| tokio::spawn(slow.clone().send())).collect();
    eventually(|| async { pool().await == state(0, 1, 2) }).await;
    for task in sent {
        task.await.unwrap().expect(200);
    }
    eventually(|| async { pool().await == state(1, 0, 0) }).await;
}

#[tokio::test]
async fn the_views_are_not_for_clients() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    for path in ["/metrics", "/pools", "/cache", "/ready"] {
        proxy.request("GET", path).bearer(proxy.key()).send().await.expect(404);
        proxy.ops_request("GET", path).send().await.expect(200);
        let answer = proxy.ops_request("POST", path).send().await.expect(405);
        assert!(answer.header("allow").contains("GET"), "{path}");
    }
    for path in ["/", "/sql", "/invalidate", "/metrics/"] {
        proxy.ops_request("POST", path).send().await.expect(404);
    }
}

#[tokio::test]
async fn a_configured_token_is_asked_for() {
    let database = fresh_database().await;
    let by_file = Proxy::builder().database(&database).config(format!("[ops]\ntoken = \"{TOKEN}\"")).start().await;
    let by_variable = Proxy::builder().database(&database).env("POOL_PROXY_OPS_TOKEN", TOKEN).start().await;
    for proxy in [by_file, by_variable] {
        proxy.ops_request("GET", "/health").send().await.expect(200);
        for path in ["/ready", "/metrics", "/pools", "/cache"] {
            proxy.ops_request("GET", path).send().await.expect(401);
            proxy.ops_request("GET", path).bearer("operators-token-0002").send().await.expect(401);
            proxy.ops_request("GET", path).bearer(proxy.key()).send().await.expect(401);
            proxy.ops_request("GET", path).bearer("").send().await.expect(401);
            proxy.ops_request("GET", path).bearer(TOKEN).send().await.expect(200);
        }
        // It is no key.
        proxy.request("POST", "/sql").bearer(TOKEN).json(&json!({ "query": "SELECT 1" })).send().await.expect(401);
    }
}
