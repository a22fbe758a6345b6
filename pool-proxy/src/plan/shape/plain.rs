//! Values as JSON, without a data map.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::plan::value::Value;
use crate::plan::{moment, number};
use crate::postgres::value::write_string;

/// Writes a value as JSON. Dates are their text, bytes are tagged as what they are.
pub fn write(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Undefined | Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => number::write_json(out, *number),
        Value::Text(text) => write_string(out, text),
        Value::Bytes(bytes) => write_bytes(out, bytes),
        Value::Moment(moment) => {
            out.push(b'"');
            moment::write(out, *moment);
            out.push(b'"');
        }
        Value::List(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                write(out, item);
            }
            out.push(b']');
        }
        Value::Record(record) => {
            out.push(b'{');
            let mut is_first = true;
            for (name, value) in record.names().iter().zip(record.values()) {
                if matches!(value, Value::Undefined) {
                    continue;
                }
                if !std::mem::take(&mut is_first) {
                    out.push(b',');
                }
                write_string(out, name);
                out.push(b':');
                write(out, value);
            }
            out.push(b'}');
        }
        Value::Json(json) => out.extend_from_slice(json.as_bytes()),
    }
}

/// How long a value is as JSON, at least, in bytes.
pub fn least(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Json(json) => json.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(items) => items.iter().fold(0, |sum, item| sum.saturating_add(least(item) + 1)),
        Value::Record(record) => {
            let fields = record.names().iter().zip(record.values());
            let fields = fields.filter(|(_, value)| !matches!(value, Value::Undefined));
            fields.fold(0, |sum, (name, value)| sum.saturating_add(name.len()).saturating_add(least(value)))
        }
        _ => 1,
    }
}

/// Writes bytes, tagged as such.
pub(super) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    out.extend_from_slice(br#"{"$type":"Bytes","value":"#);
    write_base64(out, bytes);
    out.push(b'}');
}

/// Writes bytes as a JSON string of base64.
pub(in crate::plan) fn write_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    out.push(b'"');
    let start = out.len();
    out.resize(start + bytes.len().div_ceil(3) * 4, b'=');
    let written = out.get_mut(start..).and_then(|place| STANDARD.encode_slice(bytes, place).ok());
    out.truncate(start + written.unwrap_or_default());
    out.push(b'"');
}
