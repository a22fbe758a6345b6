//! `traceparent`: the caller's trace is found in the log lines of its request.

use harness::{Proxy, eventually, fresh_database};
use serde_json::{Value, json};

#[tokio::test]
async fn the_trace_of_a_request_is_in_its_log_lines() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).env("POOL_PROXY_LOG", "json,debug").start().await;
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let valid = format!("00-{trace}-00f067aa0ba902b7-01");
    let upper = valid.to_uppercase();
    for (id, given, query, status) in [
        ("fine", Some(valid.as_str()), "SELECT 1", 200),
        ("refused", Some(&valid), "SELEC", 400),
        ("invalid", Some(&upper), "SELECT 1", 200),
        ("without", None, "SELECT 1", 200),
    ] {
        let mut request = proxy.sql_request(&json!({ "query": query })).header("x-request-id", id);
        if let Some(given) = given {
            request = request.header("traceparent", given);
        }
        request.send().await.expect(status);
    }
    let lines = |id: &str| -> Vec<Value> {
        let log = proxy.stderr();
        let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.filter(|line| line["request_id"] == *id).collect()
    };
    for (id, count, expected) in [
        ("fine", 1, json!(trace)),
        ("refused", 2, json!(trace)),
        ("invalid", 1, Value::Null),
        ("without", 1, Value::Null),
    ] {
        eventually(|| async { lines(id).len() == count }).await;
        for line in lines(id) {
            assert_eq!(line["trace_id"], expected, "{line}");
        }
    }
}
