//! Whether a record is the one that a cursor names. A cursor's values are as the client has them, a record's as Postgres prints them.

use crate::plan::arguments::from_base64;
use crate::plan::shape::plain;
use crate::plan::value::{Number, Record, Value};
use crate::plan::{moment, number};

/// All fields are equal that both could have: those of whichever has fewer.
pub(super) fn matches(record: &Record, cursor: &[(&str, Value)]) -> bool {
    let of_cursor = |name: &str| cursor.iter().find(|(field, _)| *field == name).map(|(_, value)| value);
    let none = &Value::Undefined;
    if cursor.len() > record.names().len() {
        let mut fields = record.names().iter().zip(record.values());
        return fields.all(|(name, value)| is_equal(value, of_cursor(name).unwrap_or(none)));
    }
    cursor.iter().all(|(field, value)| is_equal(record.get(field).unwrap_or(none), value))
}

fn is_equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Bytes(left), Value::Bytes(right)) => left == right,
        (Value::Bytes(bytes), Value::Text(text)) | (Value::Text(text), Value::Bytes(bytes)) => {
            from_base64(text) == **bytes
        }
        (Value::Moment(left), Value::Moment(right)) => left == right,
        (Value::Moment(instant), Value::Text(text)) | (Value::Text(text), Value::Moment(instant)) => {
            moment::parse(text) == Some(*instant)
        }
        (Value::Number(left), Value::Number(right)) => left.equals(*right),
        (Value::Undefined, Value::Undefined) | (Value::Null, Value::Null) => true,
        (Value::Undefined | Value::Null, _) | (_, Value::Undefined | Value::Null) => false,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Bool(bool), Value::Number(number)) | (Value::Number(number), Value::Bool(bool)) => {
            number.equals(Number::Int(i64::from(*bool)))
        }
        // JavaScript has lost the digits of the one, so those of the other do not count.
        (Value::Number(Number::Float(float)), Value::Text(text))
        | (Value::Text(text), Value::Number(Number::Float(float))) => {
            Number::Float(*float).equals(Number::Float(number::of_text(text)))
        }
        (Value::Number(Number::Float(float)), Value::Json(json))
        | (Value::Json(json), Value::Number(Number::Float(float))) => {
            Number::Float(*float).equals(Number::Float(number::of_text(json)))
        }
        (Value::Number(_) | Value::Json(_) | Value::Text(_), Value::Number(_) | Value::Json(_) | Value::Text(_)) => {
            match (decimal(left), decimal(right)) {
                (Some(left), Some(right)) => left == right,
                _ => plain_text(left) == plain_text(right),
            }
        }
        _ => plain_text(left) == plain_text(right),
    }
}

/// A number, or the text of one, with all its digits.
fn decimal(value: &Value) -> Option<Vec<u8>> {
    let text = match value {
        Value::Text(text) => text.to_string(),
        Value::Json(json) => json.to_string(),
        Value::Number(number) => {
            let mut text = Vec::new();
            number::write(&mut text, *number);
            String::from_utf8(text).ok()?
        }
        _ => return None,
    };
    let mut out = Vec::new();
    number::write_decimal(&mut out, text.trim()).then_some(out)
}

fn plain_text(value: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    plain::write(&mut out, value);
    out
}
