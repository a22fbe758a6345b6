//! How large an answer may be: its limit is one of bytes that clients read, of each statement and of the whole.

use serde_json::{Value, json};

use super::{Asked, node};

fn query(sql: &str) -> Value {
    node(
        "query",
        json!({
            "type": "templateSql", "fragments": [{ "type": "stringChunk", "chunk": sql }], "args": [], "argTypes": [],
            "placeholderFormat": { "prefix": "$", "hasNumbering": true }, "chunkable": false,
        }),
    )
}

/// A data map of records with these fields, each of the column with the same name unless there is another.
fn mapped(expr: &Value, fields: &[(&str, &str)]) -> Value {
    let fields: serde_json::Map<_, _> = fields
        .iter()
        .map(|(name, column)| {
            let field = json!({
                "type": "field", "dbName": column, "fieldType": { "arity": "optional", "type": "unsupported" },
            });
            ((*name).to_owned(), field)
        })
        .collect();
    let structure = json!({ "type": "object", "serializedName": null, "skipNulls": false, "fields": fields });
    node("dataMap", json!({ "expr": expr, "structure": structure, "enums": {} }))
}

#[tokio::test]
async fn many_small_values_are_as_long_as_their_text() {
    let asked = Asked::after("").await;
    let rows = query("SELECT n AS id, 1 AS a, 2 AS b, 3 AS c, true AS d FROM generate_series(1, 60000) AS n");
    let names = ["id", "a", "b", "c", "d"].map(|name| (name, name));
    let data = asked.data(&mapped(&rows, &names)).await;
    assert_eq!(data.as_array().map(Vec::len), Some(60_000));
    assert_eq!(data[59_999], json!({ "id": 60_000, "a": 1, "b": 2, "c": 3, "d": true }));
}

#[tokio::test]
async fn statements_that_run_together_have_as_much_as_one_by_one() {
    let asked = Asked::after("").await;
    let one = query("SELECT repeat('x', 1000000) AS v FROM generate_series(1, 2)");
    for kind in ["seq", "concat"] {
        let all = node(kind, json!([one, one, one, one, one, one]));
        assert_eq!(asked.data(&node("seq", json!([all, node("value", 1)]))).await, 1, "{kind}");
        // In a transaction, too.
        let all = node("transaction", all);
        assert_eq!(asked.data(&node("seq", json!([all, node("value", 1)]))).await, 1, "{kind}");
    }
    // In memory there is an end to it.
    let large = query("SELECT repeat('x', 1000000) AS v FROM generate_series(1, 9)");
    for kind in ["seq", "concat"] {
        let all = node(kind, vec![large.clone(); 16]);
        let answer = asked.ask(&node("seq", json!([all, node("value", 1)]))).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.body["code"]),
            (507, &json!("P6009")),
            "{kind}: {:.300}",
            answer.text
        );
    }
}

#[tokio::test]
async fn answers_over_the_limit_are_refused_whatever_made_them_long() {
    let asked = Asked::after("").await;
    let row = query("SELECT repeat('x', 1000000) AS a");
    let names: Vec<String> = (0..20).map(|index| format!("f{index}")).collect();
    let fields: Vec<_> = names.iter().map(|name| (name.as_str(), "a")).collect();
    let json = query("SELECT json_build_object('a', repeat('x', 1000000))::text AS j");
    let json = node("mapField", json!({ "field": "j", "records": node("unique", json) }));
    let long = "n".repeat(100_000);
    let record = json!({ "expr": node("unit", json!(null)), "fields": { long: { "type": "value", "value": 1 } } });
    let record = node("initializeRecord", record);
    let records = node("concat", vec![node("get", json!({ "name": "r" })); 150]);
    let records = node("let", json!({ "bindings": [{ "name": "r", "expr": record }], "expr": records }));
    for plan in [
        mapped(&row, &fields),
        mapped(&json, &fields),
        // Records that share a long name.
        records,
    ] {
        let answer = asked.ask(&plan).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (507, &json!("P6009")), "{:.300}", answer.text);
    }
    assert_eq!(asked.data(&mapped(&row, &fields[..5])).await[0]["f4"].as_str().map(str::len), Some(1_000_000));
}

/// Objects with so many fields that each could not be looked for among all.
#[tokio::test]
async fn objects_of_many_fields_are_mapped() {
    const MANY: usize = 30_000;
    let asked = Asked::after("").await;
    let names: Vec<String> = (0..MANY).map(|index| format!("f{index}")).collect();
    let fields: Vec<_> = names.iter().rev().map(|name| (name.as_str(), name.as_str())).collect();
    let object = format!("SELECT json_object_agg('f' || n, n)::text AS j FROM generate_series(0, {}) AS n", MANY - 1);
    let json = node("mapField", json!({ "field": "j", "records": node("unique", query(&object)) }));
    let processed = node(
        "process",
        json!({ "expr": json, "operations": {
        "pagination": null, "distinct": null, "reverse": false, "linkingFields": null, "nested": {},
    } }),
    );
    let set: serde_json::Map<_, _> =
        names.iter().map(|name| (name.clone(), json!({ "type": "set", "value": name.len() }))).collect();
    let changed = node("mapRecord", json!({ "expr": node("unit", json!(null)), "fields": set }));
    for (expr, last) in [(json, MANY - 1), (processed, MANY - 1), (changed, 6)] {
        let data = asked.data(&mapped(&expr, &fields)).await;
        assert_eq!(data.as_object().map(serde_json::Map::len), Some(MANY));
        assert_eq!(data[format!("f{}", MANY - 1)], last);
    }
}
