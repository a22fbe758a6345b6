//! Values: the very text that Postgres prints, or JSON where JSON can carry them.

use serde_json::{Value, json};

use super::served::Served;

const SETUP: &str = "
CREATE TYPE mood AS ENUM ('sad', 'fine');
CREATE TYPE pair AS (a int, b text);
CREATE DOMAIN small AS int CHECK (VALUE < 10);
CREATE DOMAIN papers AS jsonb;
CREATE DOMAIN several AS int[];
";

/// An expression, its text, and what it is in JSON.
fn cases() -> Vec<(&'static str, &'static str, Value)> {
    let mut cases = plain();
    cases.extend(json_documents());
    cases.extend(arrays());
    // In JSON these are what Postgres prints.
    cases.extend(TEXTS.iter().map(|(expression, text)| (*expression, *text, json!(text))));
    cases
}

fn plain() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("true", "t", json!(true)),
        ("false", "f", json!(false)),
        ("'-32768'::int2", "-32768", json!(-32768)),
        ("2147483647", "2147483647", json!(2_147_483_647)),
        ("1.1::float4", "1.1", json!(1.1)),
        ("0.1::float8 + 0.2::float8", "0.30000000000000004", json!(0.300_000_000_000_000_04)),
        ("1e300::float8", "1e+300", json!(1e300)),
        ("'-0'::float8", "-0", json!(-0.0)),
        ("'NaN'::float8", "NaN", json!("NaN")),
        ("'Infinity'::float8", "Infinity", json!("Infinity")),
        ("'-Infinity'::float4", "-Infinity", json!("-Infinity")),
        ("7::small", "7", json!(7)),
    ]
}

fn json_documents() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        (
            r#"'{"b": [1, null], "a":  "x"}'::json"#,
            r#"{"b": [1, null], "a":  "x"}"#,
            json!({ "b": [1, null], "a": "x" }),
        ),
        (r#"'{"b":[1,null],"a":"x"}'::jsonb"#, r#"{"a": "x", "b": [1, null]}"#, json!({ "b": [1, null], "a": "x" })),
        ("'null'::jsonb", "null", Value::Null),
        ("'\"text\"'::json", "\"text\"", json!("text")),
        ("E' [1,\\n2] '::json", " [1,\n2] ", json!([1, 2])),
        (r#"'{"k": "ü \u20ac"}'::json"#, r#"{"k": "ü \u20ac"}"#, json!({ "k": "ü €" })),
        ("'[true]'::papers", "[true]", json!([true])),
    ]
}

fn arrays() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        ("'{t,f,NULL}'::bool[]", "{t,f,NULL}", json!([true, false, null])),
        ("'{1,-2,NULL}'::int2[]", "{1,-2,NULL}", json!([1, -2, null])),
        ("'{}'::int4[]", "{}", json!([])),
        ("'{{1,2},{3,NULL}}'::int4[]", "{{1,2},{3,NULL}}", json!([[1, 2], [3, null]])),
        ("'{{{1}}}'::int4[]", "{{{1}}}", json!([[[1]]])),
        ("'[0:1]={1,2}'::int4[]", "[0:1]={1,2}", json!([1, 2])),
        ("'[2:2][-1:0]={{1,2}}'::int4[]", "[2:2][-1:0]={{1,2}}", json!([[1, 2]])),
        ("'{1.5,NaN,-Infinity,NULL}'::float8[]", "{1.5,NaN,-Infinity,NULL}", json!([1.5, "NaN", "-Infinity", null])),
        ("'{0.1}'::float4[]", "{0.1}", json!([0.1])),
        (
            r#"ARRAY['{"a": "},\"{"}', '"\\"', 'null', '[1,2]', NULL]::jsonb[]"#,
            r#"{"{\"a\": \"},\\\"{\"}","\"\\\\\"","null","[1, 2]",NULL}"#,
            json!([{ "a": "},\"{" }, "\\", null, [1, 2], null]),
        ),
        (r#"ARRAY['{"a":1}', '"NULL"', '1']::json[]"#, r#"{"{\"a\":1}","\"NULL\"",1}"#, json!([{ "a": 1 }, "NULL", 1])),
        ("ARRAY[1,2]::several", "{1,2}", json!([1, 2])),
    ]
}

