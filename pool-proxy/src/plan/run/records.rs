//! What nodes make of values that are there: the small ones.

use std::collections::HashSet;

use super::super::room::Room;
use super::super::scope::Scope;
use super::super::tree::{Initializer, Operation, Operator, Source};
use super::super::value::{Names, Number, Record, Value};
use super::super::{errors, key, number};
use crate::error::PlanError;

/// The one element of a list, or null.
pub(super) fn unique(value: Value) -> Result<Value, PlanError> {
    match value {
        Value::List(mut elements) => match elements.len() {
            0 => Ok(Value::Null),
            1 => Ok(elements.pop().unwrap_or_default()),
            more => Err(errors::internal(format!("Expected zero or one element, got {more}"))),
        },
        other => Ok(other),
    }
}

/// A value that is there.
pub(super) fn required(value: Value) -> Result<Value, PlanError> {
    if is_empty(&value) { Err(errors::internal("Required value is empty")) } else { Ok(value) }
}

/// Whether there is no value.
pub(super) fn is_absent(value: &Value) -> bool {
    matches!(value, Value::Null | Value::Undefined)
}

/// Nothing, or a list of nothing.
pub(super) fn is_empty(value: &Value) -> bool {
    match value {
        Value::Undefined | Value::Null => true,
        Value::List(elements) => elements.is_empty(),
        _ => false,
    }
}

/// A field of a record, or of each. What is no record stays.
pub(super) fn field(value: &Value, name: &str, room: &Room) -> Result<Value, PlanError> {
    match value {
        Value::List(elements) => {
            let fields = elements.iter().map(|element| field(element, name, room));
            fields.collect::<Result<_, _>>().map(Value::List)
        }
        Value::Record(record) => match record.get(name) {
            Some(Value::Undefined) | None => Ok(Value::Null),
            Some(value) => room.copy(value, 0),
        },
        other => room.copy(other, 0),
    }
}

/// One list of all.
pub(super) fn concat(values: Vec<Value>) -> Value {
    let mut all = Vec::new();
    for value in values {
        match value {
            Value::List(elements) => all.extend(elements),
            other => all.push(other),
        }
    }
    Value::List(all)
}

/// The sum of numbers, and of texts that are numbers.
pub(super) fn sum(values: &[Value]) -> Result<Value, PlanError> {
    let total = values.iter().try_fold(Number::Int(0), |total, value| {
        let number = of(value)?;
        Ok::<_, PlanError>(match (total, number) {
            (Number::Int(left), Number::Int(right)) => {
                left.checked_add(right).map_or(Number::Float(total.to_float() + number.to_float()), Number::Int)
            }
            _ => Number::Float(total.to_float() + number.to_float()),
        })
    })?;
    Ok(Value::Number(total))
}

/// A number, or the one that a text is.
fn of(value: &Value) -> Result<Number, PlanError> {
    match value {
        Value::Number(number) => Ok(*number),
        Value::Text(text) => Ok(text.parse().map_or_else(|_| Number::Float(number::of_text(text)), Number::Int)),
        other => Err(errors::internal(format!("Expected number, got {}", other.type_of()))),
    }
}

/// Those of a list whose key is not among the keys of another.
pub(super) fn diff(from: Value, to: Value, fields: &[Box<str>]) -> Value {
    let list = |value| match value {
        Value::List(elements) => elements,
        other => vec![other],
    };
    let known: HashSet<Vec<u8>> = list(to).iter().map(|element| key::of(element, fields)).collect();
    let mut from = list(from);
    from.retain(|element| !known.contains(&key::of(element, fields)));
    Value::List(from)
}

/// The other way round.
pub(super) fn reverse(mut value: Value) -> Value {
    if let Value::List(elements) = &mut value {
        elements.reverse();
    }
    value
}

/// A new record.
pub(super) fn initialize(fields: &[(Box<str>, Initializer)], scope: &Scope<'_>) -> Result<Value, PlanError> {
    let names = fields.iter().map(|(name, _)| name.clone()).collect();
    let values = fields.iter().map(|(_, field)| match (&field.r#type, &field.value) {
        (Source::Value, Some(value)) => scope.owned(scope.value(value, 1)?, 1),
        // Postgres has no last inserted id.
        (Source::Value, None) | (Source::LastInsertId, _) => Ok(Value::Undefined),
    });
    Ok(Value::Record(Record::from_pairs(names, values.collect::<Result<_, PlanError>>()?)))
}

/// A record with some of its fields changed.
pub(super) fn map(value: Value, fields: &[(Box<str>, Operation)], scope: &Scope<'_>) -> Result<Value, PlanError> {
    let mut record = match value {
        Value::Record(record) => record,
        Value::Null | Value::Undefined => Record::new(Names::from([]), Vec::new()),
        other => return Err(errors::internal(format!("Expected object, got {}", other.type_of()))),
    };
    record.widen(fields.iter().map(|(name, _)| name));
    for (name, operation) in fields {
        let operand = scope.value(&operation.value, 1)?;
        let value = match operation.r#type {
            Operator::Set => scope.owned(operand, 1)?,
            operator => calculate(operator, of(record.get(name).unwrap_or(&Value::Undefined))?, of(&operand)?),
        };
        if let Some(place) = record.get_mut(name) {
            *place = value;
        }
    }
    Ok(Value::Record(record))
}

fn calculate(operator: Operator, left: Number, right: Number) -> Value {
    if let (Number::Int(left), Number::Int(right)) = (left, right) {
        let exact = match operator {
            Operator::Add => left.checked_add(right),
            Operator::Subtract => left.checked_sub(right),
            Operator::Multiply => left.checked_mul(right),
            Operator::Set | Operator::Divide => None,
        };
        if let Some(exact) = exact {
            return Value::Number(Number::Int(exact));
        }
    }
    let (left, right) = (left.to_float(), right.to_float());
    Value::Number(Number::Float(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Set => right,
        Operator::Divide if right == 0.0 => return Value::Null,
        Operator::Divide => left / right,
    }))
}
