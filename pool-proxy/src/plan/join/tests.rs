use serde_json::value::RawValue;

use super::join;
use crate::plan::room::Room;
use crate::plan::shape::plain;
use crate::plan::tree::{Child, Expression};
use crate::plan::value::Value;

fn value(json: &str) -> Value {
    match serde_json::from_str(json).unwrap() {
        Expression::Literal(value) => value,
        _ => panic!("{json}"),
    }
}

fn child(on: &str, field: &str, is_unique: bool) -> Child {
    let json =
        format!(r#"{{"child":{{"type":"unit"}},"on":{on},"parentField":"{field}","isRelationUnique":{is_unique}}}"#);
    serde_json::from_str(&json).unwrap()
}

fn json(value: &Value) -> String {
    let mut out = Vec::new();
    plain::write(&mut out, value);
    let raw: Box<RawValue> = RawValue::from_string(String::from_utf8(out).unwrap()).unwrap();
    raw.get().to_owned()
}

#[track_caller]
fn check(parent: &str, on: &str, is_unique: bool, children: &str, is_strict: bool, expected: &str) {
    let child = child(on, "kids", is_unique);
    let joined = join(value(parent), vec![(&child, value(children))], is_strict, &Room::default())
        .map_err(|error| error.message);
    assert_eq!(joined.map(|value| json(&value)).as_deref(), Ok(expected), "{parent} {children}");
}

const BY_ID: &str = r#"[["id","p"]]"#;

#[test]
fn children_go_to_all_parents_of_their_key() {
    check(
        r#"[{"id":1},{"id":2},{"id":1}]"#,
        BY_ID,
        false,
        r#"[{"p":1,"v":"a"},{"p":2,"v":"b"},{"p":1,"v":"c"},{"p":3,"v":"d"}]"#,
        true,
        r#"[{"id":1,"kids":[{"p":1,"v":"a"},{"p":1,"v":"c"}]},{"id":2,"kids":[{"p":2,"v":"b"}]},{"id":1,"kids":[{"p":1,"v":"a"},{"p":1,"v":"c"}]}]"#,
    );
    // Of several for one place, the last stays.
    check(
        r#"[{"id":1},{"id":2}]"#,
        BY_ID,
        true,
        r#"[{"p":1,"v":"a"},{"p":1,"v":"b"}]"#,
        true,
        r#"[{"id":1,"kids":{"p":1,"v":"b"}},{"id":2,"kids":null}]"#,
    );
}

#[test]
fn parents_and_children_may_be_one_or_none() {
    check("null", BY_ID, false, r#"[{"p":1}]"#, true, "null");
    check("[]", BY_ID, false, r#"[{"p":1}]"#, true, "[]");
    check(r#"{"id":1}"#, BY_ID, false, r#"{"p":1}"#, true, r#"{"id":1,"kids":[{"p":1}]}"#);
    check(r#"{"id":1}"#, BY_ID, false, "null", true, r#"{"id":1,"kids":[]}"#);
    check(r#"{"id":1}"#, BY_ID, true, "null", true, r#"{"id":1,"kids":null}"#);
    check(r#"{"id":1}"#, BY_ID, true, r#"[null,{"p":1},null]"#, true, r#"{"id":1,"kids":{"p":1}}"#);
    // What stood in the field is replaced.
    check(r#"{"kids":9,"id":1}"#, BY_ID, false, "[]", true, r#"{"kids":[],"id":1}"#);
}

#[test]
fn keys_are_equal_by_their_json() {
    let parents = r#"[{"id":1},{"id":"1"},{"id":null},{"id":true},{"id":[1,"a"]},{"other":1}]"#;
    check(
        parents,
        BY_ID,
        true,
        r#"[{"p":"1"},{"p":1},{"p":null},{"p":false},{"p":[1,"a"]},{"q":2}]"#,
        true,
        r#"[{"id":1,"kids":{"p":1}},{"id":"1","kids":{"p":"1"}},{"id":null,"kids":{"q":2}},{"id":true,"kids":null},{"id":[1,"a"],"kids":{"p":[1,"a"]}},{"other":1,"kids":{"q":2}}]"#,
    );
    check(
        r#"[{"id":9007199254740993}]"#,
        BY_ID,
        true,
        r#"[{"p":9007199254740992},{"p":9007199254740993,"v":1},{"p":9007199254740994}]"#,
        true,
        r#"[{"id":9007199254740993,"kids":{"p":9007199254740993,"v":1}}]"#,
    );
    let two = r#"[["a","x"],["b","y"]]"#;
    check(
        r#"[{"a":"1,2","b":"3"},{"a":"1","b":"2,3"}]"#,
        two,
        false,
        r#"[{"x":"1","y":"2,3"},{"y":"3","x":"1,2"}]"#,
        true,
        r#"[{"a":"1,2","b":"3","kids":[{"y":"3","x":"1,2"}]},{"a":"1","b":"2,3","kids":[{"x":"1","y":"2,3"}]}]"#,
    );
}

#[test]
fn children_are_of_the_parents_type_where_the_database_has_another() {
    let mixed = r#"[{"p":"1","v":"a"},{"p":2,"v":"b"},{"p":null,"v":"n"},null]"#;
    check(
        r#"[{"id":1},{"id":"2"},{"id":null}]"#,
        BY_ID,
        false,
        mixed,
        false,
        r#"[{"id":1,"kids":[{"p":"1","v":"a"}]},{"id":"2","kids":[]},{"id":null,"kids":[{"p":null,"v":"n"}]}]"#,
    );
    check(
        r#"[{"id":1},{"id":"2"},{"id":null}]"#,
        BY_ID,
        true,
        mixed,
        true,
        r#"[{"id":1,"kids":null},{"id":"2","kids":null},{"id":null,"kids":{"p":null,"v":"n"}}]"#,
    );
    for (parent, child) in [
        ("1", r#""1""#),
        ("1", r#"" 1.0 ""#),
        ("1", "true"),
        ("0", r#""""#),
        ("9007199254740993", r#""9007199254740993""#),
        (r#""1""#, "1"),
        (r#""1.5""#, "1.5"),
        (r#""true""#, "true"),
        ("true", "1"),
        ("true", r#""x""#),
        ("false", "0"),
        ("false", r#""""#),
    ] {
        let (parents, children) = (format!(r#"[{{"id":null}},{{"id":{parent}}}]"#), format!(r#"[{{"p":{child}}}]"#));
        let expected = format!(r#"[{{"id":null,"kids":null}},{{"id":{parent},"kids":{{"p":{child}}}}}]"#);
        check(&parents, BY_ID, true, &children, false, &expected);
    }
}

#[test]
fn several_children_are_put_into_fields_of_their_own() {
    let (first, second) = (child(BY_ID, "a", true), child(BY_ID, "b", false));
    let records = |json: &str| value(json);
    let joined = join(
        records(r#"[{"id":1},{"id":2}]"#),
        vec![(&first, records(r#"[{"p":2}]"#)), (&second, records(r#"[{"p":1},{"p":1}]"#))],
        true,
        &Room::default(),
    );
    let joined = joined.map_err(|error| error.message).unwrap();
    assert_eq!(json(&joined), r#"[{"id":1,"a":null,"b":[{"p":1},{"p":1}]},{"id":2,"a":{"p":2},"b":[]}]"#);
    let Value::List(parents) = joined else { panic!() };
    let names: Vec<_> = parents
        .iter()
        .map(|parent| match parent {
            Value::Record(record) => record.names().clone(),
            _ => panic!(),
        })
        .collect();
    // Literals have each their own names; what is put on them does not change that they are equal.
    assert_eq!(names[0], names[1]);
}

#[test]
fn what_is_no_record_is_refused() {
    let child = child(BY_ID, "a", true);
    for (parent, children, expected) in [
        ("1", "[]", "Expected object, got number"),
        (r#"["x"]"#, "[]", "Expected object, got string"),
        (r#"[{"id":1}]"#, r#"["x"]"#, "Expected object, got string"),
        (r#"[{"id":1}]"#, "true", "Expected object, got boolean"),
    ] {
        let error = join(value(parent), vec![(&child, value(children))], true, &Room::default()).err();
        assert_eq!(error.map(|error| error.message).as_deref(), Some(expected), "{parent} {children}");
    }
}

#[test]
fn copies_have_an_end() {
    let child = child(BY_ID, "a", false);
    let many = |count: usize, record: &str| value(&format!("[{}]", vec![record; count].join(",")));
    let long = format!(r#"{{"p":1,"v":"{}"}}"#, "x".repeat(1000));
    assert!(join(many(100, r#"{"id":1}"#), vec![(&child, many(100, &long))], true, &Room::default()).is_ok());
    let error = join(many(1000, r#"{"id":1}"#), vec![(&child, many(1000, &long))], true, &Room::default()).err();
    assert_eq!(error.and_then(|error| error.code), Some("P6009"));
}