const TEXTS: &[(&str, &str)] = &[
    ("9223372036854775807", "9223372036854775807"),
    ("1::int8", "1"),
    ("123456789012345678901234567890.1234567890", "123456789012345678901234567890.1234567890"),
    ("'NaN'::numeric", "NaN"),
    ("1.500::numeric", "1.500"),
    ("''::text", ""),
    ("E'a\"b\\\\c\\n\\t\\u0001 ü € 😀'", "a\"b\\c\n\t\u{1} ü € 😀"),
    ("'ab'::char(4)", "ab  "),
    ("'x'::\"char\"", "x"),
    ("'some_name'::name", "some_name"),
    ("'{1,2}'::int8[]", "{1,2}"),
    ("'{1.0,NULL}'::numeric[]", "{1.0,NULL}"),
    ("ARRAY['a,b', NULL, 'NULL', '']", "{\"a,b\",NULL,\"NULL\",\"\"}"),
    ("'2024-02-29'::date", "2024-02-29"),
    ("'infinity'::date", "infinity"),
    ("'0044-03-15 BC'::date", "0044-03-15 BC"),
    ("'2024-02-29 12:34:56.789'::timestamp", "2024-02-29 12:34:56.789"),
    ("'2024-02-29 12:34:56.123456+02'::timestamptz", "2024-02-29 10:34:56.123456+00"),
    ("'-infinity'::timestamptz", "-infinity"),
    ("'24:00'::time", "24:00:00"),
    ("'12:00+05:30'::timetz", "12:00:00+05:30"),
    ("'1 year 2 mons -3 days 04:05:06.7'::interval", "1 year 2 mons -3 days +04:05:06.7"),
    ("'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'::uuid", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    ("'fine'::mood", "fine"),
    ("'{sad,fine}'::mood[]", "{sad,fine}"),
    ("ROW(1, 'a \"b\"')::pair", "(1,\"a \"\"b\"\"\")"),
    ("ARRAY[ROW(1, NULL)::pair]", "{\"(1,)\"}"),
    ("ROW(1, 'a', NULL)", "(1,a,)"),
    ("'[1,5)'::int4range", "[1,5)"),
    ("'empty'::numrange", "empty"),
    ("'{[1,3),[5,7)}'::int4multirange", "{[1,3),[5,7)}"),
    ("'\\x00ff10'::bytea", "\\x00ff10"),
    ("'12.34'::money", "$12.34"),
    ("'10.0.0.0/8'::cidr", "10.0.0.0/8"),
    ("'::1'::inet", "::1"),
    ("'08:00:2b:01:02:03'::macaddr", "08:00:2b:01:02:03"),
    ("B'101'", "101"),
    ("'(1,2)'::point", "(1,2)"),
    ("'<a>b</a>'::xml", "<a>b</a>"),
    ("'a fat cat'::tsvector", "'a' 'cat' 'fat'"),
    ("'fat & !rat'::tsquery", "'fat' & !'rat'"),
    ("'16/B374D848'::pg_lsn", "16/B374D848"),
    ("'pg_class'::regclass", "pg_class"),
    ("26::oid", "26"),
    ("'1 2 3'::int2vector", "1 2 3"),
    ("'$.a[*]'::jsonpath", "$.\"a\"[*]"),
    ("'(0,1)'::tid", "(0,1)"),
    ("'postgres=arwdDxt/postgres'::aclitem", "postgres=arwdDxt/postgres"),
];

#[tokio::test]
async fn raw_text_is_what_postgres_prints() {
    let served = Served::after(SETUP).await;
    for (expression, text, _) in cases() {
        let body = json!({ "query": format!("SELECT {expression} AS v") });
        let answer = served.proxy.sql_request(&body).header("Neon-Raw-Text-Output", "true").send().await;
        assert_eq!(answer.status, 200, "{expression}: {}", answer.text);
        assert_eq!(answer.body["rows"], json!([{ "v": text }]), "{expression}");
        assert_eq!(served.postgres(&format!("SELECT {expression}")).await, text, "the case itself: {expression}");
    }
}

#[tokio::test]
async fn values_are_json_where_json_can_carry_them() {
    let served = Served::after(SETUP).await;
    for (expression, _, value) in cases() {
        let query = format!("SELECT {expression} AS v");
        assert_eq!(served.run(&query).await["rows"], json!([{ "v": value }]), "{expression}");
        let results = served.run_batch(&[&query]).await;
        assert_eq!(results[0]["rows"], json!([{ "v": value }]), "{expression} in a batch");
    }
}

#[tokio::test]
async fn null_is_null_in_every_type_and_mode() {
    let served = Served::after(SETUP).await;
    for kind in ["int", "text", "jsonb", "int[]", "mood", "pair", "small", "numeric", "bytea", "int4range", "mood[]"] {
        let query = format!("SELECT NULL::{kind} AS v");
        assert_eq!(served.run(&query).await["rows"], json!([{ "v": null }]), "{kind}");
        let request = served.proxy.sql_request(&json!({ "query": query, "arrayMode": true }));
        let raw = request.header("Neon-Raw-Text-Output", "true").send().await.expect(200);
        assert_eq!(raw.body["rows"], json!([[null]]), "{kind}");
    }
}

#[tokio::test]
async fn json_and_numbers_keep_every_digit() {
    let served = Served::plain().await;
    for (query, part) in [
        (r#"SELECT '{"n": 12345678901234567890.10}'::json AS v"#, r#"{"v":{"n": 12345678901234567890.10}}"#),
        ("SELECT '[1.0, 1e2]'::json AS v", r#"{"v":[1.0, 1e2]}"#),
        (r#"SELECT '{"a": 1, "a": 2}'::json AS v"#, r#"{"v":{"a": 1, "a": 2}}"#),
        ("SELECT 1e22::float8 AS v", r#"{"v":1e+22}"#),
        ("SELECT ARRAY['1.00']::jsonb[] AS v", r#"{"v":[1.00]}"#),
    ] {
        let text = served.ask(query).await.expect(200).text;
        assert!(text.contains(part), "{query}: {text}");
    }
}

#[tokio::test]
async fn settings_of_the_request_shape_its_text() {
    let served = Served::plain().await;
    for (setting, expression, text) in [
        ("SET LOCAL DateStyle = 'German'", "'2024-02-29'::date", "29.02.2024"),
        ("SET LOCAL IntervalStyle = 'iso_8601'", "'1 day 2 hours'::interval", "P1DT2H"),
        ("SET LOCAL bytea_output = 'escape'", "'\\x6100'::bytea", "a\\000"),
        ("SET LOCAL TimeZone = 'Asia/Tokyo'", "'2024-01-01 00:00+00'::timestamptz", "2024-01-01 09:00:00+09"),
        ("SET LOCAL extra_float_digits = -15", "'{1.5}'::float8[]::text", "{2}"),
    ] {
        let query = format!("SELECT {expression} AS v");
        let results = served.run_batch(&[setting, &query]).await;
        assert_eq!(results[1]["rows"], json!([{ "v": text }]), "{setting}");
        assert_ne!(served.value(&query).await, text, "{setting} has outlived its request");
    }
}
