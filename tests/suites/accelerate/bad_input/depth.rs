//! Plans, values and rows that are nested deeper than any stack.

use serde_json::json;

use super::{Door, nested, raw, refused, told};

const DEEP: usize = 10_000;

const UNIT: &str = r#"{"type":"unit"}"#;

#[tokio::test]
async fn plans_nested_ten_thousand_deep_are_refused() {
    let door = Door::open().await;
    let structure = r#"{"type":"object","serializedName":"a","skipNulls":false,"fields":{"a":"#;
    let operations = r#"{"pagination":null,"distinct":null,"reverse":false,"linkingFields":null,"nested":{"a":"#;
    for depth in [1000, DEEP, 100_000] {
        for (open, middle, close) in [
            (r#"{"type":"unique","args":"#, UNIT, "}"),
            (r#"{"type":"seq","args":["#, UNIT, "]}"),
            (r#"{"type":"concat","args":["#, UNIT, "]}"),
            (r#"{"type":"transaction","args":"#, UNIT, "}"),
            (r#"{"type":"let","args":{"bindings":[],"expr":"#, UNIT, "}}"),
            (r#"{"type":"let","args":{"bindings":[{"name":"a","expr":"#, UNIT, r#"}],"expr":{"type":"unit"}}}"#),
            (r#"{"type":"mapField","args":{"field":"a","records":"#, UNIT, "}}"),
            (r#"{"type":"nope","args":"#, UNIT, "}"),
            (
                r#"{"type":"value","args":{"prisma__type":"generatorCall","prisma__value":{"name":"product","args":[1,"#,
                "1",
                "]}}}",
            ),
        ] {
            let answer = door.ask_text(&nested(open, middle, close, depth), "{}").await;
            refused(&answer, &format!("{depth} of {open}"));
        }
        let map = nested(structure, structure_end(), "}}", depth);
        let map = format!(r#"{{"type":"dataMap","args":{{"expr":{UNIT},"structure":{map},"enums":{{}}}}}}"#);
        refused(&door.ask_text(&map, "{}").await, &format!("structures {depth} deep"));
        let process = nested(operations, &format!("{operations}null}}}}"), "}}", depth);
        let process = format!(r#"{{"type":"process","args":{{"expr":{UNIT},"operations":{process}}}}}"#);
        refused(&door.ask_text(&process, "{}").await, &format!("operations {depth} deep"));
    }
    refused(&door.post("/query", "[".repeat(100_000)).send().await, "open lists");
    refused(&door.post("/query", r#"{"a":"#.repeat(100_000)).send().await, "open objects");
    door.check().await;
}

fn structure_end() -> &'static str {
    r#"{"type":"field","dbName":"a","fieldType":{"arity":"required","type":"string"}}"#
}

/// Depth that compiled queries do have: 20 levels of relations, each loaded by a query of its own.
#[tokio::test]
async fn plans_as_deep_as_clients_make_them_run() {
    let door = Door::open().await;
    let plan = nested(r#"{"type":"unique","args":"#, r#"{"type":"value","args":7}"#, "}", 200);
    assert_eq!(door.ask_text(&plan, "{}").await.expect(200).body, json!({ "data": 7 }));
    door.check().await;
}

#[tokio::test]
async fn values_nested_deeply_are_answered_or_refused() {
    let door = Door::open().await;
    for depth in [200, DEEP, 100_000] {
        let lists = nested("[", "1", "]", depth);
        let objects = nested(r#"{"a":"#, "1", "}", depth);
        for value in [lists, objects] {
            let literal = format!(r#"{{"type":"value","args":{value}}}"#);
            told(&door.ask_text(&literal, "{}").await, "a literal");
            let argument = format!(
                r#"{{"type":"query","args":{{"type":"rawSql","sql":"SELECT $1::text","args":[{value}],"argTypes":[{{}}]}}}}"#
            );
            told(&door.ask_text(&argument, "{}").await, "an argument");
            told(
                &door.ask_text(r#"{"type":"get","args":{"name":"a"}}"#, &format!(r#"{{"a":{value}}}"#)).await,
                "a parameter",
            );
            let unknown = format!(r#"{{"operation":"x","plan":{UNIT},"params":{{}},"unknown":{value}}}"#);
            told(&door.post("/query", unknown).send().await, "an unknown key");
            let comments = format!(r#"{{"operation":"x","plan":{UNIT},"params":{{}},"comments":{{"a":{value}}}}}"#);
            refused(&door.post("/query", comments).send().await, "a comment");
        }
    }
    door.check().await;
}

/// JSON that comes from the database: what relations and json columns are.
#[tokio::test]
async fn rows_nested_deeply_are_answered_or_refused() {
    let door = Door::open().await;
    for depth in [200, 5000, 100_000] {
        let text = format!("SELECT repeat('[', {depth}) || repeat(']', {depth}) AS a");
        let objects = format!("SELECT repeat('{{\"a\":', {depth}) || '1' || repeat('}}', {depth}) AS a");
        for sql in [text, objects] {
            for kind in ["json", "object", "string", "unsupported"] {
                let plan = json!({ "type": "dataMap", "args": {
                    "expr": records(&sql), "enums": {},
                    "structure": { "type": "object", "serializedName": null, "skipNulls": false, "fields": {
                        "a": { "type": "field", "dbName": "a", "fieldType": { "arity": "required", "type": kind } },
                    } },
                } });
                told(&door.ask(&plan, &json!({})).await, &format!("{depth} as {kind}: {sql}"));
            }
            let relation = json!({ "type": "dataMap", "args": {
                "expr": records(&sql), "enums": {},
                "structure": { "type": "object", "serializedName": null, "skipNulls": false, "fields": {
                    "a": { "type": "object", "serializedName": "a", "skipNulls": false, "fields": {} },
                } },
            } });
            told(&door.ask(&relation, &json!({})).await, &format!("{depth} as a relation: {sql}"));
            let nested =
                json!({ "pagination": null, "distinct": ["a"], "reverse": true, "linkingFields": null, "nested": {} });
            let plan = json!({ "type": "process", "args": { "expr": records(&sql), "operations": {
                "pagination": null, "distinct": null, "reverse": false, "linkingFields": null, "nested": { "a": nested },
            } } });
            told(&door.ask(&plan, &json!({})).await, &format!("{depth} in a process: {sql}"));
        }
        told(
            &door.ask(&raw(&format!("SELECT (repeat('[', {depth}) || repeat(']', {depth}))::json")), &json!({})).await,
            "json",
        );
    }
    door.check().await;
}

fn records(sql: &str) -> serde_json::Value {
    super::template(&json!([{ "type": "stringChunk", "chunk": sql }]), &json!([]))
}
