//! One value as serde sees it: what it becomes is decided by its column's type and by what is asked for.

use std::borrow::Cow;
use std::str::FromStr;

use serde::de::value::SeqDeserializer;
use serde::de::{Deserializer, Error, IntoDeserializer, Unexpected, Visitor};

use super::Misfit;
use super::array::{self, Item};
use super::bytes::bytes;
use super::time::rfc3339;
use super::types::{Class, class};

/// Newtypes of `serde_json`'s that only its own deserializer understands, such as `RawValue`.
const OF_SERDE_JSON: &str = "$serde_json::";

/// What JSON takes for white space.
const JSON_BLANKS: [char; 4] = [' ', '\t', '\n', '\r'];

/// A value, or a part of one.
pub(super) struct Cell<'a> {
    oid: u32,
    item: Item<'a>,
}

impl<'a> Cell<'a> {
    pub(super) fn new(oid: u32, text: Option<&'a str>) -> Self {
        Self { oid, item: text.map_or(Item::Null, |text| Item::Text(Cow::Borrowed(text))) }
    }

    fn class(&self) -> Class {
        class(self.oid)
    }

    /// The text of a value that is neither NULL nor a list.
    fn text(self, expected: &str) -> Result<Cow<'a, str>, Misfit> {
        match self.item {
            Item::Text(text) => Ok(text),
            Item::Null => Err(Misfit::new(format!("NULL where {expected} was expected; an Option would take it"))),
            Item::List(_) => Err(Misfit::new(format!("an array where {expected} was expected"))),
        }
    }

    /// As [`text`](Self::text), where only some types have one that can be meant.
    fn text_of(self, expected: &str, fits: impl FnOnce(Class) -> bool) -> Result<Cow<'a, str>, Misfit> {
        let class = self.class();
        let text = self.text(expected)?;
        if fits(class) { Ok(text) } else { Err(Misfit::expected(expected)) }
    }

    fn whole<T: FromStr>(self, expected: &str) -> Result<T, Misfit> {
        let fits = |class| matches!(class, Class::Integer | Class::Long | Class::Numeric | Class::Unknown);
        let is_numeric = self.class() == Class::Numeric;
        let text = self.text_of(expected, fits)?;
        // A numeric has as many digits behind the point as its column or its arithmetic says, whole or not.
        let digits = match text.split_once('.') {
            Some((whole, fraction)) if is_numeric && fraction.bytes().all(|digit| digit == b'0') => whole,
            _ => &text,
        };
        digits.parse().map_err(|_| Misfit::expected(expected))
    }

    fn float<T: FromStr>(self, is_infinite: impl FnOnce(&T) -> bool) -> Result<T, Misfit> {
        const EXPECTED: &str = "a floating-point number";
        let fits = |class| matches!(class, Class::Float | Class::Integer | Class::Numeric | Class::Unknown);
        let text = self.text_of(EXPECTED, fits)?;
        let number = text.parse().map_err(|_| Misfit::expected(EXPECTED))?;
        if is_infinite(&number) && !text.ends_with("Infinity") {
            return Err(Misfit::expected("a floating-point number within range"));
        }
        Ok(number)
    }

    /// The elements of an array or a vector, the bytes of a bytea.
    fn elements<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let class = self.class();
        let (element, delimiter) = match class {
            Class::Array { element, delimiter } => (element, delimiter),
            Class::Vector { element } => (element, ' '),
            _ => (0, ','),
        };
        let items = match self.item {
            // An inner dimension has its elements' type in the same place.
            Item::List(items) => items,
            Item::Null => return Err(Misfit::new("NULL where a list was expected; an Option would take it")),
            Item::Text(text) => match class {
                Class::Bytes => {
                    let bytes = bytes(&text).ok_or_else(|| Misfit::expected("bytea"))?;
                    return all(SeqDeserializer::new(bytes.into_iter()), visitor);
                }
                Class::Vector { .. } => array::parse_vector(&text).into_iter().map(Item::into_owned).collect(),
                Class::Array { .. } | Class::Unknown => match text {
                    Cow::Borrowed(text) => array::parse(text, delimiter),
                    Cow::Owned(text) => {
                        array::parse(&text, delimiter).map(|items| items.into_iter().map(Item::into_owned).collect())
                    }
                }
                .ok_or_else(|| Misfit::expected("an array"))?,
                _ => return Err(Misfit::invalid_type(Unexpected::Other("value"), &visitor)),
            },
        };
        let oid = self.oid;
        let cell = |item| match item {
            Item::List(_) => Cell { oid, item },
            item => Cell { oid: element, item },
        };
        all(SeqDeserializer::new(items.into_iter().map(cell)), visitor)
    }
}

/// Hands over all elements; that none may be left over makes a tuple of two refuse an array of three.
fn all<'a, I, T, V>(mut list: SeqDeserializer<I, Misfit>, visitor: V) -> Result<V::Value, Misfit>
where
    I: Iterator<Item = T>,
    T: IntoDeserializer<'a, Misfit>,
    V: Visitor<'a>,
{
    let value = visitor.visit_seq(&mut list)?;
    list.end()?;
    Ok(value)
}

