//! Arguments of a plan's statements as parameters: everything goes as text, and Postgres gives it its type.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::{Deserialize, Deserializer};

use super::moment::{self, Part};
use super::number;
use super::value::Value;
use crate::error::PlanError;
use crate::postgres::{Param, array};

/// What a plan says of an argument. Most of it only matters to other databases.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ArgType {
    /// What the client has it as.
    #[serde(deserialize_with = "or_default")]
    scalar_type: Scalar,
    /// The column's type.
    #[serde(deserialize_with = "or_default")]
    db_type: DbType,
    /// How many values it is.
    #[serde(deserialize_with = "or_default")]
    arity: Arity,
    /// Of a tuple: what its parts are.
    #[serde(deserialize_with = "or_default")]
    elements: Box<[ArgType]>,
}

/// What a client has a value as, as far as it matters here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Scalar {
    /// A date, in text.
    DateTime,
    /// Bytes, in base64.
    Bytes,
    /// It goes as it comes.
    #[default]
    #[serde(other)]
    Other,
}

/// How many values an argument is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Arity {
    /// A list of any length.
    List,
    /// A tuple, whose parts each have a type.
    Tuple,
    /// One.
    #[default]
    #[serde(other)]
    Scalar,
}

/// The type of a column says which part of a date goes there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum DbType {
    /// date.
    Date,
    /// time.
    Time,
    /// timetz.
    TimeTz,
    /// Any other.
    #[default]
    #[serde(other)]
    Other,
}

impl DbType {
    fn part(self) -> Part {
        match self {
            Self::Date => Part::Date,
            Self::Time | Self::TimeTz => Part::Time,
            Self::Other => Part::Both,
        }
    }
}

/// What is null is as good as missing.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl ArgType {
    /// What the parts of a tuple are; `None` for what is no tuple.
    pub fn elements(&self) -> Option<&[ArgType]> {
        (self.arity == Arity::Tuple).then_some(&*self.elements)
    }
}

/// An argument, once it is evaluated, as a parameter.
///
/// # Errors
/// None so far: what a type cannot hold is for Postgres to say.
pub fn param(value: &Value, ty: &ArgType) -> Result<Param, PlanError> {
    Ok(match value {
        Value::Undefined | Value::Null => Param::Null,
        Value::Text(text) if ty.scalar_type == Scalar::Bytes => Param::Bytes(from_base64(text).into()),
        Value::Bytes(bytes) => Param::Bytes(bytes.clone()),
        Value::List(items) => {
            let mut literal = String::new();
            write_literal(&mut literal, items, ty);
            Param::Text(literal)
        }
        value => Param::Text(text(value, ty.scalar_type, ty.db_type.part())),
    })
}

/// The text of a value that is neither NULL nor bytes nor a list.
fn text(value: &Value, scalar: Scalar, part: Part) -> String {
    let mut out = Vec::new();
    match value {
        Value::Bool(bool) => return bool.to_string(),
        Value::Text(text) => match moment::parse(text).filter(|_| scalar == Scalar::DateTime) {
            Some(moment) => moment::write_sql(&mut out, moment, part),
            None => return text.to_string(),
        },
        Value::Json(json) => return json.to_string(),
        Value::Moment(moment) => moment::write_sql(&mut out, *moment, part),
        Value::Number(number) => number::write(&mut out, *number),
        value => super::shape::plain::write(&mut out, value),
    }
    String::from_utf8(out).unwrap_or_default()
}

/// An array literal. Of what is no list by its type, elements go as they are.
fn write_literal(out: &mut String, items: &[Value], ty: &ArgType) {
    let scalar = if ty.arity == Arity::List { ty.scalar_type } else { Scalar::Other };
    out.push('{');
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        match item {
            Value::Undefined | Value::Null => out.push_str("NULL"),
            Value::List(items) => write_literal(out, items, ty),
            Value::Bytes(bytes) => write_bytes(out, bytes),
            Value::Text(text) if scalar == Scalar::Bytes => write_bytes(out, &from_base64(text)),
            Value::Text(text) if scalar == Scalar::Other => array::write_quoted(out, text),
            item => array::write_quoted(out, &text(item, scalar, ty.db_type.part())),
        }
    }
    out.push('}');
}

/// Bytes in an array literal: the backslash of the hex format is escaped there.
fn write_bytes(out: &mut String, bytes: &[u8]) {
    out.push_str("\\\\x");
    for byte in bytes {
        for half in [byte >> 4, byte & 15] {
            out.extend(char::from_digit(half.into(), 16));
        }
    }
}

/// Either alphabet, with and without padding, whatever the last bits are.
const BASE64: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);

/// Bytes of base64, as far as it goes: what is no digit of it is passed over, as Node does
/// (<https://nodejs.org/api/buffer.html#buffers-and-character-encodings>).
pub(super) fn from_base64(text: &str) -> Vec<u8> {
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, BASE64);
    if let Ok(bytes) = ENGINE.decode(text) {
        return bytes;
    }
    let digits: Vec<u8> = text
        .bytes()
        .take_while(|byte| *byte != b'=')
        .filter_map(|byte| match byte {
            b'-' => Some(b'+'),
            b'_' => Some(b'/'),
            byte => (byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/')).then_some(byte),
        })
        .collect();
    // A single digit at the end makes no byte.
    let whole = if digits.len() % 4 == 1 { digits.len() - 1 } else { digits.len() };
    digits.get(..whole).and_then(|digits| ENGINE.decode(digits).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
