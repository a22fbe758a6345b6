//! Values on their way through a plan: none is changed.

use serde_json::{Value, json};

use super::{Asked, bind, get, name, node, query, raw, statement, value};

/// Numbers of 16 and 17 digits, of which a quick way to read them gets about one in ten wrong by the last bit.
#[tokio::test]
async fn floats_are_stored_as_they_were_sent() {
    let asked = Asked::after("CREATE TABLE t (n int, f float8)").await;
    let mut state = 88_172_645_463_325_252_u64;
    let floats: Vec<f64> = std::iter::from_fn(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        Some(f64::from_bits(state))
    })
    .filter(|float| float.is_normal() && (1e-30..1e30).contains(&float.abs()))
    .take(400)
    .collect();
    let texts = |floats: &[f64]| floats.iter().map(|float| format!("{float:e}")).collect::<Vec<_>>().join(",");
    let expected = floats.iter().map(|float| format!("{:016x}", float.to_bits())).collect::<Vec<_>>().join(" ");
    let types = json!({ "arity": "list", "scalarType": "float", "dbType": "DOUBLE PRECISION" });
    let sql = "SELECT string_agg(encode(float8send(f), 'hex'), ' ') AS all \
               FROM unnest($1::float8[]) AS f";
    let args = [Value::Null];
    let mut plan = raw("query", sql, &args);
    plan["args"]["argTypes"] = json!([types]);
    // As text, since a reader of numbers is what is tried here.
    let body =
        super::asked(&plan).to_string().replacen("\"args\":[null]", &format!("\"args\":[[{}]]", texts(&floats)), 1);
    let proxy = &asked.served.proxy;
    let answer = proxy.request("POST", "/query").bearer(proxy.key()).header("content-type", "application/json");
    let answer = answer.body(body).send().await.expect(200);
    assert_eq!(answer.body["data"]["rows"][0][0], expected);
}

/// Programs in JavaScript make them by cutting texts; UTF-8 has no such thing.
#[tokio::test]
async fn half_of_a_character_is_replaced() {
    let asked = Asked::after("").await;
    let body = r#"{"operation":"o","plan":{"type":"value","args":["\ud83c\udf89",{"prisma__type":"param",
        "prisma__value":{"name":"%1","type":"String"}}]},"params":{"%1":"party \ud83c"}}"#;
    let proxy = &asked.served.proxy;
    for _ in 0..2 {
        let answer = proxy.request("POST", "/query").bearer(proxy.key()).header("content-type", "application/json");
        let answer = answer.body(body).send().await.expect(200);
        assert_eq!(answer.body, json!({ "data": ["\u{1f389}", "party \u{fffd}"] }));
    }
}

#[tokio::test]
async fn parameters_that_are_names_stand_for_each_other() {
    let asked = Asked::after("").await;
    let plan = value(json!([name("%2"), name("%1"), name("%3"), name("%4")]));
    let params = json!({ "%1": name("%3"), "%2": "two", "%3": "three", "%4": [name("%2"), name("%5")], "%5": "five" });
    let answer = asked.post("/query", &json!({ "operation": "o", "plan": plan, "params": params })).await.expect(200);
    assert_eq!(answer.body["data"], json!(["two", "three", "three", ["two", "five"]]));
}

#[tokio::test]
async fn types_without_a_word_are_refused() {
    let asked = Asked::after("").await;
    for (ty, text) in [("int2vector", "1 2 3"), ("oidvector", "1 2"), ("interval", "1 day")] {
        let sql = format!("SELECT '{text}'::{ty} AS a");
        let words = format!("Failed to deserialize column of type '{ty}'.");
        let (code, message) = asked.fault(&query(&sql)).await;
        assert_eq!(code, "P2010");
        assert!(message.starts_with(&words), "{message}");
        let (code, message) = asked.fault(&raw("query", &sql, &[])).await;
        assert_eq!(code, "P2010");
        assert!(message.starts_with(&format!("Raw query failed. Code: `N/A`. Message: `{words}")), "{message}");
    }
    let data = asked.data(&raw("query", r#"SELECT '{a,b}'::"char"[] AS a"#, &[])).await;
    assert_eq!(data, json!({ "columns": ["a"], "types": ["char-array"], "rows": [[["a", "b"]]] }));
}

/// A cursor's number has lost the digits already.
#[tokio::test]
async fn cursors_find_long_decimals() {
    let asked = Asked::after("").await;
    let rows = query("SELECT d FROM (VALUES (1, 1.5), (2, 12345678901234567890.12), (3, 3.0)) AS t (n, d) ORDER BY n");
    for (cursor, expected) in [
        ("12345678901234567890.12", json!([{ "d": "12345678901234567890.12" }, { "d": "3.0" }])),
        ("3", json!([{ "d": "3.0" }])),
        ("1.25", json!([])),
    ] {
        let cursor: Value = cursor.parse::<f64>().unwrap().into();
        let operations =
            json!({ "pagination": { "cursor": { "d": cursor }, "skip": null, "take": null }, "nested": {} });
        let plan = node("process", json!({ "expr": rows, "operations": operations }));
        assert_eq!(asked.data(&plan).await, expected);
    }
}

/// It is not run ahead of its turn either, which never comes.
#[tokio::test]
async fn nobody_asks_for_the_children_of_nothing() {
    let asked = Asked::after("").await;
    let child =
        json!({ "child": query("SELECT 1/0 AS k"), "on": [["k", "k"]], "parentField": "c", "isRelationUnique": true });
    let join = node("join", json!({ "parent": get("p"), "children": [child], "canAssumeStrictEquality": true }));
    let plan = bind("p", &value(Value::Null), &node("concat", json!([join, query("SELECT 1 AS a")])));
    assert_eq!(asked.data(&plan).await, json!([null, { "a": 1 }]));
}

#[tokio::test]
async fn a_field_of_a_new_record_may_be_null() {
    let asked = Asked::after("").await;
    let fields = json!({ "a": { "type": "value", "value": null }, "b": { "type": "value", "value": 1 } });
    let plan = node("initializeRecord", json!({ "expr": { "type": "unit" }, "fields": fields }));
    assert_eq!(asked.data(&plan).await, json!({ "a": null, "b": 1 }));
}

/// By how many arguments it is called is which function it is: what is known of one says nothing of the other.
#[tokio::test]
async fn a_function_with_more_arguments_is_another_one() {
    let asked = Asked::after(
        "CREATE FUNCTION f(int, int) RETURNS text IMMUTABLE LANGUAGE sql AS $$ SELECT 'same' $$; \
         CREATE FUNCTION f(int, int, int) RETURNS text VOLATILE LANGUAGE sql AS $$ SELECT clock_timestamp()::text $$",
    )
    .await;
    let mut plan = statement("query", "SELECT f $ AS a", &[json!([1, 2, 3])]);
    plan["args"]["fragments"][1] =
        json!({ "type": "parameterTuple", "itemPrefix": "", "itemSeparator": ",", "itemSuffix": "" });
    let body = super::asked(&plan);
    let proxy = &asked.served.proxy;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let ask = proxy.request("POST", "/query").bearer(proxy.key()).header("cache-control", "max-age=60");
        let answer = ask.json(&body).send().await.expect(200);
        seen.push(answer.body["data"][0]["a"].as_str().unwrap_or_default().to_owned());
    }
    seen.dedup();
    assert_eq!(seen.len(), 3, "{seen:?}");
}
