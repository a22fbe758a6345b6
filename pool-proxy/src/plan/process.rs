//! What is done to records in memory where SQL could not do it: distinct, pages, the other way round, each within its group.

mod cursor;
mod json;

use std::collections::{HashMap, HashSet};

use super::key;
use super::room::Room;
use super::tree::{Expression, Operations, Pagination};
use super::value::{Record, Value};
use crate::error::PlanError;

/// What processing needs of a run.
#[derive(Clone, Copy)]
pub(super) struct Means<'a> {
    /// Gives the value of an expression.
    pub(super) evaluate: &'a dyn Fn(&Expression) -> Result<Value, PlanError>,
    pub(super) room: &'a Room,
}

/// Processes records, or one. Text is JSON: a relation that Postgres put together.
pub(super) fn process(value: Value, operations: &Operations, means: Means<'_>) -> Result<Value, PlanError> {
    match value {
        Value::Text(text) => opened(json::read(&text, means.room)?, operations, means),
        Value::Json(json) => opened(json::read(&json, means.room)?, operations, means),
        other => opened(other, operations, means),
    }
}

fn opened(value: Value, operations: &Operations, means: Means<'_>) -> Result<Value, PlanError> {
    match value {
        Value::List(records) => many(records, operations, means).map(Value::List),
        Value::Record(record) => one(record, operations, means),
        Value::Undefined | Value::Null => Ok(value),
        _ if operations.pagination.as_ref().is_some_and(Pagination::is_past_one) => Ok(Value::Null),
        other => Ok(other),
    }
}

impl Pagination {
    /// Whether the page has no room for the first record.
    fn is_past_one(&self) -> bool {
        self.skip.is_some_and(|skip| skip > 0) || self.take == Some(0)
    }
}

fn one(mut record: Record, operations: &Operations, means: Means<'_>) -> Result<Value, PlanError> {
    if let Some(pagination) = &operations.pagination {
        if pagination.is_past_one() {
            return Ok(Value::Null);
        }
        if let Some(cursor) = cursor(pagination, means)?
            && !cursor::matches(&record, &cursor)
        {
            return Ok(Value::Null);
        }
    }
    nest(&mut record, operations, means)?;
    Ok(Value::Record(record))
}

fn many(mut records: Vec<Value>, operations: &Operations, means: Means<'_>) -> Result<Vec<Value>, PlanError> {
    let linking = operations.linking_fields.as_deref();
    if let Some(distinct) = &operations.distinct {
        let fields: Vec<Box<str>> = distinct.iter().chain(linking.unwrap_or_default()).cloned().collect();
        let mut seen = HashSet::new();
        records.retain(|record| seen.insert(key::of(record, &fields)));
    }
    if let Some(pagination) = &operations.pagination {
        let cursor = cursor(pagination, means)?;
        records = match linking {
            None => page(records, pagination, cursor.as_deref()),
            Some(fields) => {
                let groups = groups(records, fields).into_iter();
                groups.flat_map(|group| page(group, pagination, cursor.as_deref())).collect()
            }
        };
    }
    if operations.reverse {
        records.reverse();
    }
    if !operations.nested.is_empty() {
        for record in &mut records {
            if let Value::Record(record) = record {
                nest(record, operations, means)?;
            }
        }
    }
    Ok(records)
}

/// Processes the records in the fields of a record.
fn nest(record: &mut Record, operations: &Operations, means: Means<'_>) -> Result<(), PlanError> {
    for (field, nested) in &operations.nested {
        if let Some(place) = record.get_mut(field) {
            *place = process(std::mem::take(place), nested, means)?;
        }
    }
    Ok(())
}

/// Records by the key over some fields, in the order of the keys' texts as JavaScript sorts them.
fn groups(records: Vec<Value>, fields: &[Box<str>]) -> Vec<Vec<Value>> {
    let mut places = HashMap::new();
    let mut groups: Vec<(String, Vec<Value>)> = Vec::new();
    for record in records {
        let key = key::of(&record, fields);
        let place = *places.entry(key).or_insert_with_key(|key| {
            // As a list ends, which makes a difference where one key begins with another.
            groups.push((format!("{}]", String::from_utf8_lossy(key)), Vec::new()));
            groups.len() - 1
        });
        if let Some((_, group)) = groups.get_mut(place) {
            group.push(record);
        }
    }
    groups.sort_by(|(left, _), (right, _)| left.encode_utf16().cmp(right.encode_utf16()));
    groups.into_iter().map(|(_, group)| group).collect()
}

type Cursor<'a> = Vec<(&'a str, Value)>;

fn cursor<'a>(pagination: &'a Pagination, means: Means<'_>) -> Result<Option<Cursor<'a>>, PlanError> {
    let Some(cursor) = &pagination.cursor else { return Ok(None) };
    let fields = cursor.iter().map(|(field, value)| Ok((&**field, (means.evaluate)(value)?)));
    fields.collect::<Result<_, PlanError>>().map(Some)
}

/// From the record at the cursor, behind those that are skipped.
fn page(mut records: Vec<Value>, pagination: &Pagination, cursor: Option<&[(&str, Value)]>) -> Vec<Value> {
    let first = cursor.map_or(Some(0), |cursor| {
        records.iter().position(|record| matches!(record, Value::Record(record) if cursor::matches(record, cursor)))
    });
    let Some(first) = first else { return Vec::new() };
    let count = |number: i64| usize::try_from(number).unwrap_or_default();
    let start = first.saturating_add(pagination.skip.map_or(0, count)).min(records.len());
    let end = pagination.take.map_or(records.len(), |take| start.saturating_add(count(take)).min(records.len()));
    records.truncate(end);
    records.drain(..start);
    records
}

#[cfg(test)]
mod tests;
