//! A parameter on its way into Postgres, as JSON that the proxy takes.

mod convert;

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeSeq, Serializer};
use serde_json::value::RawValue;

pub use convert::{Element, Json};

/// The value of a parameter; anything that is `Into<Param>` can be bound.
///
/// | Rust | Postgres |
/// | --- | --- |
/// | `bool`, `i8` to `i128`, `u8` to `u64`, `f32`, `f64` | as their digits; `NaN` and infinities as Postgres writes them |
/// | `&str`, `String`, `Cow<str>`, `char` | text, or any type that Postgres reads from text |
/// | `Vec<u8>`, `&[u8]`, `[u8; N]` | bytea |
/// | `Option<T>` | NULL for `None` |
/// | `Vec<T>`, `&[T]`, `[T; N]` of the above | an array; `Vec<Option<T>>` may hold NULLs, `Vec<Vec<T>>` has two dimensions |
/// | [`Json<T>`](Json), `serde_json::Value` | json or jsonb |
/// | `uuid::Uuid` (feature `uuid`) | uuid |
///
/// For other types, such as dates, bind their text: `.bind(date.to_string())`. `Debug` shows what kind of value it is,
/// never the value.
#[derive(Clone)]
pub struct Param(pub(crate) Value);

#[derive(Clone)]
pub(crate) enum Value {
    Null,
    /// Sent as a string.
    Text(String),
    /// Digits, sent as they are.
    Number(Box<RawValue>),
    Array(Vec<Param>),
    /// It could not be written, and the statement cannot be run.
    Invalid,
}

impl Param {
    /// NULL.
    pub fn null() -> Self {
        Self(Value::Null)
    }

    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self(Value::Text(text.into()))
    }

    /// Whether it can be sent.
    pub(crate) fn is_valid(&self) -> bool {
        match &self.0 {
            Value::Invalid => false,
            Value::Array(items) => items.iter().all(Self::is_valid),
            Value::Null | Value::Text(_) | Value::Number(_) => true,
        }
    }
}

impl Serialize for Param {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Value::Null | Value::Invalid => serializer.serialize_unit(),
            Value::Text(text) => serializer.serialize_str(text),
            Value::Number(digits) => digits.serialize(serializer),
            Value::Array(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items {
                    list.serialize_element(item)?;
                }
                list.end()
            }
        }
    }
}

impl fmt::Debug for Param {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match &self.0 {
            Value::Null => "NULL",
            Value::Text(_) => "text",
            Value::Number(_) => "number",
            Value::Array(_) => "array",
            Value::Invalid => "invalid",
        };
        write!(f, "Param({kind})")
    }
}

#[cfg(test)]
mod tests;
