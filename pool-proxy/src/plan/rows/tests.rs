use super::class::{Class, Column as Typed};
use super::{Records, RecordsSink};
use crate::gateway::call::Budget;
use crate::gateway::session::Sinks as _;
use crate::plan::room::Room;
use crate::plan::shape::plain;
use crate::plan::value::Value;
use crate::postgres::{Column, Columns, QueryError, RowSink as _};

/// A column of that type and name.
pub(in crate::plan) fn column(name: &str, type_oid: u32) -> Column {
    Column { name: name.into(), type_oid, type_length: -1, type_modifier: -1, table_oid: 0, column_id: 0 }
}

/// The JSON of a value of a column of that type.
fn value(type_oid: u32, text: &str) -> String {
    let mut out = Vec::new();
    let mut sink = sink(1000);
    sink.begin(&Columns::new([column("a", type_oid)]));
    sink.keep(|_| Ok(Some(text.as_bytes()))).unwrap();
    let Value::List(rows) = sink.into_rows().unwrap().0 else { panic!("no rows") };
    let Value::Record(row) = &rows[0] else { panic!("no row") };
    plain::write(&mut out, &row.values()[0]);
    String::from_utf8(out).unwrap()
}

#[test]
fn reads_values_by_type() {
    for (type_oid, text, expected) in [
        (16, "t", "true"),
        (16, "f", "false"),
        (21, "-32768", "-32768"),
        (23, "2147483647", "2147483647"),
        (26, "4294967295", "4294967295"),
        (20, "9223372036854775807", r#""9223372036854775807""#),
        (700, "0.1", "0.1"),
        (701, "1.5e-07", "1.5e-7"),
        (701, "1e+21", "1e+21"),
        (701, "NaN", "null"),
        (701, "-Infinity", "null"),
        (1700, "1.10", r#""1.10""#),
        (790, "-$1,234.50", r#""-1234.50""#),
        (17, "\\x00ff10", r#"{"$type":"Bytes","value":"AP8Q"}"#),
        (17, "\\x", r#"{"$type":"Bytes","value":""}"#),
        (1082, "2024-02-29", r#""2024-02-29""#),
        (1082, "0044-03-15 BC", r#""0044-03-15 BC""#),
        (1083, "23:59:59.123", r#""23:59:59.123""#),
        (1266, "12:34:56.789012+02", r#""12:34:56.789012""#),
        (1266, "12:34:56-05:30", r#""12:34:56""#),
        (1114, "2024-05-06 07:08:09", r#""2024-05-06T07:08:09+00:00""#),
        (1184, "2024-05-06 04:08:09.123456+00", r#""2024-05-06T04:08:09.123456+00:00""#),
        (1114, "infinity", r#""infinity""#),
        (1184, "12345-01-01 00:00:00+00", r#""+012345-01-01T00:00:00+00:00""#),
        (114, r#"{"z" : 1}"#, r#""{\"z\" : 1}""#),
        (3802, "null", r#""null""#),
        (2950, "6f1e1f6c-0a0b-4c0d-8e0f-101112131415", r#""6f1e1f6c-0a0b-4c0d-8e0f-101112131415""#),
        (1042, "ab   ", r#""ab   ""#),
        (19, "n", r#""n""#),
        (1560, "101", r#""101""#),
        (16_384, "admin", r#""admin""#),
        (99_999, "{admin}", r#""{admin}""#),
    ] {
        assert_eq!(value(type_oid, text), expected, "{type_oid} {text}");
    }
}

#[test]
fn reads_arrays() {
    for (type_oid, text, expected) in [
        (1007, "{}", "[]"),
        (1007, "{1,NULL}", "[1,null]"),
        (1007, "{{1,2},{3,NULL}}", "[[1,2],[3,null]]"),
        (1007, "[0:1]={1,2}", "[1,2]"),
        (1016, "{9223372036854775807,-1}", r#"["9223372036854775807","-1"]"#),
        (1000, "{t,f,NULL}", "[true,false,null]"),
        (1009, r#"{a,"b c","NULL",NULL,"","q\"t","back\\\\s"}"#, r#"["a","b c","NULL",null,"","q\"t","back\\\\s"]"#),
        (1022, "{1.5,NaN,Infinity}", "[1.5,null,null]"),
        (1231, "{1.10,2.000}", r#"["1.10","2.000"]"#),
        (1115, "{\"2024-01-01 00:00:00.5\"}", r#"["2024-01-01T00:00:00.5+00:00"]"#),
        (3807, r#"{"{\"x\": 1}","\"s\""}"#, r#"["{\"x\": 1}","\"s\""]"#),
        (1001, r#"{"\\x01","\\x"}"#, r#"[{"$type":"Bytes","value":"AQ=="},{"$type":"Bytes","value":""}]"#),
        (791, "{$1.50,\"$1,234.50\",-$2.00}", r#"["1.50","1234.50","-2.00"]"#),
    ] {
        assert_eq!(value(type_oid, text), expected, "{type_oid} {text}");
    }
}

#[test]
fn knows_all_lists() {
    for (type_oid, class) in [
        (1005, Class::Int),
        (1028, Class::Oid),
        (1021, Class::Float),
        (1182, Class::Date),
        (1183, Class::Time),
        (1185, Class::DateTime),
        (199, Class::Json),
        (2951, Class::Uuid),
        (1014, Class::Text),
        (1015, Class::Text),
        (1561, Class::Text),
        (1563, Class::Text),
        (1041, Class::Text),
        (651, Class::Text),
        (143, Class::Text),
        (1002, Class::Char),
    ] {
        assert_eq!(Typed::of(type_oid), Ok(Typed { class, is_array: true }), "{type_oid}");
    }
}

fn sink(limit: u64) -> RecordsSink {
    Records(&Room::default()).sink(0, Budget::new(limit))
}

#[test]
fn keeps_the_texts_of_a_row_apart() {
    let mut sink = sink(1000);
    sink.begin(&Columns::new([column("a", 25), column("b", 23), column("c", 25), column("d", 1114), column("e", 25)]));
    for row in [
        [Some("é"), Some("1"), Some(""), Some("2024-05-06 07:08:09"), None],
        [None, None, Some("two"), Some("infinity"), Some("ü")],
    ] {
        sink.keep(|index| Ok(row[index].map(str::as_bytes))).unwrap();
    }
    let mut out = Vec::new();
    plain::write(&mut out, &sink.into_rows().unwrap().0);
    let expected = concat!(
        r#"[{"a":"é","b":1,"c":"","d":"2024-05-06T07:08:09+00:00","e":null},"#,
        r#"{"a":null,"b":null,"c":"two","d":"infinity","e":"ü"}]"#
    );
    assert_eq!(String::from_utf8(out).unwrap(), expected);
}

#[test]
fn refuses_what_is_not_utf8() {
    let whole = "é".as_bytes();
    for columns in [[b"\xff".as_slice(), b""], [&whole[..1], &whole[1..]], [b"a", &whole[1..]]] {
        let mut sink = sink(1000);
        sink.begin(&Columns::new([column("a", 25), column("b", 25)]));
        let error = sink.keep(|index| Ok(Some(columns[index]))).unwrap_err();
        assert!(matches!(error, QueryError::Invalid(_)));
    }
}

#[test]
fn refuses_types_after_the_statement() {
    for (type_oid, name) in [
        (1186, "interval"),
        (600, "point"),
        (2278, "void"),
        (2249, "record"),
        (3614, "tsvector"),
        (2205, "regclass"),
        (18, "char"),
        (1270, "Unknown"),
        (1003, "Unknown"),
        (1187, "Unknown"),
        (3, "Unknown"),
        (22, "int2vector"),
        (30, "oidvector"),
    ] {
        let mut sink = sink(1000);
        sink.begin(&Columns::new([column("a", 23), column("b", type_oid), column("c", 600)]));
        sink.end(Some("SELECT 0"));
        let error = sink.into_rows().unwrap_err();
        assert_eq!(error.code, Some("P2010"));
        assert!(error.message.starts_with(&format!("Failed to deserialize column of type '{name}'. If you're using")));
        let meta = format!(
            r#"{{"driverAdapterError":{{"name":"DriverAdapterError","cause":{{"kind":"UnsupportedNativeDataType","type":"{name}"}}}}}}"#
        );
        assert_eq!(error.meta.as_deref(), Some(&*meta));
    }
}

#[test]
fn counts_affected_rows() {
    for (tag, expected) in [
        (Some("INSERT 0 12"), Some(12)),
        (Some("UPDATE 0"), Some(0)),
        (Some("SELECT 2"), Some(2)),
        (Some("CREATE TABLE"), None),
        (Some(""), None),
        (None, None),
    ] {
        let mut sink = sink(1000);
        sink.begin(&Columns::new([]));
        sink.end(tag);
        let (rows, affected) = sink.into_rows().unwrap();
        assert_eq!(affected, expected);
        assert!(rows == Value::List(Vec::new()));
    }
}

#[test]
fn is_full_when_a_row_is_too_large() {
    let mut sink = sink(1000);
    assert!(matches!(sink.dropped(), QueryError::Full { limit: 1000, .. }));
}

#[test]
fn is_full_by_the_length_of_the_texts() {
    let mut sink = sink(10_000);
    sink.begin(&Columns::new([column("a", 23), column("b", 16), column("c", 25)]));
    let mut row = || sink.keep(|index| Ok([Some(b"12".as_slice()), Some(b"t".as_slice()), None][index]));
    // In memory they take several times as much.
    for _ in 0..500 {
        row().unwrap();
    }
    let full = (0..500).find_map(|_| row().err());
    assert!(matches!(full, Some(QueryError::Full { limit: 10_000, .. })));
}

#[test]
fn is_full_when_the_run_has_no_more_memory() {
    let room = Room::default();
    let budget = Budget::new(1 << 40);
    let mut sinks: Vec<_> = (0..4).map(|index| Records(&room).sink(index, budget.clone())).collect();
    // Small in text, not in memory.
    let list = format!("{{{}1}}", "1,".repeat(100_000));
    let keep = |sink: &mut RecordsSink| sink.keep(|_| Ok(Some(list.as_bytes())));
    for sink in &mut sinks {
        sink.begin(&Columns::new([column("a", 1007)]));
    }
    let full = (0..100).find_map(|round| keep(&mut sinks[round % 4]).err());
    assert!(matches!(full, Some(QueryError::Full { limit, .. }) if limit == 128 << 20));
    assert!(budget.is_overspent());
}
