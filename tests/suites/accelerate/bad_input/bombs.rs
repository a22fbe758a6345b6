//! Small plans that would take all memory: they are stopped.

use serde_json::{Value, json};

use super::{Door, raw, refused_or_too_much, template};

/// What the proxy may have held at most, in bytes.
const MOST: u64 = 700 << 20;

fn generator(name: &str, arguments: &Value) -> Value {
    json!({ "type": "value", "args": { "prisma__type": "generatorCall", "prisma__value": { "name": name, "args": arguments } } })
}

#[tokio::test]
async fn plans_that_grow_without_end_are_stopped() {
    let door = Door::open().await;
    // Each list is twice the one before.
    let mut bindings = vec![json!({ "name": "a0", "expr": { "type": "value", "args": [1, 2, 3, 4, 5, 6, 7, 8] } })];
    for level in 1..50 {
        let before = json!({ "type": "get", "args": { "name": format!("a{}", level - 1) } });
        let twice = json!({ "type": "concat", "args": [before, before] });
        bindings.push(json!({ "name": format!("a{level}"), "expr": twice }));
    }
    let doubling = json!({ "type": "let", "args": { "bindings": bindings, "expr": { "type": "get", "args": { "name": "a49" } } } });
    let field = json!({ "type": "field", "dbName": "a", "fieldType": { "arity": "optional", "type": "string" } });
    let long: Vec<usize> = (0..6000).collect();
    let rows = |sql: &str| template(&json!([{ "type": "stringChunk", "chunk": sql }]), &json!([]));
    let same = rows("SELECT 1 AS k, n FROM generate_series(1, 6000) AS n");
    let join = json!({ "type": "join", "args": {
        "parent": same, "canAssumeStrictEquality": true,
        "children": [{ "child": same, "on": [["k", "k"]], "parentField": "c", "isRelationUnique": false }],
    } });
    let nanoid = json!({ "prisma__type": "generatorCall", "prisma__value": { "name": "nanoid", "args": [65_536] } });
    let generators = json!({ "type": "value", "args": vec![nanoid; 30_000] });
    let fields: serde_json::Map<_, _> = (0..400).map(|index| (format!("f{index}"), field.clone())).collect();
    let map = json!({ "type": "dataMap", "args": {
        "expr": { "type": "get", "args": { "name": "x" } }, "enums": {},
        "structure": { "type": "object", "serializedName": null, "skipNulls": false, "fields": fields },
    } });
    // Each of them less than an answer may be.
    let bindings: Vec<Value> = (0..200).map(|index| json!({ "name": format!("m{index}"), "expr": map })).collect();
    let maps = json!({ "type": "let", "args": { "bindings": [
        { "name": "x", "expr": { "type": "unique", "args": rows("SELECT repeat('x', 20000) AS a") } },
    ], "expr": { "type": "let", "args": { "bindings": bindings, "expr": { "type": "unit" } } } } });
    for plan in [
        doubling,
        generator("product", &json!([long, long])),
        generator("nanoid", &json!([4_000_000_000_u64])),
        generator("nanoid", &json!([1e300])),
        join,
        rows("SELECT repeat('x', 1000) AS x FROM generate_series(1, 1000000)"),
        rows("SELECT repeat('x', 60000000) AS x"),
        raw("SELECT repeat('x', 1000) AS x FROM generate_series(1, 1000000)"),
        raw("SELECT repeat('x', 60000000) AS x"),
        generators,
        maps,
    ] {
        let answer = door.ask(&plan, &json!({})).await;
        refused_or_too_much(&answer, &plan.to_string().chars().take(300).collect::<String>());
    }
    // Lists that take many times their text, in the plan and in what comes with it.
    let zeros = format!("[{}0]", "0,".repeat(2_200_000));
    let unit = r#"{"type":"unit"}"#;
    refused_or_too_much(&door.ask_text(unit, &format!(r#"{{"%1":{zeros}}}"#)).await, "zeros");
    refused_or_too_much(
        &door.ask_text(&format!(r#"{{"type":"value","args":{zeros}}}"#), "{}").await,
        "zeros in a plan",
    );
    // A text that is the same for each of those that it stands in, which hide.
    let mut inner = format!("\"{}\"", "y".repeat(2_000_000));
    for _ in 0..150 {
        inner = format!(
            r#"{{"prisma__valu\u0065":{{"name":"product","arg\u0073":[{inner},1]}},"prisma__type":"generatorCall"}}"#
        );
    }
    refused_or_too_much(&door.ask_text(&format!(r#"{{"type":"value","args":{inner}}}"#), "{}").await, "escapes");
    // A comment stands behind each statement.
    let siblings = json!({ "type": "concat", "args": vec![rows("SELECT 1 AS a"); 16] });
    let body = json!({ "operation": "x", "plan": siblings, "params": {}, "comments": { "k": "é".repeat(2_000_000) } });
    let answer = door.post("/query", body.to_string()).send().await;
    refused_or_too_much(&answer, "a comment");
    assert!(answer.text.contains("comments"), "{}", answer.text);
    let peak = door.served.proxy.peak_memory();
    assert!(peak < MOST, "{} MiB", peak >> 20);
    assert_eq!(door.ask(&raw("SELECT 1"), &json!({})).await.expect(200).body["data"]["rows"], json!([[1]]));
    assert!(!door.served.proxy.stderr().contains("panicked"));
}
