//! One value: what each type's text becomes, and what it does not.

use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::{json, value};

const BOOL: u32 = 16;
const BYTEA: u32 = 17;
const INT8: u32 = 20;
const INT2: u32 = 21;
const INT2VECTOR: u32 = 22;
const INT4: u32 = 23;
const TEXT: u32 = 25;
const OID: u32 = 26;
const JSON: u32 = 114;
const FLOAT4: u32 = 700;
const FLOAT8: u32 = 701;
const TIMESTAMP: u32 = 1114;
const TIMESTAMPTZ: u32 = 1184;
const NUMERIC: u32 = 1700;
const UUID: u32 = 2950;
const JSONB: u32 = 3802;
/// Of a type that somebody made.
const CUSTOM: u32 = 100_000;
const BOOLS: u32 = 1000;
const BYTEAS: u32 = 1001;
const INT4S: u32 = 1007;
const TEXTS: u32 = 1009;
const BOXES: u32 = 1020;
const TIMESTAMPTZS: u32 = 1185;
const JSONBS: u32 = 3807;

#[track_caller]
fn check<T: DeserializeOwned + PartialEq + Debug>(oid: u32, text: &str, expected: T) {
    assert_eq!(value::<T>(oid, Some(text)), Ok(expected), "{oid} {text}");
}

