//! No parameter, key or password is ever written to a log, however much is logged.

use harness::{Proxy, Wire};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;

use super::served::{Served, batch};

const SETUP: &str = "CREATE TABLE t (a text PRIMARY KEY, n int)";

/// Requests of every outcome, each with secrets in its parameters.
async fn live_through_everything(served: &Served) {
    let ask = async |query: &str, params: serde_json::Value| {
        served.proxy.sql(json!({ "query": query, "params": params })).await;
        served.proxy.sql(json!({ "queries": [{ "query": query, "params": params }, { "query": "SELECT 1" }] })).await;
    };
    for _ in 0..2 {
        ask("SELECT $1::text", json!(["secret-parameter"])).await;
        ask("INSERT INTO t VALUES ($1)", json!(["secret-parameter"])).await;
        ask("SELECT $1::int", json!(["secret-parameter"])).await;
        ask("SELECT $1::text[], $2::jsonb", json!([["secret-parameter"], { "k": "secret-parameter" }])).await;
        ask("SELECT pg_sleep(60), $1::text", json!(["secret-parameter"])).await;
        ask("SELECT repeat($1, 100000)", json!(["secret-parameter"])).await;
        ask("SELECT set_config('app.a', $1, false)", json!(["secret-parameter"])).await;
        ask("SELECT $1::text, $2::text", json!(["secret-parameter"])).await;
    }
    served.ask("DO $$ BEGIN RAISE WARNING 'secret-parameter'; RAISE NOTICE 'secret-parameter'; END $$").await;
    served.ask("SELECT pg_terminate_backend(pg_backend_pid()), 'secret-parameter'").await;
    served.ask("PREPARE p AS SELECT 'secret-parameter'").await;
    served
        .proxy
        .sql_request(&json!(null))
        .body("{\"query\": \"SELECT 1\", \"params\": [\"secret-parameter\"")
        .send()
        .await;
    for key in ["secret-wrong-key", "secret-wrong-key-2"] {
        served.proxy.request("POST", "/sql").bearer(key).json(&batch(&["SELECT 1"])).send().await.expect(401);
        let url = format!("postgres://u:{key}@host/default?secret-wrong-key=1");
        served.proxy.request("POST", "/sql").header("neon-connection-string", url).send().await.expect(401);
    }
    let url = format!("postgres://u:{}@host/default", served.proxy.key());
    let cached = served.proxy.request("POST", "/sql").header("neon-connection-string", url);
    let cached = cached.header("cache-control", "max-age=60").header("cache-tag", "a");
    cached.json(&json!({ "query": "SELECT $1::text", "params": ["secret-parameter"] })).send().await.expect(200);
    over_http2(&served.proxy).await;
}

/// HTTP/2 has its own way to write headers down.
async fn over_http2(proxy: &Proxy) {
    let socket = TokioIo::new(Wire::open(proxy).await.into_socket());
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    tokio::spawn(connection);
    let body = json!({ "query": "SELECT $1::text AS v", "params": ["secret-parameter"] }).to_string();
    let request = hyper::Request::post(format!("{}/sql", proxy.url()))
        .header("authorization", format!("Bearer {}", proxy.key()))
        .header("neon-connection-string", format!("postgres://u:{}@host/default", proxy.key()))
        .body(Full::new(bytes::Bytes::from(body)))
        .unwrap();
    let answer = client.send_request(request).await.unwrap();
    assert_eq!(answer.status(), 200);
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    assert!(body.starts_with(b"{"));
}

#[tokio::test]
async fn logs_tell_no_secret_at_any_level() {
    for log in ["text,debug", "text,trace", "json,trace"] {
        let limits = "[limits]\nquery = \"500ms\"\nresponse_bytes = \"100KiB\"";
        let served = Served::with(SETUP, |proxy| {
            proxy.config(limits).env("POOL_PROXY_LOG", log).env("POOL_PROXY_SLOW_QUERY", "0s")
        })
        .await;
        live_through_everything(&served).await;
        let written = served.proxy.stderr();
        let url = served.database.url();
        let password = url.split([':', '@']).nth(2).unwrap_or_default();
        assert!(password.len() > 7, "the password is found");
        for secret in ["secret-parameter", served.proxy.key(), "secret-wrong-key", password] {
            let line = written.lines().find(|line| line.contains(secret));
            assert_eq!(line, None, "{log}: {secret}");
        }
        // Each statement among it.
        assert!(written.contains("slow statement"), "{log}");
        // It does log something, and says which request it is about.
        let id = served.ask("SELECT 1").await.header("x-request-id");
        assert!(served.proxy.stderr().contains(&id), "{log}: {written}");
    }
}

#[tokio::test]
async fn a_database_that_is_not_there_does_not_tell_its_password() {
    let url = "postgres://someone:secret-password@127.0.0.1:1/nowhere";
    let proxy = Proxy::builder().database_url(url).env("POOL_PROXY_LOG", "text,trace").start().await;
    let answer = proxy.sql(json!({ "query": "SELECT 1" })).await.expect(503);
    assert!(!answer.text.contains("secret-password"), "{}", answer.text);
    for path in ["/ready", "/metrics", "/pools", "/cache"] {
        let answer = proxy.ops_request("GET", path).send().await;
        assert!(!answer.text.contains("secret-password"), "{path}: {}", answer.text);
    }
    assert!(!proxy.stderr().contains("secret-password"), "{}", proxy.stderr());
}
