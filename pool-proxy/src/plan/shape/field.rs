//! A single value as the type of its field wants it.

use std::fmt;

use super::describe::Described;
use super::leaf::Leaf;
use super::{date, json, mismatch, plain, write_compact, written};
use crate::error::PlanError;
use crate::plan::arguments::from_base64;
use crate::plan::number::{self, SAFE_INTEGERS};
use crate::plan::structure::{Encoding, Enums, Field, Kind};
use crate::plan::value::{Number, Value};
use crate::postgres::value::write_string;

/// Where a value stands, for an error.
#[derive(Clone, Copy)]
pub(super) struct Column<'a> {
    pub(super) name: &'a str,
    /// In a list, from 0.
    pub(super) index: Option<usize>,
}

impl fmt::Display for Column<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        self.index.map_or(Ok(()), |index| write!(f, "[{index}]"))
    }
}

impl Field {
    pub(super) fn is_boolean(&self) -> bool {
        self.field_type.kind == Kind::Boolean
    }
}

/// Writes a value as its type wants it.
///
/// # Errors
/// P2023 where it is none of the type.
pub(super) fn write(
    leaf: &Leaf<'_>,
    kind: &Kind,
    column: Column<'_>,
    enums: &Enums,
    out: &mut Vec<u8>,
) -> Result<(), PlanError> {
    let (is_one, what) = match kind {
        Kind::String => (string(leaf, out), "a string"),
        Kind::Int => match leaf {
            Leaf::Text(text) => return integer_of_text(text, column, out),
            leaf => (integer(leaf, out), "an integer"),
        },
        Kind::BigInt => (tagged(out, "BigInt", |out| bigint(leaf, out)), "a bigint"),
        Kind::Float => (float(leaf, out), "a float"),
        Kind::Boolean => (boolean(leaf, out), "a boolean"),
        Kind::Decimal => (tagged(out, "Decimal", |out| decimal(leaf, out)), "a decimal"),
        Kind::DateTime => (tagged(out, "DateTime", |out| datetime(leaf, out)), "a date"),
        Kind::Json => (tagged(out, "Json", |out| json_text(leaf, out)), "JSON"),
        Kind::Object => (tagged(out, "Json", |out| object(leaf, out)), "JSON"),
        Kind::Bytes(encoding) => (
            tagged(out, "Bytes", |out| bytes(leaf, *encoding, out)),
            match encoding {
                Encoding::Array => "a byte array",
                Encoding::Base64 => "a base64-encoded byte array",
                Encoding::Hex => "a hex-encoded byte array",
            },
        ),
        Kind::Enum(name) => return enumerated(leaf, name, enums, out),
        Kind::Unsupported => {
            unsupported(leaf, out);
            return Ok(());
        }
    };
    if is_one {
        return Ok(());
    }
    Err(mismatch(format!("Expected {what} in column '{column}', got {}", leaf.what())))
}

/// Writes a value with its type's tag; nothing, if it turns out to be none of that type.
fn tagged(out: &mut Vec<u8>, name: &str, write: impl FnOnce(&mut Vec<u8>) -> bool) -> bool {
    let start = out.len();
    out.extend_from_slice(b"{\"$type\":\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\",\"value\":");
    let is_one = write(out);
    if is_one {
        out.push(b'}');
    } else {
        out.truncate(start);
    }
    is_one
}

fn string(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    let Leaf::Text(text) = leaf else { return false };
    write_string(out, text);
    true
}

/// An integer of a number.
fn integer(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    match leaf {
        Leaf::Number(number @ Number::Int(_)) => number::write(out, *number),
        Leaf::Number(Number::Float(float)) => number::write_json(out, Number::Float(float.trunc())),
        Leaf::Digits(digits) if number::is_integer(digits) => super::compact::write_number(out, digits),
        Leaf::Digits(digits) => number::write_json(out, Number::Float(number::of_text(digits).trunc())),
        _ => return false,
    }
    true
}

/// The last of [`SAFE_INTEGERS`].
const MAX_SAFE_INTEGER: f64 = 9_007_199_254_740_991.0;

/// An integer of a text, such as Postgres prints of an int8.
fn integer_of_text(text: &str, column: Column<'_>, out: &mut Vec<u8>) -> Result<(), PlanError> {
    if let Some(integer) = text.parse().ok().filter(|integer| SAFE_INTEGERS.contains(integer)) {
        number::write(out, Number::Int(integer));
        return Ok(());
    }
    let float = number::of_text(text).trunc();
    if !float.is_finite() {
        return Err(mismatch(format!("Expected an integer in column '{column}', got string: {text}")));
    }
    if float.abs() > MAX_SAFE_INTEGER {
        return Err(mismatch(format!(
            "Integer value in column '{column}' is too large to represent as a JavaScript number without loss of \
             precision, got: {text}. Consider using BigInt type."
        )));
    }
    number::write(out, Number::Float(float));
    Ok(())
}

fn bigint(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    match leaf {
        Leaf::Text(text) => write_string(out, text),
        Leaf::Number(_) | Leaf::Digits(_) => {
            out.push(b'"');
            match leaf {
                Leaf::Number(number) => number::write(out, *number),
                // It is no number of JavaScript's, so none of its digits is lost.
                Leaf::Digits(digits) if number::is_integer(digits) => out.extend_from_slice(digits.as_bytes()),
                Leaf::Digits(digits) => super::compact::write_number(out, digits),
                _ => {}
            }
            out.push(b'"');
        }
        _ => return false,
    }
    true
}

