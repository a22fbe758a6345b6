//! Joins in memory: records are put into a field of the records that they belong to.

use std::collections::HashMap;

use super::errors;
use super::key;
use super::number;
use super::room::{Room, weight_of};
use super::tree::Child;
use super::value::{Names, Number, Record, Value};
use crate::error::PlanError;

/// Puts each child's records into the parents they belong to; into several, copies. Without parents there is nothing.
pub(super) fn join(
    mut parent: Value,
    children: Vec<(&Child, Value)>,
    is_strict: bool,
    room: &Room,
) -> Result<Value, PlanError> {
    let parents = match &mut parent {
        Value::Undefined | Value::Null => return Ok(Value::Null),
        Value::List(parents) => &mut **parents,
        one => std::slice::from_mut(one),
    };
    if let Some(other) = parents.iter().find(|parent| !matches!(parent, Value::Record(_))) {
        return Err(no_record(other));
    }
    for (child, records) in children {
        attach(parents, child, records, is_strict, room)?;
    }
    Ok(parent)
}

fn attach(parents: &mut [Value], child: &Child, records: Value, is_strict: bool, room: &Room) -> Result<(), PlanError> {
    let types = if is_strict { Vec::new() } else { types(parents, child) };
    let mut last = HashMap::with_capacity(parents.len());
    // Parents of the same key, each with the one before it.
    let mut before = Vec::with_capacity(parents.len());
    let mut wider: Option<(Names, Names)> = None;
    for (index, parent) in parents.iter_mut().enumerate() {
        let Value::Record(parent) = parent else { continue };
        let mut key = Vec::with_capacity(16);
        key::write(&mut key, parent, child.on.iter().map(|(parent, _)| &**parent));
        before.push(last.insert(key, index));
        let empty = if child.is_relation_unique { Value::Null } else { Value::List(Vec::new()) };
        parent.set(&child.parent_field, empty, |names| widen(&mut wider, names, &child.parent_field));
    }
    let records = match records {
        Value::List(records) => records,
        one => vec![one],
    };
    let mut key = Vec::new();
    for record in records {
        let record = match record {
            Value::Record(record) => record,
            Value::Null | Value::Undefined => continue,
            other => return Err(no_record(&other)),
        };
        key.clear();
        write_key(&mut key, &record, child, &types);
        let mut place = last.get(&key).copied();
        while let Some(index) = place {
            place = before.get(index).copied().flatten();
            if place.is_none() {
                put(parents, index, child, record);
                break;
            }
            room.take(weight_of(&record))?;
            put(parents, index, child, record.clone());
        }
    }
    Ok(())
}

fn put(parents: &mut [Value], index: usize, child: &Child, record: Record) {
    let Some(Value::Record(parent)) = parents.get_mut(index) else { return };
    match parent.get_mut(&child.parent_field) {
        Some(Value::List(list)) => list.push(Value::Record(record)),
        Some(place) => *place = Value::Record(record),
        None => {}
    }
}

/// Names with one more. Parents share their names, so that the next one has its new ones already.
fn widen(known: &mut Option<(Names, Names)>, names: &Names, name: &str) -> Names {
    if let Some((from, to)) = known
        && from.are(names)
    {
        return to.clone();
    }
    let wider: Names = names.iter().cloned().chain([name.into()]).collect();
    *known = Some((names.clone(), wider.clone()));
    wider
}

/// What JavaScript has a value as.
#[derive(Clone, Copy)]
enum Type {
    Number,
    Text,
    Bool,
}

/// For each pair of columns, what the parents' is: by the first that is not null.
fn types(parents: &[Value], child: &Child) -> Vec<Option<Type>> {
    let column = |name: &str| {
        parents.iter().find_map(|parent| match parent {
            Value::Record(parent) => match parent.get(name)? {
                Value::Number(_) => Some(Type::Number),
                Value::Text(_) => Some(Type::Text),
                Value::Bool(_) => Some(Type::Bool),
                _ => None,
            },
            _ => None,
        })
    };
    child.on.iter().map(|(parent, _)| column(parent)).collect()
}

fn write_key(out: &mut Vec<u8>, record: &Record, child: &Child, types: &[Option<Type>]) {
    for (index, (_, field)) in child.on.iter().enumerate() {
        out.push(b',');
        let value = record.get(field).unwrap_or(&Value::Null);
        match types.get(index).copied().flatten().and_then(|ty| coerced(value, ty)) {
            Some(other) => key::write_part(out, &other),
            None => key::write_part(out, value),
        }
    }
}

/// A value as one of another type; `None` for what is as it should be, or null.
fn coerced(value: &Value, ty: Type) -> Option<Value> {
    let number = |number| Value::Number(number);
    Some(match (value, ty) {
        (Value::Text(text), Type::Number) => match text.parse() {
            Ok(integer) => number(Number::Int(integer)),
            Err(_) => number(Number::Float(number::of_text(text))),
        },
        (Value::Bool(bool), Type::Number) => number(Number::Int(i64::from(*bool))),
        (Value::Number(number), Type::Text) => {
            let mut text = Vec::new();
            number::write(&mut text, *number);
            Value::Text(String::from_utf8(text).unwrap_or_default().into())
        }
        (Value::Bool(bool), Type::Text) => Value::Text(bool.to_string().into()),
        (Value::Text(text), Type::Bool) => Value::Bool(!text.is_empty()),
        (Value::Number(number), Type::Bool) => {
            let number = number.to_float();
            Value::Bool(number != 0.0 && !number.is_nan())
        }
        _ => return None,
    })
}

fn no_record(value: &Value) -> PlanError {
    errors::internal(format!("Expected object, got {}", value.type_of()))
}

#[cfg(test)]
mod tests;
