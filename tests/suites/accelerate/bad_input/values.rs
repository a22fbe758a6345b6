//! Parameters that do not fit, and SQL that Postgres does not speak.

use serde_json::{Value, json};

use super::{Door, SECRET, raw, refused, template, told};

fn chunk(text: &str) -> Value {
    json!({ "type": "stringChunk", "chunk": text })
}

/// `IN` with this list.
fn within(list: &Value, chunkable: bool) -> Value {
    let tuple = json!({ "type": "parameterTuple", "itemPrefix": "", "itemSeparator": ",", "itemSuffix": "" });
    let mut plan = template(&json!([chunk(r#"SELECT id FROM "User" WHERE id IN "#), tuple]), &json!([list]));
    plan["args"]["chunkable"] = chunkable.into();
    plan
}

#[tokio::test]
async fn seventy_thousand_parameters_are_split_or_refused() {
    let door = Door::open().await;
    let list: Value = (0..70_000).collect::<Vec<_>>().into();
    let placeholder = json!({ "prisma__type": "param", "prisma__value": { "name": "%1", "type": "Int" } });
    let split = door.ask(&within(&placeholder, true), &json!({ "%1": list })).await.expect(200);
    assert_eq!(split.body["data"].as_array().map(Vec::len), Some(2), "{}", split.text);
    let whole = door.ask(&within(&placeholder, false), &json!({ "%1": list })).await.expect(400);
    refused(&whole, "70,000 in one");
    assert_eq!(whole.body["code"], "P2029");
    let types = vec![json!({ "arity": "scalar", "scalarType": "int" }); 70_000];
    let plan =
        json!({ "type": "query", "args": { "type": "rawSql", "sql": "SELECT 1", "args": list, "argTypes": types } });
    refused(&door.ask(&plan, &json!({})).await, "70,000 raw");
    door.check().await;
}

#[tokio::test]
async fn sql_of_other_databases_is_refused_as_postgres_does() {
    let door = Door::open().await;
    for sql in [
        "SELECT `id` FROM `User`",
        "SELECT `User`.`id` FROM `db`.`User` WHERE 1=1 LIMIT ? OFFSET ?",
        r#"SELECT id FROM "User" WHERE id = ?1"#,
        "SELECT TOP 1 [id] FROM [dbo].[User]",
        r#"INSERT OR IGNORE INTO "User"(id) VALUES (3)"#,
        r#"REPLACE INTO "User"(id) VALUES (3)"#,
        "PRAGMA foreign_keys",
        "SHOW TABLES",
        r#"{"find":"User","filter":{}}"#,
        "",
        ";",
        "--",
        "/*",
        "'",
        "$$",
        "SELECT $",
        "\u{feff}",
        "\u{1f}",
    ] {
        // Nothing at all is no mistake for Postgres.
        let judge = if [";", "", "--"].contains(&sql) { told } else { refused };
        let answer = door.ask(&raw(sql), &json!({})).await;
        judge(&answer, sql);
        assert!(answer.status == 200 || answer.body["code"] == "P2010", "{sql}: {}", answer.text);
        judge(&door.ask(&template(&json!([chunk(sql)]), &json!([])), &json!({})).await, sql);
    }
    for format in [
        json!({ "prefix": "?", "hasNumbering": false }),
        json!({ "prefix": "@P", "hasNumbering": true }),
        json!({ "prefix": ":", "hasNumbering": true }),
        json!({ "prefix": "'; DROP TABLE \"User\"; --", "hasNumbering": false }),
    ] {
        let mut plan = template(&json!([chunk("SELECT 1 WHERE 1 = "), { "type": "parameter" }]), &json!([1]));
        plan["args"]["placeholderFormat"] = format;
        refused(&door.ask(&plan, &json!({})).await, &plan.to_string());
    }
    door.check().await;
}

#[tokio::test]
async fn texts_that_postgres_cannot_hold_are_refused() {
    let door = Door::open().await;
    let argument = |value: &str, kind: &str| {
        let sql = "SELECT $1::text AS v";
        format!(
            r#"{{"type":"query","args":{{"type":"rawSql","sql":"{sql}","args":[{value}],"argTypes":[{{"arity":"scalar","scalarType":"{kind}"}}]}}}}"#
        )
    };
    for value in [r#""\u0000""#, r#""a\u0000b""#, r#"["\u0000"]"#, r#"{"a":"x","b":["\u0000"]}"#] {
        let plan = argument(value, "string");
        let answer = door.ask_text(&plan, "{}").await;
        // As JSON, a zero character is written in letters.
        let judge = if value.starts_with('{') { told } else { refused };
        judge(&answer, &plan);
    }
    for (value, kind) in [
        (r#""not a date""#, "datetime"),
        (r#""2024-13-45T99:99:99Z""#, "datetime"),
        (r#""+999999-01-01T00:00:00Z""#, "datetime"),
        (r#""""#, "datetime"),
        ("1e300", "datetime"),
        (r#""%%%""#, "bytes"),
        (r#""a""#, "bytes"),
        ("{}", "bytes"),
        (r#""x""#, "nope"),
        (r#"{"prisma__type":"bytes"}"#, "bytes"),
        ("1e400", "int"),
        ("-1e400", "float"),
        ("-0.0", "float"),
        ("0.1e-9999", "decimal"),
        (r#""1e999999999""#, "decimal"),
        ("9007199254740993", "bigint"),
        (&"9".repeat(5000), "bigint"),
        (&format!("0.{}", "3".repeat(5000)), "decimal"),
        ("18446744073709551616", "int"),
        (r#"[1,[2,null,[true,"x",{"a":[]}]]]"#, "json"),
    ] {
        let plan = argument(value, kind);
        told(&door.ask_text(&plan, "{}").await, &plan);
    }
    for sql in [r"SELECT 1\u0000", r"SELECT '\u0000'", r"\u0000", r"SELECT 1 AS \u0022\u0000\u0022"] {
        for arguments in ["", "1"] {
            let query = format!(r#"{{"type":"rawSql","sql":"{sql}","args":[{arguments}],"argTypes":[]}}"#);
            let plan = format!(r#"{{"type":"query","args":{query}}}"#);
            refused(&door.ask_text(&plan, "{}").await, &plan);
        }
    }
    door.check().await;
}

/// What Postgres makes of values that do not fit is told, and no value comes into the log.
#[tokio::test]
async fn values_of_another_type_are_refused_and_not_logged() {
    let door = Door::open().await;
    for cast in ["int", "uuid", "timestamp", "bool", "inet", "json", "bytea", "int[]", "numeric", "money", "date"] {
        let sql = format!("SELECT $1::{cast} AS v");
        for value in [json!(SECRET), json!([SECRET]), json!({ "a": SECRET, "b": [1] })] {
            let plan = json!({ "type": "query", "args": {
                "type": "rawSql", "sql": sql, "args": [value], "argTypes": [{ "arity": "scalar", "scalarType": "unknown" }],
            } });
            // bytea takes any text, json an object.
            told(&door.ask(&plan, &json!({})).await, &plan.to_string());
        }
    }
    for count in [0, 2, 3] {
        let plan = json!({ "type": "query", "args": {
            "type": "rawSql", "sql": "SELECT $1::text", "args": vec![SECRET; count], "argTypes": [],
        } });
        refused(&door.ask(&plan, &json!({})).await, &plan.to_string());
    }
    door.check().await;
}

/// Comments stand behind every statement, so nothing in them may end them.
#[tokio::test]
async fn comments_cannot_become_sql() {
    let door = Door::open().await;
    for (name, text) in [
        ("a", "*/ DROP TABLE \"User\"; /*"),
        ("*/ DROP TABLE \"User\"; /*", "a"),
        ("a", "'*/; DELETE FROM \"User\" --"),
        ("a", "\\'*/ x"),
        ("a\u{0}", "b"),
        ("a", "\u{0}"),
        ("", ""),
        ("é😀", "\u{202e}\n\r\t"),
    ] {
        let body =
            json!({ "operation": "queryRaw", "plan": raw("SELECT 1"), "params": {}, "comments": { name: text } });
        told(&door.post("/query", body.to_string()).send().await, &body.to_string());
    }
    door.check().await;
}
