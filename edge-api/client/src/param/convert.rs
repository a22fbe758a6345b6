//! What can be bound as a parameter.

use std::borrow::Cow;
use std::fmt::{self, Write};

use serde::Serialize;
use serde_json::value::RawValue;

use super::{Param, Value};

/// A value that Postgres takes as json or jsonb: anything that serde writes as JSON.
///
/// Lists are written `Json(list)`, too: without it they are Postgres arrays. `Debug` does not show the value.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Json<T>(pub T);

impl<T> fmt::Debug for Json<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Json").finish_non_exhaustive()
    }
}

/// What an array may hold. Everything that can be bound, except `u8`: `Vec<u8>` is bytea.
pub trait Element: Into<Param> {}

impl<T: Serialize> From<Json<T>> for Param {
    fn from(Json(value): Json<T>) -> Self {
        // Its text, so that JSON strings keep their quotes and arrays are not taken for Postgres's.
        Self(serde_json::to_string(&value).map_or(Value::Invalid, Value::Text))
    }
}

impl<T: Serialize> Element for Json<T> {}

impl From<serde_json::Value> for Param {
    fn from(value: serde_json::Value) -> Self {
        Json(value).into()
    }
}

impl Element for serde_json::Value {}

impl From<&serde_json::Value> for Param {
    fn from(value: &serde_json::Value) -> Self {
        Json(value).into()
    }
}

impl Element for &serde_json::Value {}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl From<$number> for Param {
            fn from(number: $number) -> Self {
                digits(number.to_string())
            }
        }

        impl From<&$number> for Param {
            fn from(number: &$number) -> Self {
                (*number).into()
            }
        }
    )*};
}

numbers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

macro_rules! floats {
    ($($float:ty),*) => {$(
        impl From<$float> for Param {
            fn from(number: $float) -> Self {
                // The shortest digits that read back as the same number, without an exponent where they are few:
                // Postgres takes `3` for an integer, not `3e0`.
                if number == 0.0 || (1e-7..1e17).contains(&number.abs()) {
                    digits(number.to_string())
                } else if number.is_finite() {
                    digits(format!("{number:e}"))
                } else if number.is_nan() {
                    Self::text("NaN")
                } else {
                    Self::text(if number > 0.0 { "Infinity" } else { "-Infinity" })
                }
            }
        }

        impl From<&$float> for Param {
            fn from(number: &$float) -> Self {
                (*number).into()
            }
        }
    )*};
}

floats!(f32, f64);

fn digits(text: String) -> Param {
    Param(RawValue::from_string(text).map_or(Value::Invalid, Value::Number))
}

macro_rules! elements {
    ($($element:ty),*) => {$(impl Element for $element {})*};
}

elements!(bool, i8, i16, i32, i64, i128, isize, u16, u32, u64, u128, usize, f32, f64, char, String, Param);
elements!(&str, &String, Cow<'_, str>, &[u8]);

impl From<bool> for Param {
    fn from(value: bool) -> Self {
        Self::text(if value { "true" } else { "false" })
    }
}

impl From<&bool> for Param {
    fn from(value: &bool) -> Self {
        (*value).into()
    }
}

impl From<char> for Param {
    fn from(value: char) -> Self {
        Self::text(value)
    }
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Param {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<&String> for Param {
    fn from(text: &String) -> Self {
        Self::text(text)
    }
}

impl From<Cow<'_, str>> for Param {
    fn from(text: Cow<'_, str>) -> Self {
        Self::text(text)
    }
}

impl From<&[u8]> for Param {
    fn from(bytes: &[u8]) -> Self {
        let mut text = String::with_capacity(2 + 2 * bytes.len());
        text.push_str("\\x");
        for byte in bytes {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self::text(text)
    }
}

impl From<Vec<u8>> for Param {
    fn from(bytes: Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl From<&Vec<u8>> for Param {
    fn from(bytes: &Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

impl<const N: usize> From<[u8; N]> for Param {
    fn from(bytes: [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<const N: usize> From<&[u8; N]> for Param {
    fn from(bytes: &[u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl Element for Vec<u8> {}

impl<T: Into<Param>> From<Option<T>> for Param {
    fn from(value: Option<T>) -> Self {
        value.map_or_else(Self::null, Into::into)
    }
}

impl<T: Element> Element for Option<T> {}

impl<T: Element> From<Vec<T>> for Param {
    fn from(items: Vec<T>) -> Self {
        Self(Value::Array(items.into_iter().map(Into::into).collect()))
    }
}

impl<T: Element> Element for Vec<T> {}

impl<T: Element + Clone> From<&[T]> for Param {
    fn from(items: &[T]) -> Self {
        Self(Value::Array(items.iter().cloned().map(Into::into).collect()))
    }
}

impl<T: Element + Clone> From<&Vec<T>> for Param {
    fn from(items: &Vec<T>) -> Self {
        items.as_slice().into()
    }
}

impl<T: Element, const N: usize> From<[T; N]> for Param {
    fn from(items: [T; N]) -> Self {
        Self(Value::Array(items.into_iter().map(Into::into).collect()))
    }
}

impl<T: Element, const N: usize> Element for [T; N] {}

impl<T: Element + Clone, const N: usize> From<&[T; N]> for Param {
    fn from(items: &[T; N]) -> Self {
        items.as_slice().into()
    }
}

#[cfg(feature = "uuid")]
impl From<uuid::Uuid> for Param {
    fn from(id: uuid::Uuid) -> Self {
        Self::text(id.to_string())
    }
}

#[cfg(feature = "uuid")]
impl From<&uuid::Uuid> for Param {
    fn from(id: &uuid::Uuid) -> Self {
        Self::text(id.to_string())
    }
}

#[cfg(feature = "uuid")]
impl Element for uuid::Uuid {}