#[track_caller]
fn refuse<T: DeserializeOwned + Debug>(oid: u32, text: Option<&str>, words: &str) {
    let error = value::<T>(oid, text).unwrap_err().to_string();
    assert!(error.starts_with("column \"c\" (") && error.contains(words), "{oid} {text:?}: {error}");
    // The shortest values are part of every sentence.
    let quoted = text.is_some_and(|text| text.len() > 3 && error.contains(text));
    assert!(!quoted, "{error}");
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Mood {
    Sad,
    VeryHappy,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Doc {
    a: i32,
    #[serde(default)]
    b: Option<String>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Id(i64);

#[test]
fn whole_numbers() {
    check(INT2, "-32768", i16::MIN);
    check(INT4, "2147483647", i32::MAX);
    check(INT8, "9223372036854775807", i64::MAX);
    check(INT8, "-9223372036854775808", i128::from(i64::MIN));
    check(OID, "4294967295", u32::MAX);
    check(INT4, "255", 255_u8);
    check(NUMERIC, "170141183460469231731687303715884105727", i128::MAX);
    check(NUMERIC, "18446744073709551615", u64::MAX);
    check(NUMERIC, "5.00", 5_i32);
    check(NUMERIC, "-5.0000", -5_i64);
    check(NUMERIC, "0.00", 0_u8);
    check(1231, "{1.00,NULL}", vec![Some(1), None]);
    check(CUSTOM, "7", 7_i32);
    check(INT8, "7", Id(7));
    refuse::<i8>(INT4, Some("1280"), "from -128 to 127");
    refuse::<u32>(INT4, Some("-1000"), "from 0 to 4294967295");
    refuse::<i32>(INT8, Some("3000000000"), "from -2147483648");
    refuse::<i64>(NUMERIC, Some("1.5000"), "whole number");
    refuse::<i64>(NUMERIC, Some("1.0001"), "whole number");
    refuse::<i8>(NUMERIC, Some("128.00"), "from -128 to 127");
    refuse::<i64>(NUMERIC, Some("Infinity"), "whole number");
    refuse::<i64>(TEXT, Some("5.00"), "whole number");
    refuse::<i64>(TEXT, Some("12345"), "whole number");
    refuse::<i64>(FLOAT8, Some("12345"), "whole number");
    refuse::<i32>(INT4, None, "NULL");
}

#[test]
fn other_numbers() {
    check(FLOAT8, "0.1", 0.1_f64);
    check(FLOAT8, "1e+300", 1e300_f64);
    check(FLOAT8, "Infinity", f64::INFINITY);
    check(FLOAT8, "-Infinity", f64::NEG_INFINITY);
    assert!(value::<f64>(FLOAT8, Some("NaN")).unwrap().is_nan());
    check(FLOAT4, "0.1", 0.1_f32);
    check(FLOAT4, "Infinity", f32::INFINITY);
    check(INT4, "7", 7.0_f64);
    check(NUMERIC, "1.10", 1.1_f64);
    check(NUMERIC, "-Infinity", f64::NEG_INFINITY);
    check(NUMERIC, "1.10", "1.10".to_owned());
    check(NUMERIC, "NaN", "NaN".to_owned());
    check(INT8, "7", "7".to_owned());
    refuse::<f32>(FLOAT8, Some("1e+300"), "within range");
    refuse::<f64>(NUMERIC, Some(&"9".repeat(400)), "within range");
    refuse::<f64>(INT8, Some("9007199254740993"), "floating-point");
    refuse::<f64>(TEXT, Some("1.2345"), "floating-point");
}

#[test]
fn booleans() {
    check(BOOL, "t", true);
    check(BOOL, "f", false);
    refuse::<bool>(TEXT, Some("true"), "a boolean");
    refuse::<bool>(INT4, Some("1"), "a boolean");
    refuse::<i32>(BOOL, Some("t"), "whole number");
}

#[test]
fn texts() {
    check(TEXT, "", String::new());
    check(TEXT, "a\"b\\ä🦀\n", "a\"b\\ä🦀\n".to_owned());
    check(TEXT, "ä", 'ä');
    check(BOOL, "t", "t".to_owned());
    check(CUSTOM, "(1,2)", "(1,2)".to_owned());
    refuse::<char>(TEXT, Some("hunter2"), "a character");
    refuse::<String>(TEXT, None, "NULL where text was expected; an Option would take it");
    check(TEXT, "x", Some("x".to_owned()));
    check(TEXT, "null", Some("null".to_owned()));
    assert_eq!(value::<Option<String>>(TEXT, None), Ok(None));
}

#[test]
fn enums() {
    check(CUSTOM, "sad", Mood::Sad);
    check(TEXT, "very_happy", Mood::VeryHappy);
    check(JSONB, "\"sad\"", Mood::Sad);
    check(CUSTOM, "{sad,NULL,very_happy}", vec![Some(Mood::Sad), None, Some(Mood::VeryHappy)]);
    refuse::<Mood>(CUSTOM, Some("hunter2"), "expected one of sad, very_happy");
    refuse::<Mood>(CUSTOM, None, "NULL");
}

#[test]
fn uuids() {
    let id = uuid::Uuid::from_u128(0x6ba7_b810_9dad_11d1_80b4_00c0_4fd4_30c8);
    check(UUID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", id);
    check(UUID, "6ba7b810-9dad-11d1-80b4-00c04fd430c8", id.to_string());
    check(2951, "{6ba7b810-9dad-11d1-80b4-00c04fd430c8}", vec![id]);
    refuse::<uuid::Uuid>(TEXT, Some("hunter2"), "(text): the value is none of the type asked for");
}

#[test]
fn documents() {
    check(JSONB, r#"{"a": 1, "b": "x"}"#, Doc { a: 1, b: Some("x".to_owned()) });
    check(JSON, r#"{"a":1}"#, Some(Doc { a: 1, b: None }));
    check(JSONB, "[1, null]", json("[1,null]"));
    check(JSONB, "[1, 2]", vec![1, 2]);
    check(JSONB, "[1, 2]", (1, 2));
    check(JSONB, "18446744073709551615", u64::MAX);
    check(JSONB, "1.5", 1.5);
    check(JSONB, "true", true);
    check(JSONB, "null", None::<Doc>);
    for blank in [" null", "null\n", "\t null \r\n"] {
        check(JSON, blank, None::<Doc>);
        check(JSON, blank, None::<String>);
    }
    check(JSON, " \"sad\" ", Some(Mood::Sad));
    check(JSON, "{ \"a\" :1 }", "{ \"a\" :1 }".to_owned());
    let raw: Box<RawValue> = value(JSON, Some("{ \"a\" :1.10 }")).unwrap();
    assert_eq!(raw.get(), "{ \"a\" :1.10 }");
    check(JSONBS, r#"{"{\"a\": 1}",NULL,"{\"a\": 2, \"b\": \"\\\"\"}"}"#, {
        vec![Some(Doc { a: 1, b: None }), None, Some(Doc { a: 2, b: Some("\"".to_owned()) })]
    });
    refuse::<Doc>(JSONB, Some(r#"{"a": "hunter2"}"#), "at its line 1, column");
    refuse::<Doc>(JSONB, None, "NULL");
    refuse::<Doc>(TEXT, Some(r#"{"a": 1}"#), "expected struct Doc");
    refuse::<i32>(JSONB, Some("\"hunter2\""), "the JSON does not fit");
}

#[test]
fn byte_strings() {
    check(BYTEA, "\\x00ff", vec![0_u8, 255]);
    check(BYTEA, "a\\000", vec![b'a', 0]);
    check(BYTEA, "\\x0102", [1_u8, 2]);
    check(BYTEA, "\\x", Vec::<u8>::new());
    check(BYTEAS, r#"{"\\x01",NULL,"\\x"}"#, vec![Some(vec![1_u8]), None, Some(vec![])]);
    refuse::<[u8; 3]>(BYTEA, Some("\\x0102"), "expected");
    refuse::<[u8; 1]>(BYTEA, Some("\\x0102"), "2 values where");
    refuse::<Vec<u8>>(TEXT, Some("hunter2"), "a sequence");
}

#[test]
fn timestamps() {
    for (oid, text, expected) in [
        (TIMESTAMPTZ, "2024-01-01 12:00:00.5+00", "2024-01-01T12:00:00.5+00:00"),
        (TIMESTAMP, "2024-01-01 12:00:00", "2024-01-01T12:00:00"),
        // These have no form in RFC 3339.
        (TIMESTAMPTZ, "infinity", "infinity"),
        (TIMESTAMP, "-infinity", "-infinity"),
        (TIMESTAMPTZ, "0044-03-15 00:00:00+00 BC", "0044-03-15 00:00:00+00 BC"),
        (1082, "2024-01-01", "2024-01-01"),
        (1083, "12:00:00.5", "12:00:00.5"),
        (1186, "1 day 02:00:00", "1 day 02:00:00"),
        (TEXT, "2024-01-01 12:00:00+00", "2024-01-01 12:00:00+00"),
    ] {
        check(oid, text, expected.to_owned());
    }
    check(TIMESTAMPTZS, r#"{"2024-01-01 12:00:00+00",NULL}"#, vec![Some("2024-01-01T12:00:00+00:00".to_owned()), None]);
}

#[test]
fn arrays() {
    check(INT4S, "{}", Vec::<i32>::new());
    check(INT4S, "{1,2}", vec![1, 2]);
    check(INT4S, "[0:1]={1,2}", vec![1, 2]);
    check(INT4S, "{{1,2},{3,NULL}}", vec![vec![Some(1), Some(2)], vec![Some(3), None]]);
    check(INT4S, "{{{1}},{{2}}}", vec![vec![vec![1]], vec![vec![2]]]);
    check(INT4S, "{1,2}", (1, 2));
    check(INT4S, "{1,2}", [1, 2]);
    check(BOOLS, "{t,f}", vec![true, false]);
    check(TEXTS, r#"{"NULL","a,b","c\"d","e\\f",""}"#, ["NULL", "a,b", "c\"d", "e\\f", ""].map(str::to_owned).to_vec());
    check(BOXES, "{(2,2),(1,1);(4,4),(3,3)}", vec!["(2,2),(1,1)".to_owned(), "(4,4),(3,3)".to_owned()]);
    check(INT2VECTOR, "1 2 3", vec![1_i16, 2, 3]);
    check(INT2VECTOR, "", Vec::<i16>::new());
    check(CUSTOM, "{1,2}", vec![1, 2]);
    check(INT4S, "{1,2}", "{1,2}".to_owned());
    refuse::<Vec<i32>>(INT4S, Some("{1000,NULL}"), "(int4[]): NULL");
    refuse::<Vec<i32>>(INT4S, Some("{{1000}}"), "an array where");
    refuse::<Vec<Vec<i32>>>(INT4S, Some("{1000}"), "a sequence");
    refuse::<[i32; 2]>(INT4S, Some("{1,2,3}"), "3 values where");
    refuse::<[i32; 2]>(INT4S, Some("{1,}"), "an array");
    refuse::<Vec<i32>>(INT4, Some("1000"), "a sequence");
    refuse::<Vec<i32>>(INT4S, None, "NULL where a list");
}

#[test]
fn whatever_there_is() {
    for (oid, text, expected) in [
        (BOOL, "t", "true"),
        (INT8, "9223372036854775807", "9223372036854775807"),
        (FLOAT8, "0.5", "0.5"),
        // JSON has no such numbers, and its null would be another value.
        (FLOAT8, "NaN", "\"NaN\""),
        (FLOAT8, "Infinity", "\"Infinity\""),
        (FLOAT4, "-Infinity", "\"-Infinity\""),
        (1022, "{0.5,NaN,NULL}", r#"[0.5,"NaN",null]"#),
        (NUMERIC, "1.10", "\"1.10\""),
        (TEXT, "x", "\"x\""),
        (JSONB, "{\"a\": 1}", "{\"a\":1}"),
        (BYTEA, "\\x01", r#""\\x01""#),
        (INT4S, "{{1,NULL}}", "[[1,null]]"),
        (INT2VECTOR, "1 2", "[1,2]"),
        (CUSTOM, "sad", "\"sad\""),
    ] {
        check::<Value>(oid, text, json(expected));
    }
    assert_eq!(value::<Value>(INT4, None), Ok(Value::Null));
    check(2278, "", ());
}
