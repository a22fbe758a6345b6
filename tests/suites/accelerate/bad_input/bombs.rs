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
    let long: Vec<usize> = (0..6000).collect();
    let rows = |sql: &str| template(&json!([{ "type": "stringChunk", "chunk": sql }]), &json!([]));
    let same = rows("SELECT 1 AS k, n FROM generate_series(1, 6000) AS n");
    let join = json!({ "type": "join", "args": {
        "parent": same, "canAssumeStrictEquality": true,
        "children": [{ "child": same, "on": [["k", "k"]], "parentField": "c", "isRelationUnique": false }],
    } });
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
    ] {
        let answer = door.ask(&plan, &json!({})).await;
        refused_or_too_much(&answer, &plan.to_string().chars().take(300).collect::<String>());
    }
    let peak = door.served.proxy.peak_memory();
    assert!(peak < MOST, "{} MiB", peak >> 20);
    assert_eq!(door.ask(&raw("SELECT 1"), &json!({})).await.expect(200).body["data"]["rows"], json!([[1]]));
    assert!(!door.served.proxy.stderr().contains("panicked"));
}
