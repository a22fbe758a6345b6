//! Metrics: every name there is, in a form that scrapers read.

use std::collections::{BTreeMap, BTreeSet};

use harness::{Proxy, fresh_database};
use serde_json::json;

/// Every metric and its type; README.md documents them.
const METRICS: &[(&str, &str)] = &[
    ("pool_proxy_build", "info"),
    ("pool_proxy_cache_entries", "gauge"),
    ("pool_proxy_cache_requests", "counter"),
    ("pool_proxy_cache_size_bytes", "gauge"),
    ("pool_proxy_cancels", "counter"),
    ("pool_proxy_client_bodies_bytes", "gauge"),
    ("pool_proxy_client_connections", "gauge"),
    ("pool_proxy_client_connections_refused", "counter"),
    ("pool_proxy_http_request_duration_seconds", "histogram"),
    ("pool_proxy_http_requests", "counter"),
    ("pool_proxy_pool_connections", "gauge"),
    ("pool_proxy_pool_connections_max", "gauge"),
    ("pool_proxy_pool_connects", "counter"),
    ("pool_proxy_pool_transactions", "gauge"),
    ("pool_proxy_pool_waiting", "gauge"),
    ("pool_proxy_queries", "counter"),
    ("pool_proxy_query_duration_seconds", "histogram"),
    ("pool_proxy_queue_duration_seconds", "histogram"),
    ("pool_proxy_resets", "counter"),
    ("pool_proxy_shared_reads", "counter"),
    ("pool_proxy_statement_analyses", "counter"),
    ("pool_proxy_trace_spans", "counter"),
];

/// Asks for a bit of everything.
async fn use_all(proxy: &Proxy) {
    let sql = |query: &str| proxy.sql_request(&json!({ "query": query }));
    for control in ["max-age=600", "max-age=600", "no-store"] {
        sql("SELECT 'swordfish'").header("cache-control", control).send().await.expect(200);
    }
    sql("SET application_name = 'x'").send().await.expect(200);
    sql("SELECT pg_sleep(5)").send().await.expect(504);
    sql("SELEC").send().await.expect(400);
}

#[tokio::test]
async fn every_metric_is_there_with_its_type_and_no_other() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).config("[limits]\nquery = \"1s\"").start().await;
    use_all(&proxy).await;
    let text = proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
    let found: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' ')).collect();
    assert_eq!(found, METRICS.iter().copied().collect());
}

#[tokio::test]
async fn the_text_is_what_scrapers_read() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).config("[limits]\nquery = \"1s\"").start().await;
    use_all(&proxy).await;
    let answer = proxy.ops_request("GET", "/metrics").send().await.expect(200);
    assert!(answer.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(answer.text.ends_with("# EOF\n"));
    let mut families = BTreeSet::new();
    let mut series = BTreeSet::new();
    for line in answer.text.lines() {
        if let Some(comment) = line.strip_prefix("# ") {
            let mut words = comment.splitn(3, ' ');
            assert!(matches!(words.next(), Some("HELP" | "TYPE" | "UNIT" | "EOF")), "{line}");
            families.extend(words.next());
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
        assert!(value.parse::<f64>().is_ok(), "{line}");
        assert!(series.insert(name), "twice: {line}");
        let (family, labels) = name.split_once('{').unwrap_or((name, "}"));
        assert!(labels.ends_with('}'), "{line}");
        let known =
            |known: &&&str| family.strip_prefix(**known).is_some_and(|rest| rest.is_empty() || rest.starts_with('_'));
        assert!(families.iter().any(|name| known(&name)), "not announced: {line}");
    }
    for (name, kind) in METRICS {
        let suffix = match *kind {
            "counter" => "_total",
            "histogram" => "_count",
            "info" => "_info",
            _ => "",
        };
        let sample = format!("{name}{suffix}");
        let is_there = |line: &str| line.strip_prefix(&sample).is_some_and(|rest| rest.starts_with(['{', ' ']));
        assert!(answer.text.lines().any(is_there), "no sample of {sample}");
    }
}

#[tokio::test]
async fn counts_are_those_of_what_was_asked() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).config("[limits]\nquery = \"1s\"").start().await;
    use_all(&proxy).await;
    let text = proxy.ops_request("GET", "/metrics").send().await.text;
    for line in [
        r#"pool_proxy_http_requests_total{route="sql",status="200"} 4"#,
        r#"pool_proxy_http_requests_total{route="sql",status="400"} 1"#,
        r#"pool_proxy_http_requests_total{route="sql",status="504"} 1"#,
        r#"pool_proxy_http_request_duration_seconds_count{route="sql"} 6"#,
        r#"pool_proxy_queries_total{database="default",result="ok"} 3"#,
        r#"pool_proxy_queries_total{database="default",result="refused"} 1"#,
        r#"pool_proxy_queries_total{database="default",result="timeout"} 1"#,
        r#"pool_proxy_cache_requests_total{database="default",result="hit"} 1"#,
        r#"pool_proxy_cancels_total{database="default"} 1"#,
        r#"pool_proxy_pool_connections_max{database="default"} 10"#,
        r#"pool_proxy_pool_waiting{database="default"} 0"#,
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
}

#[tokio::test]
async fn no_secret_is_in_the_metrics() {
    let database = fresh_database().await;
    let proxy = Proxy::builder().database(&database).config("[limits]\nquery = \"1s\"").start().await;
    use_all(&proxy).await;
    let text = proxy.ops_request("GET", "/metrics").send().await.text;
    let url = database.url();
    let password = url.split([':', '@']).nth(2).unwrap();
    for secret in [proxy.key(), password, "swordfish", database.name(), "127.0.0.1"] {
        assert!(!text.contains(secret), "{secret}");
    }
}
