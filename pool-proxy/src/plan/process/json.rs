//! Reads the JSON that Postgres put together, as far as it is needed: a list, its records, and their fields. What is nested in those stays
//! text, and so do numbers that JavaScript would not keep as they are.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::PlanError;
use crate::plan::errors;
use crate::plan::number;
use crate::plan::room::Room;
use crate::plan::value::{Names, Number, Record, Value};

/// Reads a list of records, or one, or another value.
pub(super) fn read(text: &str, room: &Room) -> Result<Value, PlanError> {
    let fault = |error| errors::internal(format!("A relation is no JSON: {error}"));
    // What is between commas takes more than its text.
    room.take(text.len() + text.bytes().filter(|byte| *byte == b',').count() * size_of::<Value>())?;
    let value: Top = serde_json::from_str(text).map_err(fault)?;
    match value {
        Top::List(elements) => {
            let mut names = None;
            let records = elements.into_iter().map(|element| record(element, &mut names));
            records.collect::<Result<_, _>>().map(Value::List).map_err(fault)
        }
        Top::Other(raw) => record(raw, &mut None).map_err(fault),
    }
}

enum Top<'t> {
    List(Vec<&'t RawValue>),
    Other(&'t RawValue),
}

impl<'de: 't, 't> Deserialize<'de> for Top<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw: &'de RawValue = Deserialize::deserialize(deserializer)?;
        if raw.get().starts_with('[') {
            return serde_json::from_str(raw.get()).map(Self::List).map_err(D::Error::custom);
        }
        Ok(Self::Other(raw))
    }
}

/// A record; its fields are named as those of the record before it, mostly.
fn record(raw: &RawValue, known: &mut Option<Names>) -> Result<Value, serde_json::Error> {
    if !raw.get().starts_with('{') {
        return scalar(raw);
    }
    let Fields(fields) = serde_json::from_str(raw.get())?;
    let mut names = Vec::with_capacity(fields.len());
    let mut values = Vec::with_capacity(fields.len());
    for (name, value) in fields {
        names.push(name);
        values.push(scalar(value)?);
    }
    if let Some(known) = known
        && **known == *names
    {
        return Ok(Value::Record(Record::new(known.clone(), values)));
    }
    let record = Record::from_pairs(names, values);
    *known = Some(record.names().clone());
    Ok(Value::Record(record))
}

struct Fields<'t>(Vec<(Box<str>, &'t RawValue)>);

impl<'de: 't, 't> Deserialize<'de> for Fields<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

/// A field's value.
fn scalar(raw: &RawValue) -> Result<Value, serde_json::Error> {
    let text = raw.get();
    Ok(match text.as_bytes().first() {
        Some(b'"') => Value::Text(serde_json::from_str::<String>(text)?.into()),
        Some(b'n') => Value::Null,
        Some(b't') => Value::Bool(true),
        Some(b'f') => Value::Bool(false),
        Some(b'{' | b'[') | None => Value::Json(text.into()),
        Some(_) => number(text),
    })
}

fn number(text: &str) -> Value {
    if let Ok(integer) = text.parse() {
        return Value::Number(Number::Int(integer));
    }
    let float = Number::Float(number::of_text(text));
    let mut again = Vec::new();
    number::write(&mut again, float);
    if again == text.as_bytes() { Value::Number(float) } else { Value::Json(text.into()) }
}
