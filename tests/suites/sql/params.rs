//! Parameters: any JSON goes in, and Postgres decides by the type it wants.

use harness::Answer;
use serde_json::{Value, json};

use super::served::Served;

const SETUP: &str = "
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN papers AS jsonb;
CREATE TABLE kept (id serial, j json, b jsonb, n int[], t text[], many jsonb[]);
";

/// A statement that gives one value `v`; its parameters as the text of a JSON array; the value.
fn cases() -> Vec<(&'static str, &'static str, Value)> {
    let mut cases = scalars();
    cases.extend(documents());
    cases.extend(arrays());
    cases
}

fn scalars() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("SELECT $1::text AS v", r#"["plain"]"#, json!("plain")),
        ("SELECT $1::text AS v", r#"["é \"q\" \\ \n 😀 \u0001"]"#, json!("é \"q\" \\ \n 😀 \u{1}")),
        ("SELECT $1::text AS v", r#"[""]"#, json!("")),
        ("SELECT $1 AS v", r#"["no type asked for"]"#, json!("no type asked for")),
        ("SELECT $1::text IS NULL AS v", "[null]", json!(true)),
        ("SELECT $1::int AS v", "[null]", Value::Null),
        ("SELECT $1::int AS v", "[42]", json!(42)),
        ("SELECT $1::int AS v", r#"["42"]"#, json!(42)),
        ("SELECT $1::int AS v", "[ -1 ]", json!(-1)),
        ("SELECT $1::int8 AS v", "[9223372036854775807]", json!("9223372036854775807")),
        ("SELECT $1::numeric AS v", "[123456789012345678901234567890.10]", json!("123456789012345678901234567890.10")),
        ("SELECT $1::numeric AS v", "[1e3]", json!("1000")),
        ("SELECT $1::text AS v", "[1.50]", json!("1.50")),
        ("SELECT $1::text AS v", "[12345678901234567890]", json!("12345678901234567890")),
        ("SELECT $1::float8 AS v", "[1.5e2]", json!(150)),
        ("SELECT $1::float8 AS v", r#"["NaN"]"#, json!("NaN")),
        ("SELECT $1::bool AS v", "[true]", json!(true)),
        ("SELECT $1::bool AS v", "[false]", json!(false)),
        ("SELECT $1::text AS v", "[true]", json!("true")),
        ("SELECT encode($1::bytea, 'hex') AS v", r#"["\\x00ff"]"#, json!("00ff")),
        ("SELECT $1::date AS v", r#"["2024-02-29"]"#, json!("2024-02-29")),
        ("SELECT $1::timestamptz AS v", r#"["2024-02-29T10:00:00.000Z"]"#, json!("2024-02-29 10:00:00+00")),
        ("SELECT $1::interval AS v", r#"["90 minutes"]"#, json!("01:30:00")),
        (
            "SELECT $1::uuid AS v",
            r#"["A0EEBC999C0B4EF8BB6D6BB9BD380A11"]"#,
            json!("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
        ),
        ("SELECT $1::mood AS v", r#"["fine"]"#, json!("fine")),
        ("SELECT $1::pair AS v", r#"["(1,a)"]"#, json!("(1,a)")),
        ("SELECT $1::int4range AS v", r#"["[1,3]"]"#, json!("[1,4)")),
        ("SELECT $1::int + $2::int * $1::int AS v", "[2, 3]", json!(8)),
        ("SELECT n AS v FROM generate_series(1, 9) n WHERE n > $1 LIMIT $2", "[4, 1]", json!(5)),
        ("SELECT 1 AS v", "[]", json!(1)),
        ("SELECT 1 AS v", "null", json!(1)),
    ]
}

fn documents() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("SELECT $1::json::text AS v", r#"[{"b":  1.0, "a": 1, "a": 2}]"#, json!(r#"{"b":  1.0, "a": 1, "a": 2}"#)),
        (
            "SELECT $1::jsonb AS v",
            r#"[{"b": [1, {"c": null}], "a": "x"}]"#,
            json!({ "a": "x", "b": [1, { "c": null }] }),
        ),
        ("SELECT $1::jsonb->>'n' AS v", r#"[{"n": 12345678901234567890.10}]"#, json!("12345678901234567890.10")),
        ("SELECT $1::text AS v", r#"[{"a": 1}]"#, json!(r#"{"a": 1}"#)),
        ("SELECT $1::jsonb AS v", r#"["\"a string\""]"#, json!("a string")),
        ("SELECT $1::jsonb AS v", "[7]", json!(7)),
        ("SELECT $1::jsonb AS v", "[[1, [2, \"x\"], {\"a\": []}]]", json!([1, [2, "x"], { "a": [] }])),
        ("SELECT $1::json AS v", "[[]]", json!([])),
        ("SELECT $1::papers AS v", "[[1, {\"a\": 2}]]", json!([1, { "a": 2 }])),
        ("SELECT $1::papers AS v", "[{\"a\": 2}]", json!({ "a": 2 })),
        (
            "SELECT value->>'id' AS v FROM jsonb_array_elements($1) WHERE value->>'id' = '2'",
            r#"[[{"id":1},{"id":2}]]"#,
            json!("2"),
        ),
    ]
}

fn arrays() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("SELECT $1::int[] AS v", "[[1, null, 3]]", json!([1, null, 3])),
        ("SELECT $1::int[] AS v", "[[]]", json!([])),
        ("SELECT $1::int[] AS v", "[[[1, 2], [3, 4]]]", json!([[1, 2], [3, 4]])),
        ("SELECT $1::int[] AS v", r#"["{5,6}"]"#, json!([5, 6])),
        ("SELECT $1::bool[] AS v", "[[true, false, null]]", json!([true, false, null])),
        ("SELECT $1::numeric[]::text AS v", "[[1.10, 12345678901234567890]]", json!("{1.10,12345678901234567890}")),
        (
            "SELECT to_jsonb($1::text[]) AS v",
            r#"[["a,b", "c\"d", "e\\f", "", "NULL", null, "{}", " g ", "ü\n"]]"#,
            json!(["a,b", "c\"d", "e\\f", "", "NULL", null, "{}", " g ", "ü\n"]),
        ),
        ("SELECT $1::jsonb[] AS v", r#"[[{"a": "\"x\""}, {"b": [1]}]]"#, json!([{ "a": "\"x\"" }, { "b": [1] }])),
        ("SELECT $1::mood[]::text AS v", r#"[["sad", "fine"]]"#, json!("{sad,fine}")),
        ("SELECT $1::pair[]::text AS v", r#"[["(1,\"a b\")"]]"#, json!(r#"{"(1,\"a b\")"}"#)),
        ("SELECT 3 = ANY($1::int[]) AS v", "[[1, 3]]", json!(true)),
    ]
}

async fn send(served: &Served, query: &str, params: &str) -> Answer {
    let body = format!(r#"{{"query": {}, "params": {params}}}"#, json!(query));
    served.proxy.sql_request(&Value::Null).body(body).send().await
}

#[tokio::test]
async fn any_json_goes_in() {
    let served = Served::after(SETUP).await;
    for (query, params, value) in cases() {
        for _ in 0..2 {
            let answer = send(&served, query, params).await;
            assert_eq!(answer.status, 200, "{query} {params}: {}", answer.text);
            assert_eq!(answer.body["rows"], json!([{ "v": value }]), "{query} {params}");
        }
    }
}

#[tokio::test]
async fn the_column_decides_what_an_array_is() {
    let served = Served::after(SETUP).await;
    let insert = "INSERT INTO kept (j, b, n, t, many) VALUES ($1, $2, $3, $4, $5) RETURNING *";
    let params = json!([[1, [2]], [{ "a": 1 }], [1, 2], ["x", "y"], [{ "a": 1 }, [1]]]);
    // An array in a jsonb[] is one more dimension, so only objects go in there.
    let mut wanted = params.clone();
    let refused = send(&served, insert, &params.to_string()).await.expect(400);
    assert_eq!(refused.body["code"], "22P02", "{}", refused.text);
    wanted[4] = json!([{ "a": 1 }, { "b": [1] }]);
    let answer = send(&served, insert, &wanted.to_string()).await.expect(200);
    let row = &answer.body["rows"][0];
    assert_eq!((&row["j"], &row["b"], &row["n"]), (&wanted[0], &wanted[1], &wanted[2]));
    assert_eq!((&row["t"], &row["many"]), (&json!("{x,y}"), &wanted[4]));
}

#[tokio::test]
async fn parameters_that_do_not_fit_are_refused() {
    let served = Served::plain().await;
    for (query, params, code, words) in [
        ("SELECT $1::int", r#"["abc"]"#, "22P02", "invalid input syntax"),
        ("SELECT $1::int", "[{}]", "22P02", "invalid input syntax"),
        ("SELECT $1::int", "[99999999999]", "22003", "out of range"),
        ("SELECT $1::text", r#"["a\u0000b"]"#, "22021", "invalid byte sequence"),
        ("SELECT $1::int[]", "[[1, [2]]]", "22P02", "malformed array literal"),
        ("SELECT $1::int, $2::int", "[1]", "08P01", "parameters"),
        ("SELECT 1", "[1]", "08P01", "parameters"),
        ("SELECT $1::text", r#"["\ud800"]"#, "", "params[0]"),
        ("SELECT $1::text, $2::text[]", r#"["", ["\udc00"]]"#, "", "params[1]"),
        ("SELECT $1", "{}", "", "line 1 column"),
        ("SELECT $1", "\"text\"", "", "line 1 column"),
    ] {
        let refused = send(&served, query, params).await.expect(400);
        assert_eq!(refused.body["code"].as_str().unwrap_or_default(), code, "{query} {params}: {}", refused.text);
        let message = refused.body["message"].as_str().unwrap_or_default();
        assert!(message.contains(words), "{query} {params}: {message}");
    }
    let many = format!("[{}]", vec!["1"; 65536].join(","));
    let refused = send(&served, "SELECT 1", &many).await.expect(400);
    assert!(refused.text.contains("65535"), "{}", refused.text);
}

#[tokio::test]
async fn as_many_parameters_as_the_protocol_has_go_in() {
    let served = Served::plain().await;
    let places: Vec<String> = (1..=65535).map(|number| format!("${number}")).collect();
    let query = format!("SELECT cardinality(ARRAY[{}]) AS v", places.join(","));
    let params = format!("[{}]", vec!["\"x\""; 65535].join(","));
    let answer = send(&served, &query, &params).await.expect(200);
    assert_eq!(answer.body["rows"], json!([{ "v": 65535 }]));
}
