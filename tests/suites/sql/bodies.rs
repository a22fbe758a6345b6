//! Request bodies and headers that are not as they should be: 400, and why.

use serde_json::Value;

use super::served::Served;

/// A body, and words of the message.
const BODIES: &[(&str, &[&str])] = &[
    ("", &["line 1 column 0"]),
    ("{", &["line 1 column 1"]),
    ("{\"query\": \"SELECT 1\"", &["line 1 column 20"]),
    ("{\n  \"query\": \"SELECT 1\",\n  \"params\": [1,]\n}", &["line 3 column 16"]),
    ("{\"query\": \"SELECT 1\"} {}", &["trailing characters", "line 1 column 23"]),
    ("SELECT 1", &["line 1 column 1"]),
    ("[]", &["\"query\"", "\"queries\""]),
    ("[\"SELECT 1\"]", &["\"query\"", "\"queries\""]),
    ("\"SELECT 1\"", &["\"query\"", "\"queries\""]),
    ("null", &["\"query\"", "\"queries\""]),
    ("{}", &["\"query\"", "\"queries\""]),
    ("{\"query\": 1}", &["expected", "string", "line 1 column"]),
    ("{\"query\": [\"SELECT 1\"]}", &["expected", "string", "line 1 column"]),
    ("{\"query\": \"SELECT 1\", \"params\": {\"a\": 1}}", &["expected", "sequence", "line 1 column"]),
    ("{\"query\": \"SELECT 1\", \"params\": 1}", &["expected", "sequence", "line 1 column"]),
    ("{\"query\": \"SELECT 1\", \"arrayMode\": 1}", &["expected", "boolean", "line 1 column"]),
    ("{\"queries\": {}}", &["expected", "sequence", "line 1 column"]),
    ("{\"queries\": [[\"SELECT 1\"]]}", &["\"query\"", "line 1 column"]),
    ("{\"queries\": [\"SELECT 1\"]}", &["\"query\"", "line 1 column"]),
    ("{\"queries\": [{\"query\": null}]}", &["expected", "string", "line 1 column"]),
    ("{\"queries\": [{\"params\": []}]}", &["missing field `query`", "line 1 column"]),
    ("{\"query\": \"SELECT 1\", \"queries\": []}", &["not both"]),
    ("{\"query\": \"SELECT 1\\u0000\"}", &["zero character"]),
    ("{\"queries\": [{\"query\": \"SELECT 1\"}, {\"query\": \"\\u0000\"}]}", &["queries[1]"]),
];

#[tokio::test]
async fn a_malformed_body_is_told_where() {
    let served = Served::plain().await;
    for (body, words) in BODIES {
        let refused = served.proxy.sql_request(&Value::Null).body(*body).send().await;
        assert_eq!(refused.status, 400, "{body}: {}", refused.text);
        let message = refused.body["message"].as_str().unwrap_or_default();
        for word in *words {
            assert!(message.contains(word), "{body}: {message}");
        }
    }
    let refused = served.proxy.sql_request(&Value::Null).body(&b"{\"query\": \"SELECT '\xff'\"}"[..]).send().await;
    assert!(refused.clone().expect(400).text.contains("UTF-8"), "{}", refused.text);
    // Deeper than any parser's stack.
    let deep =
        format!("{{\"query\": \"SELECT $1::json\", \"params\": [{}{}]}}", "[".repeat(100_000), "]".repeat(100_000));
    served.proxy.sql_request(&Value::Null).body(deep).send().await.expect(400);
}

#[tokio::test]
async fn a_header_with_another_value_than_its_own_is_refused() {
    let served = Served::plain().await;
    for (name, value) in [
        ("Neon-Batch-Isolation-Level", "serializable"),
        ("Neon-Batch-Isolation-Level", "Snapshot"),
        ("Neon-Batch-Isolation-Level", "Serializable; DROP TABLE t"),
        ("Neon-Batch-Isolation-Level", ""),
        ("Neon-Batch-Read-Only", "yes"),
        ("Neon-Batch-Deferrable", "1"),
        ("Neon-Array-Mode", "on"),
        ("Neon-Raw-Text-Output", "maybe"),
    ] {
        for body in [r#"{"query": "SELECT 1"}"#, r#"{"queries": [{"query": "SELECT 1"}]}"#] {
            let refused = served.proxy.sql_request(&Value::Null).header(name, value).body(body).send().await;
            assert_eq!(refused.status, 400, "{name}: {value}: {}", refused.text);
            let message = refused.body["message"].as_str().unwrap_or_default();
            assert!(message.to_lowercase().contains(&name.to_lowercase()), "{name}: {value}: {message}");
        }
    }
}

#[tokio::test]
async fn the_content_type_does_not_matter() {
    let served = Served::plain().await;
    for kind in ["text/plain;charset=UTF-8", "application/json; charset=utf-8", "application/x-www-form-urlencoded"] {
        let request = served.proxy.request("POST", "/sql").bearer(served.proxy.key());
        let request = request.header("content-type", kind).body(r#"{"query": "SELECT 1 AS one"}"#);
        assert_eq!(request.send().await.expect(200).header("content-type"), "application/json");
    }
    let request = served.proxy.request("POST", "/sql").bearer(served.proxy.key());
    request.body(r#"{"query": "SELECT 1"}"#).send().await.expect(200);
}