fn float(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    match leaf {
        Leaf::Number(number) => number::write_json(out, *number),
        Leaf::Digits(digits) => match number::of_text(digits) {
            float if float.is_finite() => super::compact::write_number(out, digits),
            _ => out.extend_from_slice(b"null"),
        },
        Leaf::Text(text) => {
            let float = number::of_text(text);
            if float.is_nan() && !text.strip_prefix(['-', '+']).unwrap_or(text).eq_ignore_ascii_case("nan") {
                return false;
            }
            number::write_json(out, Number::Float(float));
        }
        _ => return false,
    }
    true
}

fn boolean(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    let bool = match leaf {
        Leaf::Bool(bool) => *bool,
        Leaf::Text(text) => match &**text {
            "true" | "TRUE" | "1" => true,
            "false" | "FALSE" | "0" => false,
            _ => return false,
        },
        Leaf::Bytes(bytes) => bytes.iter().any(|byte| *byte != 0),
        leaf => match leaf.to_number() {
            Some(number) => number.total_cmp(&1.0).is_eq(),
            None => return false,
        },
    };
    out.extend_from_slice(if bool { b"true" } else { b"false" });
    true
}

fn decimal(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    out.push(b'"');
    let is_one = match leaf {
        Leaf::Text(text) => number::write_decimal(out, text),
        Leaf::Digits(digits) => number::write_decimal(out, digits),
        Leaf::Number(number) => number::write_decimal(out, &written(|out| number::write(out, *number))),
        _ => false,
    };
    out.push(b'"');
    is_one
}

/// A point in time. Numbers are milliseconds, as they are in JavaScript.
fn datetime(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    match leaf {
        Leaf::Text(text) => return date::write(out, text),
        Leaf::Moment(moment) => date::write_moment(out, *moment),
        leaf => match leaf.to_number().and_then(moment_of) {
            Some(moment) => date::write_moment(out, moment),
            None => return false,
        },
    }
    true
}

/// <https://tc39.es/ecma262/#sec-timeclip>
#[allow(clippy::cast_possible_truncation)]
fn moment_of(number: f64) -> Option<i64> {
    (number.abs() <= 8.64e15).then_some(number.trunc() as i64)
}

/// JSON that comes as text.
fn json_text(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    match leaf {
        Leaf::Text(text) => match json::checked(text) {
            Some(json) => write_compact(out, json, true),
            None => return false,
        },
        Leaf::Json(json) | Leaf::Digits(json) => write_compact(out, json, true),
        Leaf::Number(_) | Leaf::Bool(_) | Leaf::Null => {
            out.push(b'"');
            out.extend_from_slice(Described(leaf).to_string().as_bytes());
            out.push(b'"');
        }
        _ => return false,
    }
    true
}

/// JSON that comes as what it says.
fn object(leaf: &Leaf<'_>, out: &mut Vec<u8>) -> bool {
    match leaf {
        Leaf::Undefined => return false,
        Leaf::Json(json) | Leaf::Digits(json) => write_compact(out, json, true),
        leaf => write_string(out, &written(|out| unsupported(leaf, out))),
    }
    true
}

fn bytes(leaf: &Leaf<'_>, encoding: Encoding, out: &mut Vec<u8>) -> bool {
    let bytes: Vec<u8> = match leaf {
        Leaf::Bytes(bytes) => {
            plain::write_base64(out, bytes);
            return true;
        }
        Leaf::Text(text) if encoding == Encoding::Base64 => from_base64(text),
        Leaf::Text(text) if encoding == Encoding::Hex => match text.strip_prefix("\\x") {
            Some(digits) => of_hex(digits.as_bytes()),
            None => return false,
        },
        Leaf::Value(Value::List(items)) if encoding == Encoding::Array => {
            items.iter().map(|item| byte(&Leaf::of(item))).collect()
        }
        Leaf::Json(items) if encoding == Encoding::Array && items.starts_with('[') => {
            json::items(items).map(|item| byte(&Leaf::of_json(item))).collect()
        }
        _ => return false,
    };
    plain::write_base64(out, &bytes);
    true
}

/// The bytes of hexadecimal digits, up to what is none.
fn of_hex(digits: &[u8]) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pair = |pair: &[u8]| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?);
    digits.chunks_exact(2).map_while(pair).collect()
}

/// A number's last eight bits.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn byte(leaf: &Leaf<'_>) -> u8 {
    leaf.to_number().map_or(0, |number| number.rem_euclid(256.0) as u8)
}

fn enumerated(leaf: &Leaf<'_>, name: &str, enums: &Enums, out: &mut Vec<u8>) -> Result<(), PlanError> {
    let Some(names) = enums.get(name) else { return Err(mismatch(format!("Unknown enum '{name}'"))) };
    let known = match leaf {
        Leaf::Text(text) => names.get(&**text),
        leaf => names.get(&*Described(leaf).to_string()),
    };
    let Some(known) = known else {
        return Err(mismatch(format!("Value '{}' not found in enum '{name}'", Described(leaf))));
    };
    write_string(out, known);
    Ok(())
}

/// A value as it is.
fn unsupported(leaf: &Leaf<'_>, out: &mut Vec<u8>) {
    match leaf {
        Leaf::Undefined | Leaf::Null => out.extend_from_slice(b"null"),
        Leaf::Bool(true) => out.extend_from_slice(b"true"),
        Leaf::Bool(false) => out.extend_from_slice(b"false"),
        Leaf::Number(number) => number::write_json(out, *number),
        Leaf::Text(text) => write_string(out, text),
        Leaf::Json(json) | Leaf::Digits(json) => write_compact(out, json, false),
        Leaf::Moment(moment) => date::write_moment(out, *moment),
        Leaf::Bytes(bytes) => plain::write_bytes(out, bytes),
        Leaf::Value(value) => plain::write(out, value),
    }
}
