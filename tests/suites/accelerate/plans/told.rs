//! What clients hear of the statements, and what the database hears of the client.

use serde_json::{Value, json};

use super::{Asked, asked, execute, name, never, node, query, raw, statement, value};

/// The text and the parameters of each event.
async fn events(test: &Asked, plan: &Value) -> Vec<(String, String)> {
    let proxy = &test.served.proxy;
    let request = proxy.request("POST", "/query").bearer(proxy.key()).header("x-capture-telemetry", "query");
    let answer = request.json(&asked(plan)).send().await;
    let logs = answer.body["extensions"]["logs"].as_array().cloned().unwrap_or_default();
    let said = |event: &Value, key: &str| event["attributes"][key].as_str().unwrap_or_default().to_owned();
    logs.iter().map(|event| (said(event, "query"), said(event, "params"))).collect()
}

fn texts(events: &[(String, String)]) -> Vec<(&str, &str)> {
    events.iter().map(|(query, params)| (query.as_str(), params.as_str())).collect()
}

#[tokio::test]
async fn every_statement_is_told_in_order() {
    let test = Asked::after("CREATE TABLE t (a int)").await;
    let insert = statement("execute", "INSERT INTO t VALUES ($)", &[name("%1")]);
    let select = statement("query", "SELECT $::text AS a", &[name("%2")]);
    let told = events(&test, &node("transaction", node("seq", json!([insert, select])))).await;
    assert_eq!(
        texts(&told),
        [("INSERT INTO t VALUES ($1)", "[1]"), ("SELECT $1::text AS a", r#"["two"]"#), ("COMMIT", "[]")]
    );

    let failing = node("transaction", node("seq", json!([execute("DELETE FROM t"), never(&value(1))])));
    assert_eq!(
        texts(
            &events(&test, &node("dataMap", json!({ "expr": failing, "structure": { "type": "affectedRows" } }))).await
        ),
        []
    );

    let both = node("concat", json!([query("SELECT 1 AS a"), query("SELECT 2 AS a")]));
    assert_eq!(texts(&events(&test, &both).await), [("SELECT 1 AS a", "[]"), ("SELECT 2 AS a", "[]")]);

    let several = raw("execute", "SELECT 1; SELECT 2", &[]);
    assert_eq!(texts(&events(&test, &several).await), [("SELECT 1; SELECT 2", "[]")]);
    assert_eq!(texts(&events(&test, &value(1)).await), []);
}

#[tokio::test]
async fn comments_stand_behind_every_statement() {
    let test = Asked::after("").await;
    let own = "SELECT regexp_replace(current_query(), '.*/', '/') AS q";
    let plan = node(
        "concat",
        json!([
            query("SELECT current_query() AS q"),
            statement("query", "SELECT current_query() AS q WHERE 1 = $", &[name("%1")])
        ]),
    );
    let mut body = asked(&plan);
    body["comments"] = json!({ "key two": "a/b c", "app": "it's", "action": "queryRaw" });
    let data = test.post("/query", &body).await.expect(200).body["data"].clone();
    let comment = r"/*action='queryRaw',app='it\'s',key%20two='a%2Fb%20c'*/";
    assert_eq!(data[0]["q"], format!("SELECT current_query() AS q {comment}"));
    assert_eq!(data[1]["q"], format!("SELECT current_query() AS q WHERE 1 = $1 {comment}"));
    body["plan"] = raw("query", own, &[]);
    let data = test.post("/query", &body).await.expect(200).body["data"].clone();
    assert!(data["rows"][0][0].is_string(), "{data}");
}
