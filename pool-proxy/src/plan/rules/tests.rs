use super::{check, holds};
use crate::plan::tree::{Rule, Validate};
use crate::plan::value::{Number, Record, Value};

fn count(number: i64) -> Value {
    Value::Number(Number::Int(number))
}

fn rows(count: usize) -> Value {
    Value::List(vec![Value::Null; count])
}

#[test]
fn rules_count_rows() {
    let record = || Value::Record(Record::from_pairs(vec![], vec![]));
    for (value, expected) in [
        (rows(0), 0),
        (rows(1), 1),
        (rows(7), 7),
        (Value::Null, 0),
        (record(), 1),
        (count(0), 1),
        (count(5), 1),
        (Value::Text("".into()), 1),
        (Value::Bool(false), 1),
        (Value::Undefined, 1),
    ] {
        for other in 0..9 {
            assert_eq!(holds(Rule::RowCountEq(other), &value), other == expected, "{value:?} {other}");
            assert_eq!(holds(Rule::RowCountNeq(other), &value), other != expected, "{value:?} {other}");
        }
        assert!(!holds(Rule::Never, &value));
    }
}

#[test]
fn affected_rows_are_a_number() {
    for (value, expected) in [
        (count(2), true),
        (Value::Number(Number::Float(2.0)), true),
        (count(3), false),
        (Value::Text("2".into()), false),
        (rows(2), false),
        (Value::Null, false),
    ] {
        assert_eq!(holds(Rule::AffectedRowCountEq(2), &value), expected, "{value:?}");
    }
}

/// What clients read of a value that is not as it should be.
fn said(identifier: &str, context: &str, value: &Value) -> (Option<&'static str>, String) {
    let json = format!(
        r#"{{"expr":{{"type":"unit"}},"rules":[{{"type":"rowCountNeq","args":99}},{{"type":"never"}}],"errorIdentifier":"{identifier}",
           "context":{context}}}"#
    );
    let node: Validate = serde_json::from_str(&json).unwrap();
    let error = check(&node, value).unwrap_err();
    if error.code.is_some() {
        assert_eq!(error.meta.as_deref(), Some(context));
    }
    (error.code, error.message)
}

#[test]
fn each_error_has_its_code_and_its_words() {
    let missing = "An operation failed because it depends on one or more records that were required but not found. ";
    for (identifier, context, value, code, expected) in [
        (
            "MISSING_RECORD",
            r#"{"operation":"an update"}"#,
            Value::Null,
            "P2025",
            format!("{missing}No record was found for an update."),
        ),
        (
            "MISSING_RELATED_RECORD",
            r#"{"model":"Profile","relation":"ProfileToUser","relationType":"one-to-one","operation":"a nested delete","neededFor":null}"#,
            Value::Null,
            "P2025",
            format!("{missing}No 'Profile' record was found for a nested delete on one-to-one relation 'ProfileToUser'."),
        ),
        (
            "MISSING_RELATED_RECORD",
            r#"{"model":"User","relation":"R","relationType":"one-to-many","operation":"a nested connect","neededFor":"inline it"}"#,
            Value::Null,
            "P2025",
            format!(
                "{missing}No 'User' record (needed to inline it) was found for a nested connect on one-to-many relation 'R'."
            ),
        ),
        (
            "INCOMPLETE_CONNECT_INPUT",
            r#"{"expectedRows":2}"#,
            rows(1),
            "P2025",
            format!("{missing}Expected 2 records to be connected, found only 1."),
        ),
        (
            "INCOMPLETE_CONNECT_INPUT",
            r#"{"expectedRows":2}"#,
            count(7),
            "P2025",
            format!("{missing}Expected 2 records to be connected, found only 7."),
        ),
        (
            "INCOMPLETE_CONNECT_INPUT",
            r#"{"expectedRows":2}"#,
            Value::Null,
            "P2025",
            format!("{missing}Expected 2 records to be connected, found only null."),
        ),
        (
            "INCOMPLETE_CONNECT_OUTPUT",
            r#"{"expectedRows":2,"relation":"R","relationType":"many-to-many"}"#,
            rows(3),
            "P2018",
            "The required connected records were not found. Expected 2 records to be connected after connect operation on \
             many-to-many relation 'R', found 3."
                .to_owned(),
        ),
        (
            "RECORDS_NOT_CONNECTED",
            r#"{"relation":"PostToUser","parent":"User","child":"Post"}"#,
            rows(0),
            "P2017",
            "The records for relation `PostToUser` between the `User` and `Post` models are not connected.".to_owned(),
        ),
        (
            "RELATION_VIOLATION",
            r#"{"relation":"R","modelA":"A","modelB":"B"}"#,
            rows(0),
            "P2014",
            "The change you are trying to make would violate the required relation 'R' between the `A` and `B` models."
                .to_owned(),
        ),
    ] {
        assert_eq!(said(identifier, context, &value), (Some(code), expected), "{identifier} {context}");
    }
    let unknown = said("NEW_ONE", "{}", &Value::Null);
    assert_eq!(unknown, (None, "Unknown error identifier: NEW_ONE".to_owned()));
    // What a newer client says in another way is no reason to fail otherwise.
    let (code, message) = said("MISSING_RECORD", r#"{"operation":{"name":"x"},"more":[1]}"#, &Value::Null);
    assert_eq!((code, message.ends_with(r#"for {"name":"x"}."#)), (Some("P2025"), true));
    let (code, message) = said("MISSING_RECORD", "{}", &Value::Null);
    assert_eq!((code, message.ends_with("for undefined.")), (Some("P2025"), true));
}

#[test]
fn a_value_that_holds_all_rules_passes() {
    let json = r#"{"expr":{"type":"unit"},"rules":[{"type":"rowCountEq","args":1},{"type":"rowCountNeq","args":0}],
        "errorIdentifier":"MISSING_RECORD","context":{}}"#;
    let node: Validate = serde_json::from_str(json).unwrap();
    assert!(check(&node, &rows(1)).is_ok());
    assert!(check(&node, &rows(2)).is_err());
}
