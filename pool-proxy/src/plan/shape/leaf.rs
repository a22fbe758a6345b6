//! A single value, of a row or of JSON.

use std::borrow::Cow;

use super::describe::Described;
use crate::plan::number;
use crate::plan::value::{Number, Value};

/// A value that fields are made of.
pub(super) enum Leaf<'a> {
    Undefined,
    Null,
    Bool(bool),
    Number(Number),
    /// A number of JSON's, as it stands there.
    Digits(&'a str),
    Text(Cow<'a, str>),
    Bytes(&'a [u8]),
    Moment(i64),
    /// An array or an object.
    Json(&'a str),
    /// A list or a record.
    Value(&'a Value),
}

impl<'a> Leaf<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        match value {
            Value::Undefined => Self::Undefined,
            Value::Null => Self::Null,
            Value::Bool(bool) => Self::Bool(*bool),
            Value::Number(number) => Self::Number(*number),
            Value::Text(text) => Self::Text(Cow::Borrowed(text)),
            Value::Bytes(bytes) => Self::Bytes(bytes),
            Value::Moment(moment) => Self::Moment(*moment),
            Value::List(_) | Value::Record(_) => Self::Value(value),
            Value::Json(json) => Self::of_json(json),
        }
    }

    pub(super) fn of_json(json: &'a str) -> Self {
        match json.as_bytes() {
            [b't', ..] => Self::Bool(true),
            [b'f', ..] => Self::Bool(false),
            [b'"', ..] => Self::Text(unquoted(json)),
            [b'[' | b'{', ..] => Self::Json(json),
            [b'-' | b'0'..=b'9', ..] => Self::Digits(json),
            _ => Self::Null,
        }
    }

    /// What JavaScript's `typeof` says of it.
    pub(super) fn type_of(&self) -> &'static str {
        match self {
            Self::Undefined => "undefined",
            Self::Bool(_) => "boolean",
            Self::Number(_) | Self::Digits(_) => "number",
            Self::Text(_) => "string",
            Self::Null | Self::Bytes(_) | Self::Moment(_) | Self::Json(_) | Self::Value(_) => "object",
        }
    }

    /// Its type and itself, for an error.
    pub(super) fn what(&self) -> String {
        format!("{}: {}", self.type_of(), Described(self))
    }

    /// The number that JavaScript has of it, where it is one there.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn to_number(&self) -> Option<f64> {
        match self {
            Self::Number(Number::Int(integer)) => Some(*integer as f64),
            Self::Number(Number::Float(float)) => Some(*float),
            Self::Digits(digits) => Some(number::of_text(digits)),
            _ => None,
        }
    }
}

/// What a JSON string says; half of a surrogate pair, which is no character, is replaced.
pub(super) fn unquoted(json: &str) -> Cow<'_, str> {
    let inner = json.strip_prefix('"').and_then(|json| json.strip_suffix('"')).unwrap_or(json);
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let whole = serde_json::from_str(json).or_else(|_| {
        let bytes = json.as_bytes();
        let units: Vec<u16> = super::compact::units(bytes.get(1..bytes.len() - 1).unwrap_or_default());
        Ok::<_, serde_json::Error>(String::from_utf16_lossy(&units))
    });
    Cow::Owned(whole.unwrap_or_default())
}
