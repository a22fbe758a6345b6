//! What stands where a plan wants a value: the value itself, a name for one, or a call of a generator.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Name;
use crate::plan::value::{Names, Number, Record, Value};

/// An expression.
pub(in crate::plan) enum Expression {
    /// As it is.
    Literal(Value),
    /// What a name is bound to.
    Placeholder(Placeholder),
    /// What a generator gives.
    Generator(Box<Generator>),
    /// Several, of which not all are literals.
    List(Vec<Expression>),
}

/// A name for a value.
#[derive(serde::Deserialize)]
pub(in crate::plan) struct Placeholder {
    pub(in crate::plan) name: Name,
    /// Text that it stands for is a date.
    #[serde(rename = "type", default, deserialize_with = "is_date")]
    pub(in crate::plan) is_date: bool,
}

/// A call of a generator.
#[derive(serde::Deserialize)]
pub(in crate::plan) struct Generator {
    pub(in crate::plan) name: Box<str>,
    #[serde(default)]
    pub(in crate::plan) args: Vec<Expression>,
}

fn is_date<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    struct Words;

    impl<'de> Visitor<'de> for Words {
        type Value = bool;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a type")
        }

        fn visit_str<E: Error>(self, word: &str) -> Result<bool, E> {
            Ok(word == "DateTime")
        }

        fn visit_unit<E: Error>(self) -> Result<bool, E> {
            Ok(false)
        }

        // Other types say nothing that a value does not say itself.
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<bool, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(false)
        }
    }

    deserializer.deserialize_any(Words)
}

impl<'de> Deserialize<'de> for Expression {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Expression;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Expression, E> {
        Literals.visit_unit().map(Expression::Literal)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Expression, E> {
        Literals.visit_bool(value).map(Expression::Literal)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Expression, E> {
        Literals.visit_i64(value).map(Expression::Literal)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Expression, E> {
        Literals.visit_u64(value).map(Expression::Literal)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Expression, E> {
        Literals.visit_f64(value).map(Expression::Literal)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Expression, E> {
        Literals.visit_str(value).map(Expression::Literal)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Expression, A::Error> {
        // A list of literals is one, and needs no evaluation.
        let mut literals = Vec::new();
        let mut mixed: Option<Vec<Expression>> = None;
        while let Some(element) = list.next_element::<Expression>()? {
            match (&mut mixed, element) {
                (None, Expression::Literal(value)) => literals.push(value),
                (None, first) => {
                    let mut all: Vec<Expression> =
                        std::mem::take(&mut literals).into_iter().map(Expression::Literal).collect();
                    all.push(first);
                    mixed = Some(all);
                }
                (Some(all), element) => all.push(element),
            }
        }
        Ok(mixed.map_or(Expression::Literal(Value::List(literals)), Expression::List))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expression, A::Error> {
        let Some(first) = map.next_key::<Box<str>>()? else {
            return Ok(Expression::Literal(Value::Record(Record::new(Names::from([]), Vec::new()))));
        };
        if &*first != "prisma__type" {
            return record(first, &mut map).and_then(|value| Expression::of(value).map_err(A::Error::custom));
        }
        let word: Box<str> = map.next_value()?;
        let mut expression = None;
        while let Some(key) = map.next_key::<Box<str>>()? {
            match (&*key, &*word) {
                ("prisma__value", "param") => expression = Some(Expression::Placeholder(map.next_value()?)),
                ("prisma__value", "generatorCall") => expression = Some(Expression::Generator(map.next_value()?)),
                ("prisma__value", _) => return Err(A::Error::custom(format_args!("unknown kind of value: {word}"))),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        expression.ok_or_else(|| A::Error::missing_field("prisma__value"))
    }
}

impl Generator {
    /// Whether it gives something else each time: all do but the one that pairs values.
    pub(super) fn is_volatile(&self) -> bool {
        &*self.name != "product"
    }
}

impl Expression {
    pub(super) fn is_volatile(&self) -> bool {
        match self {
            Self::Literal(_) | Self::Placeholder(_) => false,
            Self::Generator(generator) => generator.is_volatile() || generator.args.iter().any(Self::is_volatile),
            Self::List(values) => values.iter().any(Self::is_volatile),
        }
    }

    /// Of an object that may mean more than itself. Clients write its kind first, and then it is not read as a literal.
    fn of(literal: Value) -> Result<Self, String> {
        let mut record = match literal {
            Value::Record(record) if matches!(record.get("prisma__type"), Some(Value::Text(_))) => record,
            other => return Ok(Self::Literal(other)),
        };
        let kind = record.take("prisma__type");
        let Some(Value::Record(mut value)) = record.take("prisma__value") else {
            return Err("missing field `prisma__value`".to_owned());
        };
        let Some(Value::Text(name)) = value.take("name") else { return Err("missing field `name`".to_owned()) };
        match kind {
            Some(Value::Text(kind)) if *kind == *"param" => {
                let is_date = matches!(value.get("type"), Some(Value::Text(word)) if &**word == "DateTime");
                Ok(Self::Placeholder(Placeholder { name: Name::new((*name).into()), is_date }))
            }
            Some(Value::Text(kind)) if *kind == *"generatorCall" => {
                let args = match value.take("args") {
                    Some(Value::List(args)) => args.into_iter().map(Self::of).collect::<Result<_, _>>()?,
                    _ => Vec::new(),
                };
                Ok(Self::Generator(Box::new(Generator { name: (*name).into(), args })))
            }
            Some(Value::Text(other)) => Err(format!("unknown kind of value: {}", &*other)),
            _ => Err("missing field `prisma__type`".to_owned()),
        }
    }
}

/// A value that is written out, down to its leaves.
struct Literal(Value);

impl<'de> Deserialize<'de> for Literal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Literals).map(Self)
    }
}

struct Literals;

impl<'de> Visitor<'de> for Literals {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(Number::Int(value)))
    }

    // Over 2^63 there is no bigint either.
    #[allow(clippy::cast_precision_loss)]
    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(i64::try_from(value).map_or(Number::Float(value as f64), Number::Int)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(Number::Float(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(Literal(value)) = list.next_element()? {
            values.push(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        match map.next_key()? {
            Some(first) => record(first, &mut map),
            None => Ok(Value::Record(Record::new(Names::from([]), Vec::new()))),
        }
    }
}

/// An object, from behind its first key.
fn record<'de, A: MapAccess<'de>>(first: Box<str>, map: &mut A) -> Result<Value, A::Error> {
    let mut names: Vec<Box<str>> = Vec::new();
    let mut values = Vec::new();
    let mut next = Some(first);
    while let Some(name) = next {
        let Literal(value) = map.next_value()?;
        names.push(name);
        values.push(value);
        next = map.next_key()?;
    }
    Ok(Value::Record(Record::from_pairs(names, values)))
}

/// An object's fields in the order in which they came.
pub(super) type Fields<T> = Vec<(Box<str>, T)>;

/// Reads them; there are none in null.
pub(super) fn fields<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Fields<T>, D::Error> {
    optional_fields(deserializer).map(Option::unwrap_or_default)
}

/// Reads them, or null.
pub(super) fn optional_fields<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Fields<T>>, D::Error> {
    struct Object<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Object<T> {
        type Value = Option<Fields<T>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(field) = map.next_entry()? {
                fields.push(field);
            }
            Ok(Some(fields))
        }
    }

    deserializer.deserialize_any(Object(PhantomData))
}
