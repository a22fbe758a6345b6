//! Which records belong together: by the JSON text of some of their fields, as clients' own runtime tells it.

use super::number;
use super::shape::plain;
use super::value::{Record, Value};

/// Writes the key of a record over some fields. A field that it has not is as good as null.
pub(super) fn write<'f>(out: &mut Vec<u8>, record: &Record, fields: impl IntoIterator<Item = &'f str>) {
    for field in fields {
        out.push(b',');
        write_part(out, record.get(field).unwrap_or(&Value::Null));
    }
}

/// Writes one value of a key.
pub(super) fn write_part(out: &mut Vec<u8>, value: &Value) {
    let start = out.len();
    match value {
        // A number that is kept as text for its digits.
        Value::Json(json) if json.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            if !number::write_decimal(out, json) {
                out.truncate(start);
                out.extend_from_slice(json.as_bytes());
            }
        }
        value => plain::write(out, value),
    }
}

/// The key of what may be no record: nothing has one of its own, and all else has none of the fields.
pub(super) fn of(value: &Value, fields: &[Box<str>]) -> Vec<u8> {
    let mut key = Vec::with_capacity(16);
    match value {
        Value::Null | Value::Undefined => key.extend_from_slice(b"null"),
        Value::Record(record) => write(&mut key, record, fields.iter().map(AsRef::as_ref)),
        _ => fields.iter().for_each(|_| key.extend_from_slice(b",null")),
    }
    key
}