impl<'a> IntoDeserializer<'a, Misfit> for Cell<'a> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Hands the text of a JSON value to `serde_json`.
macro_rules! json {
    ($cell:ident, $method:ident($($argument:expr),*)) => {
        match $cell.text("JSON")? {
            Cow::Borrowed(text) => {
                serde_json::Deserializer::from_str(text).$method($($argument),*).map_err(Misfit::from)
            }
            Cow::Owned(text) => {
                serde_json::Deserializer::from_reader(text.as_bytes()).$method($($argument),*).map_err(Misfit::from)
            }
        }
    };
}

macro_rules! whole {
    ($($method:ident $visit:ident $number:ty,)*) => {$(
        fn $method<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
            if self.class() == Class::Json {
                return json!(self, $method(visitor));
            }
            let expected = format!("a whole number from {} to {}", <$number>::MIN, <$number>::MAX);
            visitor.$visit(self.whole(&expected)?)
        }
    )*};
}

impl<'a> Deserializer<'a> for Cell<'a> {
    type Error = Misfit;

    whole! {
        deserialize_i8 visit_i8 i8,
        deserialize_i16 visit_i16 i16,
        deserialize_i32 visit_i32 i32,
        deserialize_i64 visit_i64 i64,
        deserialize_i128 visit_i128 i128,
        deserialize_u8 visit_u8 u8,
        deserialize_u16 visit_u16 u16,
        deserialize_u32 visit_u32 u32,
        deserialize_u64 visit_u64 u64,
        deserialize_u128 visit_u128 u128,
    }

    /// For types that take what there is, such as `serde_json::Value`.
    fn deserialize_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match (&self.item, self.class()) {
            (Item::Null, _) => visitor.visit_unit(),
            (Item::List(_), _) | (_, Class::Array { .. } | Class::Vector { .. }) => self.elements(visitor),
            (_, Class::Bool) => self.deserialize_bool(visitor),
            (_, Class::Integer | Class::Long) => self.deserialize_i64(visitor),
            // What is no number in JSON would become its null there.
            (Item::Text(text), Class::Float) if matches!(&**text, "NaN" | "Infinity" | "-Infinity") => {
                self.deserialize_str(visitor)
            }
            (_, Class::Float) => self.deserialize_f64(visitor),
            (_, Class::Json) => json!(self, deserialize_any(visitor)),
            // Numerics keep their digits as text, and bytes have no form in JSON.
            (_, Class::Numeric | Class::Bytes | Class::Timestamp | Class::Text | Class::Unknown) => {
                self.deserialize_str(visitor)
            }
        }
    }

    fn deserialize_bool<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        const EXPECTED: &str = "a boolean";
        if self.class() == Class::Json {
            return json!(self, deserialize_bool(visitor));
        }
        let text = self.text_of(EXPECTED, |class| matches!(class, Class::Bool | Class::Unknown))?;
        match &*text {
            "t" => visitor.visit_bool(true),
            "f" => visitor.visit_bool(false),
            _ => Err(Misfit::expected(EXPECTED)),
        }
    }

    fn deserialize_f32<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_f32(visitor));
        }
        visitor.visit_f32(self.float(|number: &f32| number.is_infinite())?)
    }

    fn deserialize_f64<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_f64(visitor));
        }
        visitor.visit_f64(self.float(|number: &f64| number.is_infinite())?)
    }

    fn deserialize_char<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    /// Every type has a text; that of json is the whole document.
    fn deserialize_str<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let class = self.class();
        match self.text("text")? {
            Cow::Borrowed(text) if class == Class::Timestamp => match rfc3339(text) {
                Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
                Cow::Owned(text) => visitor.visit_string(text),
            },
            Cow::Owned(text) if class == Class::Timestamp => visitor.visit_str(&rfc3339(&text)),
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_string<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_byte_buf(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let class = self.class();
        let text = self.text("bytes")?;
        if class == Class::Bytes {
            return visitor.visit_byte_buf(bytes(&text).ok_or_else(|| Misfit::expected("bytea"))?);
        }
        visitor.visit_byte_buf(text.into_owned().into_bytes())
    }

    fn deserialize_option<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        match &self.item {
            Item::Null => visitor.visit_none(),
            // JSON has a null of its own, which the type json keeps with the blanks around it.
            Item::Text(text) if self.class() == Class::Json && text.trim_matches(JSON_BLANKS) == "null" => {
                visitor.visit_none()
            }
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'a>>(self, _: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'a>>(self, name: &'static str, visitor: V) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json && name.starts_with(OF_SERDE_JSON) {
            return json!(self, deserialize_newtype_struct(name, visitor));
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_seq(visitor));
        }
        self.elements(visitor)
    }

    fn deserialize_tuple<V: Visitor<'a>>(self, length: usize, visitor: V) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_tuple(length, visitor));
        }
        self.elements(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        length: usize,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_tuple_struct(name, length, visitor));
        }
        self.elements(visitor)
    }

    fn deserialize_map<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_map(visitor));
        }
        Err(Misfit::invalid_type(Unexpected::Other("value"), &visitor))
    }

    fn deserialize_struct<V: Visitor<'a>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_struct(name, fields, visitor));
        }
        Err(Misfit::invalid_type(Unexpected::Other("value"), &visitor))
    }

    /// The labels of a Postgres enum, or any text, are unit variants.
    fn deserialize_enum<V: Visitor<'a>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        if self.class() == Class::Json {
            return json!(self, deserialize_enum(name, variants, visitor));
        }
        visitor.visit_enum(self.text("one of an enum's variants")?.into_deserializer())
    }

    fn deserialize_identifier<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_unit()
    }
}
