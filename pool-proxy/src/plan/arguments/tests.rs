use super::{ArgType, from_base64, param};
use crate::plan::value::{Number, Value};
use crate::postgres::Param;

fn ty(json: &str) -> ArgType {
    serde_json::from_str(json).unwrap()
}

fn text(value: &str) -> Value {
    Value::Text(value.into())
}

fn int(value: i64) -> Value {
    Value::Number(Number::Int(value))
}

fn float(value: f64) -> Value {
    Value::Number(Number::Float(value))
}

/// A parameter in short: bytes in hexadecimal digits behind a `#`.
fn written(value: &Value, ty: &ArgType) -> String {
    match param(value, ty).unwrap() {
        Param::Null => "NULL".to_owned(),
        Param::Text(text) => text,
        Param::Bytes(bytes) => bytes.iter().fold("#".to_owned(), |out, byte| format!("{out}{byte:02x}")),
        Param::Array { .. } => panic!("not of a plan"),
    }
}

#[test]
fn writes_scalars() {
    let plain = ty(r#"{"arity":"scalar","scalarType":"string","dbType":"TEXT"}"#);
    for (value, expected) in [
        (Value::Undefined, "NULL"),
        (Value::Null, "NULL"),
        (Value::Bool(true), "true"),
        (Value::Bool(false), "false"),
        (int(-9_007_199_254_740_993), "-9007199254740993"),
        (float(1.5), "1.5"),
        (float(-0.0), "0"),
        (float(1e21), "1e+21"),
        (float(1.5e-7), "1.5e-7"),
        (float(f64::NAN), "NaN"),
        (float(f64::NEG_INFINITY), "-Infinity"),
        (text("it's \\ \"so\""), "it's \\ \"so\""),
        (text("2024-01-01T00:00:00.000Z"), "2024-01-01T00:00:00.000Z"),
        (text("AQI="), "AQI="),
        (Value::Json(r#"{"a":1}"#.into()), r#"{"a":1}"#),
        (Value::Moment(1_704_164_645_678), "2024-01-02 03:04:05.678"),
        (Value::Bytes([0, 255].into()), "#00ff"),
    ] {
        assert_eq!(written(&value, &plain), expected, "{expected}");
    }
}

#[test]
fn writes_dates_by_column_in_utc() {
    for (db_type, value, expected) in [
        ("null", "2024-01-02T03:04:05.678Z", "2024-01-02 03:04:05.678"),
        (r#""TIMESTAMP""#, "2024-01-02T03:04:05.000Z", "2024-01-02 03:04:05"),
        (r#""TIMESTAMPTZ""#, "2024-01-02T03:04:05.070+02:00", "2024-01-02 01:04:05.070"),
        (r#""DATE""#, "2024-02-29T23:30:00-01:00", "2024-03-01"),
        (r#""TIME""#, "1970-01-01T23:59:59.123Z", "23:59:59.123"),
        (r#""TIMETZ""#, "1970-01-01T10:00:00.000Z", "10:00:00"),
        (r#""UNHEARD_OF""#, "0099-01-01T00:00:00Z", "0099-01-01 00:00:00"),
        (r#""TIMESTAMPTZ""#, "+012345-01-01T00:00:00.000Z", "12345-01-01 00:00:00"),
        (r#""DATE""#, "-000043-03-15T00:00:00.000Z", "0044-03-15 BC"),
        (r#""TIMESTAMP""#, "0000-12-31T12:00:00.500Z", "0001-12-31 12:00:00.500 BC"),
        // For Postgres to refuse, or to know.
        (r#""TIMESTAMP""#, "infinity", "infinity"),
        (r#""DATE""#, "2024-02-30T00:00:00Z", "2024-02-30T00:00:00Z"),
    ] {
        let ty = ty(&format!(r#"{{"arity":"scalar","scalarType":"datetime","dbType":{db_type}}}"#));
        assert_eq!(written(&text(value), &ty), expected);
    }
}

#[test]
fn writes_bytes() {
    let bytes = ty(r#"{"arity":"scalar","scalarType":"bytes","dbType":"BYTEA"}"#);
    for (value, expected) in [("", "#"), ("AP8Q", "#00ff10"), ("AQ==", "#01"), ("AQ", "#01"), ("_-8", "#ffef")] {
        assert_eq!(written(&text(value), &bytes), expected);
    }
    let list = ty(r#"{"arity":"list","scalarType":"bytes","dbType":"BYTEA"}"#);
    let items = Value::List(vec![text("AQ=="), text(""), Value::Null, Value::Bytes([0xfe].into())]);
    assert_eq!(written(&items, &list), r"{\\x01,\\x,NULL,\\xfe}");
}

#[test]
fn writes_array_literals() {
    let list = ty(r#"{"arity":"list","scalarType":"string","dbType":"TEXT"}"#);
    let dates = ty(r#"{"arity":"list","scalarType":"datetime","dbType":"DATE"}"#);
    let scalar = ty(r#"{"arity":"scalar","scalarType":"datetime","dbType":"DATE"}"#);
    for (value, ty, expected) in [
        (vec![], &list, "{}"),
        (vec![text("a"), text("b c"), text("NULL"), text(""), text("{}")], &list, r#"{"a","b c","NULL","","{}"}"#),
        (vec![text("q\"t"), text("b\\s"), text("日本")], &list, r#"{"q\"t","b\\s","日本"}"#),
        (vec![int(1), Value::Null, float(2.5), Value::Bool(true)], &list, r#"{"1",NULL,"2.5","true"}"#),
        (vec![Value::List(vec![int(1)]), Value::List(vec![int(2)])], &list, r#"{{"1"},{"2"}}"#),
        (vec![Value::Json(r#"{"x":1}"#.into())], &list, r#"{"{\"x\":1}"}"#),
        (vec![text("2024-01-02T03:04:05Z"), Value::Null], &dates, r#"{"2024-01-02",NULL}"#),
        (vec![text("2024-01-02T03:04:05Z")], &scalar, r#"{"2024-01-02T03:04:05Z"}"#),
    ] {
        assert_eq!(written(&Value::List(value), ty), expected);
    }
}

#[test]
fn reads_types_with_keys_missing() {
    for json in [
        "{}",
        r#"{"scalarType":"unknown","arity":"scalar"}"#,
        r#"{"scalarType":"new","arity":"new","dbType":"NEW","more":1}"#,
        r#"{"scalarType":null,"arity":null,"dbType":null,"elements":null}"#,
    ] {
        let ty = ty(json);
        assert!(ty.elements().is_none());
        assert_eq!(written(&text("2024-01-01"), &ty), "2024-01-01");
    }
    let tuple = ty(r#"{"arity":"tuple","elements":[{"scalarType":"int"},{"scalarType":"bytes"}]}"#);
    let elements = tuple.elements().unwrap();
    assert_eq!(elements.len(), 2);
    assert_eq!(written(&text("AQ=="), &elements[1]), "#01");
}

#[test]
fn decodes_base64_as_node_does() {
    for (text, expected) in [
        ("", &b""[..]),
        ("AAEC", b"\0\x01\x02"),
        ("AA", b"\0"),
        ("AA=", b"\0"),
        ("AB==", b"\0"),
        ("A", b""),
        ("AAE C\n", b"\0\x01\x02"),
        ("-_-_", b"\xfb\xff\xbf"),
        ("AA==AA==", b"\0"),
        ("*", b""),
    ] {
        assert_eq!(from_base64(text), expected, "{text}");
    }
}
