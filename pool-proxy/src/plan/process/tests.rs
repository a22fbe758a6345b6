use super::{Means, process};
use crate::error::PlanError;
use crate::plan::moment;
use crate::plan::room::Room;
use crate::plan::shape::plain;
use crate::plan::tree::{Expression, Operations};
use crate::plan::value::Value;

fn value(json: &str) -> Value {
    match serde_json::from_str(json).unwrap() {
        Expression::Literal(value) => value,
        _ => panic!("{json}"),
    }
}

/// Names stand for dates here, and for bytes.
fn evaluate(expression: &Expression) -> Result<Value, PlanError> {
    match expression {
        Expression::Literal(value) => Ok(value.clone()),
        Expression::Placeholder(placeholder) => Ok(match &*placeholder.name.text {
            "bytes" => Value::Bytes([1, 2].into()),
            date => Value::Moment(moment::parse(date).unwrap()),
        }),
        _ => panic!(),
    }
}

fn run(input: Value, operations: &str) -> Result<String, String> {
    let operations: Operations = serde_json::from_str(operations).unwrap();
    let value = process(input, &operations, Means { evaluate: &evaluate, room: &Room::default() })
        .map_err(|error| error.message)?;
    let mut out = Vec::new();
    plain::write(&mut out, &value);
    Ok(String::from_utf8(out).unwrap())
}

#[track_caller]
fn check(input: &str, operations: &str, expected: &str) {
    assert_eq!(run(value(input), operations).as_deref(), Ok(expected), "{input} {operations}");
    // The same as Postgres puts it together.
    assert_eq!(run(Value::Text(input.into()), operations).as_deref(), Ok(expected), "text {input} {operations}");
}

