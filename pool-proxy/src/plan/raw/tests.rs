use super::{Raw, Typed};
use crate::gateway::call::Budget;
use crate::gateway::session::Sinks as _;
use crate::plan::rows::tests::column;
use crate::postgres::{Columns, RowSink as _};

fn written(type_oid: u32, text: &str) -> String {
    let mut out = Vec::new();
    Typed::of(type_oid).unwrap().write(&mut out, text);
    String::from_utf8(out).unwrap()
}

#[test]
fn writes_cells_by_type() {
    for (type_oid, text, expected) in [
        (21, "1", "1"),
        (23, "-2147483648", "-2147483648"),
        (20, "3", r#""3""#),
        (26, "4294967295", r#""4294967295""#),
        (700, "1.5", "1.5"),
        (701, "1e+20", "100000000000000000000"),
        (701, "1e+21", "1e+21"),
        (701, "-0", "0"),
        (701, "NaN", "null"),
        (701, "Infinity", "null"),
        (700, "-Infinity", "null"),
        (1700, "1.10", r#""1.10""#),
        (1700, "NaN", r#""NaN""#),
        (790, "$12.34", r#""12.34""#),
        (790, "$1,234.50", r#""1234.50""#),
        (790, "-$5.25", r#""-5.25""#),
        (16, "t", "true"),
        (16, "f", "false"),
        (25, "a \"b\"\n\u{1}é", r#""a \"b\"\n\u0001é""#),
        (1042, "c  ", r#""c  ""#),
        (1082, "2024-01-01", r#""2024-01-01""#),
        (1082, "0044-03-15 BC", r#""-000043-03-15""#),
        (1083, "10:11:12.5", r#""10:11:12.5""#),
        (1266, "10:11:12+02", r#""10:11:12""#),
        (1114, "2024-01-01 10:11:12.123456", r#""2024-01-01T10:11:12.123456+00:00""#),
        (1184, "2024-01-01 08:11:12.123456+00", r#""2024-01-01T08:11:12.123456+00:00""#),
        (1114, "infinity", r#""infinity+00:00""#),
        (1114, "12345-01-01 00:00:00", r#""+012345-01-01T00:00:00+00:00""#),
        (114, r#"{"a":1.0, "b" : "\u00e9"}"#, r#"{"a":1,"b":"é"}"#),
        (3802, r#"{"a": 12345678901234567890}"#, r#"{"a":12345678901234567000}"#),
        (17, "\\x00ff", r#""AP8=""#),
        (2950, "6f1e1f6c-0a0b-4c0d-8e0f-101112131415", r#""6f1e1f6c-0a0b-4c0d-8e0f-101112131415""#),
        (869, "10.0.0.1", r#""10.0.0.1""#),
        (142, "<a/>", r#""<a/>""#),
        (20_000, "{admin}", r#""{admin}""#),
        (1007, "{}", "[]"),
        (1007, "{1,NULL}", "[1,null]"),
        (1007, "{{1,2},{3,4}}", "[[1,2],[3,4]]"),
        (1016, "{1,NULL}", r#"["1",null]"#),
        (1028, "{5}", r#"["5"]"#),
        (1000, "{t,NULL}", "[true,null]"),
        (1009, r#"{{a,b},{c,"d e"}}"#, r#"[["a","b"],["c","d e"]]"#),
        (3807, r#"{1,NULL,"{\"a\": 1}"}"#, r#"[1,null,{"a":1}]"#),
        (1001, r#"{"\\x00ff"}"#, r#"["AP8="]"#),
        (791, r#"{$12.34,"$1,234.50"}"#, r#"["12.34","1234.50"]"#),
        (1185, "{\"2024-01-01 08:11:12+00\"}", r#"["2024-01-01T08:11:12+00:00"]"#),
    ] {
        assert_eq!(written(type_oid, text), expected, "{type_oid} {text}");
    }
}

#[test]
fn names_types() {
    for (type_oid, expected) in [
        (21, "int"),
        (26, "bigint"),
        (20, "bigint"),
        (700, "float"),
        (701, "double"),
        (1700, "decimal"),
        (790, "decimal"),
        (16, "bool"),
        (25, "string"),
        (19, "string"),
        (1082, "date"),
        (1083, "time"),
        (1266, "time"),
        (1114, "datetime"),
        (1184, "datetime"),
        (114, "json"),
        (3802, "json"),
        (17, "bytes"),
        (2950, "uuid"),
        (869, "string"),
        (20_000, "string"),
        (1005, "int-array"),
        (1028, "bigint-array"),
        (1231, "decimal-array"),
        (1001, "bytes-array"),
        (1183, "time-array"),
        (2951, "uuid-array"),
    ] {
        let mut sink = Raw.sink(0, Budget::new(1000));
        sink.begin(&Columns::new([column("a\"", type_oid), column("a\"", 23)]));
        sink.end(Some("SELECT 0"));
        let expected = format!(r#"{{"columns":["a\"","a\""],"types":["{expected}","int"],"rows":[]}}"#);
        assert_eq!(sink.into_json().as_deref(), Ok(&*expected));
    }
}

#[test]
fn writes_no_columns() {
    let mut sink = Raw.sink(0, Budget::new(1000));
    sink.begin(&Columns::new([]));
    sink.end(Some("UPDATE 0"));
    assert_eq!(sink.into_json().as_deref(), Ok(r#"{"columns":[],"types":[],"rows":[]}"#));
}

#[test]
fn refuses_types_after_the_statement() {
    let mut sink = Raw.sink(0, Budget::new(1000));
    sink.begin(&Columns::new([column("a", 1186), column("b", 23)]));
    sink.end(Some("SELECT 0"));
    let error = sink.into_json().unwrap_err();
    assert_eq!(error.code, Some("P2010"));
    assert!(error.message.contains("column of type 'interval'"));
}
