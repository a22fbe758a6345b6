//! What every answer carries: an id, where it was given, what took how long.

use bytes::Bytes;
use harness::{Answer, Proxy, fresh_database};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::json;
use tokio::net::TcpStream;

/// One answer of each kind: fine, a hit, refused by Postgres, unauthorized, malformed, no such path, wrong method.
async fn answers(proxy: &Proxy) -> Vec<Answer> {
    let sql = |query: &str| proxy.sql_request(&json!({ "query": query }));
    let cached = || sql("SELECT 1").header("cache-control", "max-age=600");
    cached().send().await.expect(200);
    let requests = [
        (sql("SELECT 1"), 200),
        (cached(), 200),
        (sql("SELEC"), 400),
        (proxy.request("POST", "/sql").body("{}"), 401),
        (proxy.request("POST", "/sql").bearer(proxy.key()).body("{"), 400),
        (proxy.request("POST", "/invalidate").bearer(proxy.key()).json(&json!({ "tags": "all" })), 200),
        (proxy.request("GET", "/nowhere"), 404),
        (proxy.request("GET", "/sql"), 405),
        (proxy.request("GET", "/health"), 200),
    ];
    let mut answers = vec![];
    for (request, status) in requests {
        answers.push(request.send().await.expect(status));
    }
    answers
}

#[tokio::test]
async fn every_answer_has_an_id_and_the_region() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).env("POOL_PROXY_REGION", "fra-1").start().await;
    let mut ids = vec![];
    for answer in answers(&proxy).await {
        assert_eq!(answer.header("pool-region"), "fra-1", "{}", answer.text);
        let id = answer.header("x-request-id");
        assert_ne!(id, "", "{}", answer.text);
        if let Some(told) = answer.body.get("requestId") {
            assert_eq!(*told, *id);
        }
        ids.push(id);
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "{ids:?}");
    let metrics = proxy.ops_request("GET", "/metrics").send().await.text;
    assert!(metrics.lines().any(|line| line.starts_with("pool_proxy_build_info{") && line.contains("\"fra-1\"")));
}

#[tokio::test]
async fn without_a_region_there_is_no_header() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    for answer in answers(&proxy).await {
        assert_eq!(answer.headers.get("pool-region"), None);
    }
}

#[tokio::test]
async fn every_answer_tells_what_took_how_long() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    for answer in answers(&proxy).await {
        assert_ne!(answer.header("server-timing"), "", "{} {}", answer.status, answer.text);
    }
}

#[tokio::test]
async fn server_timing_names_its_parts() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    let sql = |control: &str| proxy.sql_request(&json!({ "query": "SELECT 1" })).header("cache-control", control);
    for (control, parts) in [
        ("immutable", vec!["auth", "queue", "database"]),
        ("max-age=600", vec!["auth", "cache", "queue", "database"]),
        ("max-age=600", vec!["auth", "cache"]),
    ] {
        let answer = sql(control).send().await.expect(200);
        let timing = answer.header("server-timing");
        let mut names = vec![];
        for part in timing.split(',') {
            let (name, duration) = part.trim().split_once(";dur=").unwrap_or_else(|| panic!("{timing}"));
            assert!(duration.parse::<f64>().is_ok_and(|it| it >= 0.0), "{timing}");
            names.push(name);
        }
        names.sort_unstable();
        let mut expected = parts;
        expected.sort_unstable();
        assert_eq!(names, expected, "{timing}");
    }
}

#[tokio::test]
async fn a_valid_id_of_the_caller_is_kept() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).start().await;
    let longest = "x".repeat(128);
    for id in ["a", "trace-1.2_3", &longest] {
        for request in [proxy.request("GET", "/health"), proxy.ops_request("GET", "/health")] {
            assert_eq!(request.header("x-request-id", id).send().await.header("x-request-id"), id);
        }
        let answer = proxy.sql_request(&json!({ "query": "SELEC" })).header("x-request-id", id).send().await;
        assert_eq!(answer.body["requestId"], id);
    }
    let too_long = "x".repeat(129);
    for id in ["", "with space", "\"quoted\"", "<b>", "é", &too_long] {
        let answer = proxy.request("GET", "/health").header("x-request-id", id).send().await.expect(200);
        let given = answer.header("x-request-id");
        assert!(!given.is_empty() && given != id, "{id:?}: {given:?}");
    }
}

/// RFC 9110, 9.3.2: all that GET has, but the body.
#[tokio::test]
async fn head_has_no_body_over_http2_either() {
    let proxy = Proxy::builder().database(&fresh_database().await).start().await;
    let address = proxy.url().trim_start_matches("http://");
    let socket = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut client, connection) = http2::handshake(TokioExecutor::new(), socket).await.unwrap();
    tokio::spawn(connection);
    let whole = r#"{"status":"ok"}"#.len();
    for (method, length) in [("GET", whole), ("HEAD", 0), ("GET", whole)] {
        let request = hyper::Request::builder().method(method).uri(format!("{}/health", proxy.url()));
        let answer = client.send_request(request.body(Empty::<Bytes>::new()).unwrap()).await.unwrap();
        let announced = answer.headers()["content-length"].to_str().unwrap();
        assert_eq!((answer.status().as_u16(), announced), (200, &*whole.to_string()));
        // A client takes bytes behind a HEAD for a broken connection.
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), length, "{method}");
    }
}