#[test]
fn nothing_to_do_changes_nothing() {
    for input in ["null", "[]", r#"[{"a":1,"b":"x"},{"a":null}]"#, r#"{"a":[1]}"#, "[1,null,true]"] {
        check(input, "{}", input);
        check(input, r#"{"pagination":null,"distinct":null,"reverse":false,"linkingFields":null,"nested":{}}"#, input);
        check(input, r#"{"new":1,"nested":{"nope":{"reverse":true}}}"#, input);
    }
    assert_eq!(run(Value::Undefined, r#"{"reverse":true}"#).as_deref(), Ok("null"));
}

#[test]
fn the_first_of_each_key_stays() {
    let input =
        r#"[{"a":1,"b":1},{"a":1,"b":2},{"a":"1","b":1},{"b":3},{"a":null,"b":4},{"a":[1,2]},{"a":[1,2],"b":0}]"#;
    check(input, r#"{"distinct":["a"]}"#, r#"[{"a":1,"b":1},{"a":"1","b":1},{"b":3},{"a":[1,2]}]"#);
    check(
        r#"[{"a":1,"b":1},{"a":1,"b":2},{"a":1,"b":1}]"#,
        r#"{"distinct":["a","b"]}"#,
        r#"[{"a":1,"b":1},{"a":1,"b":2}]"#,
    );
    check(r#"[{"a":1},{"a":2}]"#, r#"{"distinct":[]}"#, r#"[{"a":1}]"#);
    check(
        r#"[{"a":1,"k":1},{"a":1,"k":2},{"a":1,"k":1}]"#,
        r#"{"distinct":["a"],"linkingFields":["k"]}"#,
        r#"[{"a":1,"k":1},{"a":1,"k":2}]"#,
    );
}

#[test]
fn pages_begin_at_the_cursor() {
    let input = r#"[{"i":1},{"i":2},{"i":3},{"i":4},{"i":5}]"#;
    for (pagination, expected) in [
        (r#"{"cursor":null,"take":null,"skip":null}"#, "12345"),
        (r#"{"take":2}"#, "12"),
        (r#"{"take":0}"#, ""),
        (r#"{"take":9}"#, "12345"),
        (r#"{"skip":2}"#, "345"),
        (r#"{"skip":9}"#, ""),
        (r#"{"take":2,"skip":1}"#, "23"),
        (r#"{"take":2,"skip":4}"#, "5"),
        (r#"{"cursor":{"i":3}}"#, "345"),
        (r#"{"cursor":{"i":3},"take":1}"#, "3"),
        (r#"{"cursor":{"i":3},"take":1,"skip":1}"#, "4"),
        (r#"{"cursor":{"i":3},"take":9,"skip":9}"#, ""),
        (r#"{"cursor":{"i":9}}"#, ""),
        (r#"{"cursor":{"i":9},"skip":0,"take":1}"#, ""),
        (r#"{"cursor":{}}"#, "12345"),
    ] {
        let records: Vec<String> = expected.chars().map(|digit| format!(r#"{{"i":{digit}}}"#)).collect();
        check(input, &format!(r#"{{"pagination":{pagination}}}"#), &format!("[{}]", records.join(",")));
    }
}

#[test]
fn groups_come_in_the_order_of_their_keys() {
    let input = r#"[{"k":"b","i":1},{"k":"a","i":2},{"k":"b","i":3},{"k":"b","i":3},{"k":"a","i":4}]"#;
    check(
        input,
        r#"{"distinct":["i"],"linkingFields":["k"],"pagination":{"cursor":null,"take":1,"skip":1},"reverse":true,"nested":{}}"#,
        r#"[{"k":"b","i":3},{"k":"a","i":4}]"#,
    );
    // By their text, so that 10 stands before 9; null and text have theirs.
    check(
        r#"[{"k":9},{"k":10},{"k":null},{"k":"9"},{"k":-1},{}]"#,
        r#"{"linkingFields":["k"],"pagination":{"take":5}}"#,
        r#"[{"k":"9"},{"k":-1},{"k":10},{"k":9},{"k":null},{}]"#,
    );
    // As UTF-16 has it, a sign past 16 bits stands before some that are not.
    check(
        r#"[{"k":"～"},{"k":"😀"},{"k":"z"}]"#,
        r#"{"linkingFields":["k"],"pagination":{"take":1}}"#,
        r#"[{"k":"z"},{"k":"😀"},{"k":"～"}]"#,
    );
    // Each group has its own cursor, and a group without it has no page.
    check(
        r#"[{"k":1,"i":1},{"k":2,"i":2},{"k":1,"i":2},{"k":1,"i":3},{"k":3,"i":3}]"#,
        r#"{"linkingFields":["k"],"pagination":{"cursor":{"i":2},"take":2}}"#,
        r#"[{"k":1,"i":2},{"k":1,"i":3},{"k":2,"i":2}]"#,
    );
    check(
        r#"[{"k":2,"l":1},{"k":1,"l":2},{"k":1,"l":1}]"#,
        r#"{"linkingFields":["k","l"],"pagination":{}}"#,
        r#"[{"k":1,"l":1},{"k":1,"l":2},{"k":2,"l":1}]"#,
    );
    // Without pages there are no groups.
    check(r#"[{"k":2},{"k":1}]"#, r#"{"linkingFields":["k"]}"#, r#"[{"k":2},{"k":1}]"#);
}

#[test]
fn one_record_is_its_own_page() {
    for (pagination, is_there) in [
        ("{}", true),
        (r#"{"skip":0}"#, true),
        (r#"{"skip":1}"#, false),
        (r#"{"take":0}"#, false),
        (r#"{"take":1}"#, true),
        (r#"{"cursor":{"i":1}}"#, true),
        (r#"{"cursor":{"i":2}}"#, false),
        (r#"{"cursor":{"i":1},"take":0}"#, false),
    ] {
        let expected = if is_there { r#"{"i":1}"# } else { "null" };
        check(r#"{"i":1}"#, &format!(r#"{{"pagination":{pagination},"distinct":["x"]}}"#), expected);
    }
}

#[test]
fn what_is_nested_is_processed_in_its_field() {
    let nested = r#"{"nested":{"f":{"reverse":true,"nested":{"g":{"distinct":["x"]}}},"none":{"reverse":true}}}"#;
    check(
        r#"[{"f":[{"g":[{"x":1},{"x":1}]},{"g":null}],"h":[1,2]},{"f":null},{"f":{"g":[]}},{}]"#,
        nested,
        r#"[{"f":[{"g":null},{"g":[{"x":1}]}],"h":[1,2]},{"f":null},{"f":{"g":[]}},{}]"#,
    );
    // A column of JSON in a row.
    let row = value(r#"[{"id":1,"f":"[{\"i\":1},{\"i\":2}]"},{"id":2,"f":"null"},{"id":3,"f":"{\"i\":3}"}]"#);
    assert_eq!(
        run(row, r#"{"nested":{"f":{"reverse":true,"pagination":{"skip":0}}}}"#).as_deref(),
        Ok(r#"[{"id":1,"f":[{"i":2},{"i":1}]},{"id":2,"f":null},{"id":3,"f":{"i":3}}]"#)
    );
}

#[test]
fn digits_stay_as_postgres_wrote_them() {
    let text = r#"[{"d":1.10,"n":12345678901234567890123,"e":1e-30,"deep":{"x":[1.0,9007199254740993.5]}}, {"d":1.1,"n":0.1,"e":-2.5,"deep":null}]"#;
    assert_eq!(
        run(Value::Text(text.into()), r#"{"pagination":{"take":2}}"#).as_deref(),
        Ok(text.replace(", {", ",{").as_str())
    );
    // But they are no other numbers for that.
    let turned = run(Value::Text(r#"[{"d":1.10},{"d":1.1},{"d":1},{"d":1.00}]"#.into()), r#"{"distinct":["d"]}"#);
    assert_eq!(turned.as_deref(), Ok(r#"[{"d":1.10},{"d":1}]"#));
    let input = r#"[{"d":12345678901234567890.1},{"d":12345678901234567890.2},{"d":12345678901234567890.20}]"#;
    let expected = r#"[{"d":12345678901234567890.1},{"d":12345678901234567890.2}]"#;
    assert_eq!(run(Value::Text(input.into()), r#"{"distinct":["d"]}"#).as_deref(), Ok(expected));
}

#[test]
fn what_is_no_json_is_refused() {
    for text in ["", "[{]", "[1,]", "{\"a\"}", "nul", "[1] 2"] {
        assert!(run(Value::Text(text.into()), "{}").is_err(), "{text}");
    }
}

#[test]
fn what_is_no_record_has_no_fields() {
    check("7", r#"{"pagination":{"skip":1}}"#, "null");
    check("7", r#"{"pagination":{"take":0}}"#, "null");
    check("7", r#"{"pagination":{"take":1},"distinct":["a"]}"#, "7");
    check("null", r#"{"pagination":{"skip":1}}"#, "null");
    check(r#"[1,null,2,null,{"a":null},{"a":1}]"#, r#"{"distinct":["a"]}"#, r#"[1,null,{"a":1}]"#);
    check("[1,2]", r#"{"linkingFields":["a"],"pagination":{"take":1}}"#, "[1]");
}

/// Whether the cursor finds the record.
#[track_caller]
fn finds(record: &str, cursor: &str, expected: bool) {
    let operations = format!(r#"{{"pagination":{{"cursor":{cursor}}}}}"#);
    let found = run(value(&format!("[{record}]")), &operations).unwrap() != "[]";
    assert_eq!(found, expected, "{record} {cursor}");
}

#[test]
fn a_cursor_knows_its_record_in_postgres_words() {
    let date =
        |text: &str| format!(r#"{{"prisma__type":"param","prisma__value":{{"name":"{text}","type":"DateTime"}}}}"#);
    for (left, right, expected) in [
        ("1", "1", true),
        ("1", "2", false),
        ("1.5", "1.5", true),
        (r#""a""#, r#""a""#, true),
        (r#""a""#, r#""b""#, false),
        ("true", "true", true),
        ("true", "false", false),
        ("null", "null", true),
        ("null", "0", false),
        // int8 and numeric are text in rows.
        (r#""9007199254740993""#, "9007199254740993", true),
        (r#""9007199254740992""#, "9007199254740993", false),
        (r#""1.10""#, "1.1", true),
        (r#""1.10""#, "1.2", false),
        (r#""1.10""#, r#""1.1""#, false),
        ("1", r#""1""#, true),
        ("1", r#""x""#, false),
        ("1", "true", true),
        ("0", "true", false),
        ("[1,2]", "[1,2]", true),
        ("[1,2]", "[2,1]", false),
        (r#""2024-01-02T03:04:05.678+00:00""#, &date("2024-01-02T03:04:05.678Z"), true),
        (r#""2024-01-02T03:04:05.678901+00:00""#, &date("2024-01-02T03:04:05.678Z"), true),
        (r#""2024-01-02T03:04:05.679+00:00""#, &date("2024-01-02T03:04:05.678Z"), false),
        (r#""2024-01-02""#, &date("2024-01-02T00:00:00.000Z"), true),
        (r#""AQI=""#, r#"{"prisma__type":"param","prisma__value":{"name":"bytes","type":"Bytes"}}"#, true),
        (r#""AQM=""#, r#"{"prisma__type":"param","prisma__value":{"name":"bytes","type":"Bytes"}}"#, false),
    ] {
        finds(&format!(r#"{{"a":{left},"b":1}}"#), &format!(r#"{{"a":{right}}}"#), expected);
    }
}

#[test]
fn the_smaller_set_of_fields_decides() {
    finds(r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":2}"#, true);
    finds(r#"{"a":1,"b":2,"c":3}"#, r#"{"a":1,"b":3}"#, false);
    finds(r#"{"a":1}"#, r#"{"a":1,"b":3}"#, true);
    finds(r#"{"c":1}"#, r#"{"a":1,"b":3}"#, false);
    finds(r#"{"a":1,"c":3}"#, r#"{"b":1}"#, false);
}
