use super::map;
use crate::plan::structure::{Enums, Structure};
use crate::plan::value::{Names, Number, Record, Value};

fn try_map(value: &Value, structure: &str) -> Result<String, String> {
    let structure: Structure = serde_json::from_str(structure).unwrap();
    let enums: Enums = serde_json::from_str(r#"{"E":{"abc":"ABC","1":"ONE"}}"#).unwrap();
    let mut out = Vec::new();
    match map(value, &structure, &enums, 1 << 20, &mut out) {
        Ok(()) => Ok(String::from_utf8(out).unwrap()),
        Err(error) => {
            assert_eq!(error.code, Some("P2023"));
            assert_eq!(error.sqlstate, None);
            let expected = if error.message.ends_with("valid JSON") { r#"{"cause":{}}"# } else { "{}" };
            assert_eq!(error.meta.as_deref(), Some(expected));
            Err(error.message)
        }
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn int(integer: i64) -> Value {
    Value::Number(Number::Int(integer))
}

fn float(float: f64) -> Value {
    Value::Number(Number::Float(float))
}

fn record(fields: &[(&str, Value)]) -> Value {
    let names: Names = fields.iter().map(|(name, _)| Box::from(*name)).collect();
    Value::Record(Record::new(names, fields.iter().map(|(_, value)| value.clone()).collect()))
}

fn field(kind: &str) -> String {
    format!(r#"{{"type":"field","dbName":"a","fieldType":{{"arity":"optional","type":{kind}}}}}"#)
}

fn object(fields: &str) -> String {
    format!(r#"{{"type":"object","serializedName":null,"skipNulls":false,"fields":{{{fields}}}}}"#)
}

/// The same, of a value by itself, of a column, and of an object in JSON.
#[test]
fn maps_values_by_type() {
    for (kind, value, expected) in [
        (r#""string""#, text("plain \"é\" \n"), r#""plain \"é\" \n""#),
        (r#""int""#, int(-2_147_483_648), "-2147483648"),
        (r#""int""#, int(-9_007_199_254_740_991), "-9007199254740991"),
        (r#""int""#, float(-2.9), "-2"),
        (r#""int""#, float(-0.5), "0"),
        (r#""int""#, float(1e21), "1e+21"),
        (r#""int""#, text("12.9"), "12"),
        (r#""int""#, text(" 12 "), "12"),
        (r#""int""#, text(""), "0"),
        (r#""int""#, text("0x10"), "16"),
        (r#""int""#, text("-9007199254740991"), "-9007199254740991"),
        (r#""bigint""#, int(1), r#"{"$type":"BigInt","value":"1"}"#),
        (r#""bigint""#, int(i64::MAX), r#"{"$type":"BigInt","value":"9223372036854775807"}"#),
        (r#""bigint""#, float(1e21), r#"{"$type":"BigInt","value":"1e+21"}"#),
        (r#""bigint""#, text("-9223372036854775808"), r#"{"$type":"BigInt","value":"-9223372036854775808"}"#),
        (r#""float""#, float(1.5e-7), "1.5e-7"),
        (r#""float""#, float(-0.0), "0"),
        (r#""float""#, text("12.90"), "12.9"),
        (r#""float""#, text("NaN"), "null"),
        (r#""float""#, text("-nan"), "null"),
        (r#""float""#, text("-Infinity"), "null"),
        (r#""boolean""#, Value::Bool(true), "true"),
        (r#""boolean""#, int(1), "true"),
        (r#""boolean""#, int(2), "false"),
        (r#""boolean""#, text("TRUE"), "true"),
        (r#""boolean""#, text("0"), "false"),
        (r#""decimal""#, int(5), r#"{"$type":"Decimal","value":"5"}"#),
        (r#""decimal""#, float(1.5), r#"{"$type":"Decimal","value":"1.5"}"#),
        (r#""decimal""#, text("1.10"), r#"{"$type":"Decimal","value":"1.1"}"#),
        (r#""decimal""#, text("NaN"), r#"{"$type":"Decimal","value":"NaN"}"#),
        (
            r#""datetime""#,
            text("2024-05-06T07:08:09.01+00:00"),
            r#"{"$type":"DateTime","value":"2024-05-06T07:08:09.010Z"}"#,
        ),
        (r#""datetime""#, text("10:11:12+02"), r#"{"$type":"DateTime","value":"1970-01-01T08:11:12.000Z"}"#),
        (r#""datetime""#, text("0044-03-15 BC"), r#"{"$type":"DateTime","value":"-000043-03-15T00:00:00.000Z"}"#),
        (r#""datetime""#, float(1.5), r#"{"$type":"DateTime","value":"1970-01-01T00:00:00.001Z"}"#),
        (r#""json""#, text(r#"{"z" : 1.0}"#), r#"{"$type":"Json","value":"{\"z\":1}"}"#),
        (r#""json""#, text("\"s\""), r#"{"$type":"Json","value":"\"s\""}"#),
        (r#""json""#, int(5), r#"{"$type":"Json","value":"5"}"#),
        (r#""json""#, Value::Bool(true), r#"{"$type":"Json","value":"true"}"#),
        (r#""object""#, text("s\""), r#"{"$type":"Json","value":"\"s\\\"\""}"#),
        (r#""object""#, float(1.5), r#"{"$type":"Json","value":"1.5"}"#),
        (r#""object""#, Value::List(vec![int(1), Value::Null]), r#"{"$type":"Json","value":"[1,null]"}"#),
        (r#""object""#, Value::Json(r#"{"a": [1.0]}"#.into()), r#"{"$type":"Json","value":"{\"a\":[1]}"}"#),
        (r#""bytes","encoding":"hex""#, text("\\x00ff"), r#"{"$type":"Bytes","value":"AP8="}"#),
        (r#""bytes","encoding":"hex""#, text("\\xabc"), r#"{"$type":"Bytes","value":"qw=="}"#),
        (r#""bytes","encoding":"base64""#, text("A-_"), r#"{"$type":"Bytes","value":"A+8="}"#),
        (r#""bytes","encoding":"array""#, Value::List(vec![int(1), int(258)]), r#"{"$type":"Bytes","value":"AQI="}"#),
        (r#""enum","name":"E""#, text("abc"), r#""ABC""#),
        (r#""enum","name":"E""#, int(1), r#""ONE""#),
        (r#""unsupported""#, text("x"), r#""x""#),
        (r#""unsupported""#, Value::List(vec![Value::Json("{\"a\":1}".into())]), r#"[{"a":1}]"#),
    ] {
        let field = field(kind);
        assert_eq!(try_map(&value, &field).as_deref(), Ok(expected), "{kind}");
        let structure = object(&format!(r#""x":{field}"#));
        let expected = format!(r#"{{"x":{expected}}}"#);
        assert_eq!(try_map(&record(&[("a", value.clone())]), &structure).as_ref(), Ok(&expected), "{kind}");
        let mut json = Vec::new();
        super::plain::write(&mut json, &record(&[("b", int(0)), ("a", value)]));
        let json = String::from_utf8(json).unwrap();
        assert_eq!(try_map(&text(&json), &structure).as_ref(), Ok(&expected), "{kind} {json}");
    }
}

#[test]
fn maps_what_json_has_not() {
    for (kind, value, expected) in [
        (r#""boolean""#, Value::Bytes([0, 4].into()), "true"),
        (r#""boolean""#, Value::Bytes([0].into()), "false"),
        (r#""float""#, float(f64::NAN), "null"),
        (r#""float""#, float(f64::INFINITY), "null"),
        (r#""datetime""#, Value::Moment(-1), r#"{"$type":"DateTime","value":"1969-12-31T23:59:59.999Z"}"#),
        (r#""bytes","encoding":"array""#, Value::Bytes([0, 255, 16].into()), r#"{"$type":"Bytes","value":"AP8Q"}"#),
        (r#""bytes","encoding":"hex""#, Value::Bytes([].into()), r#"{"$type":"Bytes","value":""}"#),
        (r#""unsupported""#, Value::Bytes([1].into()), r#"{"$type":"Bytes","value":"AQ=="}"#),
        // A number that JSON's walker hands on as it stands.
        (
            r#""decimal""#,
            Value::Json("1.23456789012345678901234567890".into()),
            r#"{"$type":"Decimal","value":"1.2345678901234567890123456789"}"#,
        ),
        (
            r#""bigint""#,
            Value::Json("12345678901234567890".into()),
            r#"{"$type":"BigInt","value":"12345678901234567890"}"#,
        ),
        (r#""int""#, Value::Json("12.5".into()), "12"),
        (r#""float""#, Value::Json("1e999".into()), "null"),
        (r#""json""#, Value::Json("[1.0, {}]".into()), r#"{"$type":"Json","value":"[1,{}]"}"#),
        (r#""string""#, Value::Json(r#""\u00e9\ud800""#.into()), "\"é\u{fffd}\""),
    ] {
        assert_eq!(try_map(&value, &field(kind)).as_deref(), Ok(expected), "{kind}");
    }
}

#[test]
fn says_what_it_expected() {
    let list = Value::List(vec![text("a"), Value::Null, Value::List(vec![int(1), int(2)])]);
    for (kind, value, expected) in [
        (r#""string""#, Value::Null, "Expected a string in column '<result>', got object: null"),
        (r#""string""#, int(1), "Expected a string in column '<result>', got number: 1"),
        (r#""string""#, float(1e21), "Expected a string in column '<result>', got number: 1e+21"),
        (r#""string""#, list, "Expected a string in column '<result>', got object: a,,1,2"),
        (
            r#""string""#,
            Value::Json(r#"["a",null,[1,[]],{"b":[2]},"c"]"#.into()),
            "Expected a string in column '<result>', got object: a,,1,,[object Object],c",
        ),
        (r#""string""#, record(&[]), "Expected a string in column '<result>', got object: [object Object]"),
        (r#""string""#, Value::Bytes([1, 255].into()), "Expected a string in column '<result>', got object: 1,255"),
        (r#""int""#, Value::Bool(true), "Expected an integer in column '<result>', got boolean: true"),
        (r#""int""#, text("abc"), "Expected an integer in column '<result>', got string: abc"),
        (r#""int""#, text("NaN"), "Expected an integer in column '<result>', got string: NaN"),
        (r#""int""#, Value::Undefined, "Expected an integer in column '<result>', got undefined: undefined"),
        (
            r#""int""#,
            text("9007199254740993"),
            "Integer value in column '<result>' is too large to represent as a JavaScript number without loss of \
             precision, got: 9007199254740993. Consider using BigInt type.",
        ),
        (r#""bigint""#, Value::Bool(false), "Expected a bigint in column '<result>', got boolean: false"),
        (r#""float""#, text("1.5x"), "Expected a float in column '<result>', got string: 1.5x"),
        (r#""boolean""#, text("t"), "Expected a boolean in column '<result>', got string: t"),
        (r#""decimal""#, text("abc"), "Expected a decimal in column '<result>', got string: abc"),
        (r#""datetime""#, text("infinity"), "Expected a date in column '<result>', got string: infinity"),
        (r#""datetime""#, float(1e21), "Expected a date in column '<result>', got number: 1e+21"),
        (r#""json""#, text("abc"), "Expected JSON in column '<result>', got string: abc"),
        (r#""bytes""#, text("AQ=="), "Expected a byte array in column '<result>', got string: AQ=="),
        (
            r#""bytes","encoding":"base64""#,
            int(1),
            "Expected a base64-encoded byte array in column '<result>', got number: 1",
        ),
        (
            r#""bytes","encoding":"hex""#,
            text("abc"),
            "Expected a hex-encoded byte array in column '<result>', got string: abc",
        ),
        (r#""enum","name":"E""#, text("WAT"), "Value 'WAT' not found in enum 'E'"),
        (r#""enum","name":"E""#, Value::Null, "Value 'null' not found in enum 'E'"),
        (r#""enum","name":"Z""#, text("a"), "Unknown enum 'Z'"),
    ] {
        assert_eq!(try_map(&value, &field(kind)), Err(expected.to_owned()), "{kind}");
    }
}

fn list_of(kind: &str) -> String {
    object(&format!(r#""x":{{"type":"field","dbName":"a","fieldType":{{"arity":"list","type":"{kind}","name":"E"}}}}"#))
}

#[test]
fn maps_lists() {
    for (kind, value, expected) in [
        ("int", Value::Null, r#"{"x":[]}"#),
        ("int", Value::List(vec![]), r#"{"x":[]}"#),
        ("int", Value::List(vec![int(1), text("2")]), r#"{"x":[1,2]}"#),
        ("int", Value::Json("[ 1, 2.5 ]".into()), r#"{"x":[1,2]}"#),
        (
            "bigint",
            text("{9223372036854775807,-1}"),
            r#"{"x":[{"$type":"BigInt","value":"9223372036854775807"},{"$type":"BigInt","value":"-1"}]}"#,
        ),
        ("string", text(r#"{"a b",c}"#), r#"{"x":["a b","c"]}"#),
        ("boolean", text("{t,f}"), r#"{"x":[true,false]}"#),
        ("string", text("{}"), r#"{"x":[]}"#),
        (
            "json",
            Value::List(vec![Value::Null, text("[1.0]")]),
            r#"{"x":[{"$type":"Json","value":"null"},{"$type":"Json","value":"[1]"}]}"#,
        ),
        (
            "object",
            Value::Json("[null, {\"a\": 1}]".into()),
            r#"{"x":[{"$type":"Json","value":"null"},{"$type":"Json","value":"{\"a\":1}"}]}"#,
        ),
        ("unsupported", Value::List(vec![Value::Null]), r#"{"x":[null]}"#),
        ("float", Value::List(vec![float(1.5), float(f64::NAN)]), r#"{"x":[1.5,null]}"#),
        ("enum", Value::List(vec![text("abc")]), r#"{"x":["ABC"]}"#),
    ] {
        assert_eq!(try_map(&record(&[("a", value)]), &list_of(kind)).as_deref(), Ok(expected), "{kind}");
    }
    for (kind, value, expected) in [
        ("int", Value::List(vec![int(1), Value::Null]), "Expected an integer in column 'a[1]', got object: null"),
        ("int", Value::Json("[[1]]".into()), "Expected an integer in column 'a[0]', got object: 1"),
        ("string", Value::List(vec![Value::Null]), "Expected a string in column 'a[0]', got object: null"),
        ("bigint", text("{1,NULL}"), "Expected a bigint in column 'a[1]', got object: null"),
        ("datetime", Value::List(vec![text("infinity")]), "Expected a date in column 'a[0]', got string: infinity"),
        ("int", text("x"), "Expected a list in column 'a', got string: x"),
        ("int", int(5), "Expected a list in column 'a', got number: 5"),
        ("int", Value::Json("{}".into()), "Expected a list in column 'a', got object: [object Object]"),
    ] {
        assert_eq!(try_map(&record(&[("a", value)]), &list_of(kind)), Err(expected.to_owned()), "{kind}");
    }
}

const INT: &str = r#"{"type":"field","dbName":"a","fieldType":{"arity":"required","type":"int"}}"#;

#[test]
fn maps_objects() {
    let one = object(&format!(r#""x":{INT}"#));
    let skipping = one.replace("false", "true");
    let whole = record(&[("b", int(2)), ("a", int(1))]);
    let missing = r#"Missing data field (Value): 'a'; node: {"type":"field","dbName":"a","fieldType":{"arity":"required","type":"int"}}; data: "#;
    for (structure, value, expected) in [
        (&one, Value::Null, Ok("null")),
        (&one, Value::List(vec![]), Ok("[]")),
        (&one, whole.clone(), Ok(r#"{"x":1}"#)),
        (&one, Value::List(vec![whole.clone(), whole.clone()]), Ok(r#"[{"x":1},{"x":1}]"#)),
        (
            &one,
            Value::List(vec![record(&[("a", int(1))]), whole.clone(), Value::Json(r#"{"a":3}"#.into())]),
            Ok(r#"[{"x":1},{"x":1},{"x":3}]"#),
        ),
        (&one, text("null"), Ok("null")),
        (&one, text(" [] "), Ok("[]")),
        (&one, text(r#"[{"a":1,"b":{"a":2}},{"a":null}]"#), Ok(r#"[{"x":1},{"x":null}]"#)),
        (&one, text(r#"{"a":1,"a":2}"#), Ok(r#"{"x":2}"#)),
        (&one, text(r#"{"\u0061":1}"#), Ok(r#"{"x":1}"#)),
        (&one, text(r#""{\"a\":1}""#), Ok(r#"{"x":1}"#)),
        (&one, Value::Json(r#"{"a":1}"#.into()), Ok(r#"{"x":1}"#)),
        (&skipping, Value::List(vec![Value::Null, whole.clone(), Value::Null]), Ok(r#"[{"x":1}]"#)),
        (&skipping, Value::List(vec![Value::Null]), Ok("[]")),
        (&skipping, text("[null, {\"a\":1}]"), Ok(r#"[{"x":1}]"#)),
        (&skipping, text("[null]"), Ok("[]")),
        (&one, Value::List(vec![Value::Null]), Err("Expected an object, but got 'null'")),
        (&one, text("[null]"), Err("Expected an object, but got 'null'")),
        (&one, Value::List(vec![int(1)]), Err("Expected an object, but got 'number'")),
        (&one, text("[1]"), Err("Expected an object, but got 'number'")),
        (&one, Value::List(vec![text("{}")]), Err("Expected an object, but got 'string'")),
        (&one, int(5), Err("Expected an array or an object, got: number")),
        (&one, Value::Bool(true), Err("Expected an array or an object, got: boolean")),
        (&one, Value::Undefined, Err("Expected an array or an object, got: undefined")),
        (&one, text("5"), Err("Expected an array or an object, got: number")),
        (&one, text("x"), Err("Expected an array or object, got a string that is not valid JSON")),
        (&one, text("\"x\""), Err("Expected an array or object, got a string that is not valid JSON")),
        (&one, record(&[("b", int(1))]), Err(&*format!("{missing}{{\"b\":1}}"))),
        (&one, text("{\"b\" : 1}"), Err(&*format!("{missing}{{\"b\":1}}"))),
        (&one, text("[[{\"a\":1}]]"), Err(&*format!("{missing}[{{\"a\":1}}]"))),
        (&one, Value::List(vec![Value::List(vec![int(1)])]), Err(&*format!("{missing}[1]"))),
    ] {
        assert_eq!(try_map(&value, structure).as_deref().map_err(|error| &**error), expected);
    }
}

/// Members of the same record, of a record in it, of a list of them, of JSON.
#[test]
fn maps_objects_in_objects() {
    let nested = |name: &str| object(&format!(r#""x":{INT}"#)).replace("null", name);
    let structure = object(&format!(
        r#""z":{INT},"_sum":{},"posts":{}"#,
        object(&format!(r#""_deep":{},"s":{INT}"#, nested("null"))),
        nested("\"p\"")
    ));
    for posts in
        [Value::List(vec![record(&[("a", int(2))]), record(&[("a", Value::Null)])]), text(r#"[{"a":2},{"a":null}]"#)]
    {
        let value = record(&[("p", posts), ("a", int(1))]);
        assert_eq!(
            try_map(&value, &structure).as_deref(),
            Ok(r#"{"z":1,"_sum":{"_deep":{"x":1},"s":1},"posts":[{"x":2},{"x":null}]}"#)
        );
    }
    assert_eq!(
        try_map(&text(r#"{"a":1,"p":{"a":2}}"#), &structure).as_deref(),
        Ok(r#"{"z":1,"_sum":{"_deep":{"x":1},"s":1},"posts":{"x":2}}"#)
    );
    assert_eq!(
        try_map(&record(&[("a", int(1)), ("p", Value::Null)]), &object(&format!(r#""p":{}"#, nested("\"p\""))))
            .as_deref(),
        Ok(r#"{"p":null}"#)
    );
    assert_eq!(
        try_map(&record(&[("a", int(1))]), &object(&format!(r#""x":{}"#, nested("\"n\"")))),
        Err(r#"Missing data field (Object): 'x'; node: {"type":"object","serializedName":"n","fields":{"x":{"type":"field","dbName":"a","fieldType":{"arity":"required","type":"int"}}},"skipNulls":false}; data: {"a":1}"#.to_owned())
    );
    assert_eq!(
        try_map(&record(&[]), &object(r#""x":{"type":"affectedRows"}"#)),
        Err("Unexpected 'AffectedRows' node in data mapping for field 'x'".to_owned())
    );
    assert_eq!(try_map(&record(&[]), &object("")).as_deref(), Ok("{}"));
    assert_eq!(try_map(&text("{}"), &object("")).as_deref(), Ok("{}"));
}

#[test]
fn counts_affected_rows() {
    let structure = r#"{"type":"affectedRows"}"#;
    assert_eq!(try_map(&int(5), structure).as_deref(), Ok(r#"{"count":5}"#));
    for (value, expected) in [
        (text("5"), "Expected an affected rows count, got: string (5)"),
        (Value::Null, "Expected an affected rows count, got: object (null)"),
        (Value::Undefined, "Expected an affected rows count, got: undefined (undefined)"),
        (Value::List(vec![int(1)]), "Expected an affected rows count, got: object (1)"),
    ] {
        assert_eq!(try_map(&value, structure), Err(expected.to_owned()));
    }
}

/// What is in relations keeps its digits, but for JSON, of which clients make numbers.
#[test]
fn keeps_digits() {
    let kinds = [("d", "decimal"), ("b", "bigint"), ("o", "object")];
    let fields: Vec<_> = kinds
        .map(|(name, kind)| {
            format!(r#""{name}":{}"#, field(&format!("\"{kind}\"")).replace("\"a\"", &format!("\"{name}\"")))
        })
        .into();
    let json = r#"[{"b": 9223372036854775807, "d": 123456789012345678901234567890.1234567890, "o": {"n": 12345678901234567890}}]"#;
    assert_eq!(
        try_map(&text(json), &object(&fields.join(","))).as_deref(),
        Ok(
            r#"[{"d":{"$type":"Decimal","value":"1.23456789012345678901234567890123456789e+29"},"b":{"$type":"BigInt","value":"9223372036854775807"},"o":{"$type":"Json","value":"{\"n\":12345678901234567000}"}}]"#
        )
    );
}
