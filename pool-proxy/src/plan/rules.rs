//! What a plan demands of a value, and what clients read where it is not so.

use serde::Deserialize;

use super::errors;
use super::shape::plain;
use super::tree::{Rule, Validate};
use super::value::{Number, Value};
use crate::error::PlanError;

/// Whether a value is as a rule wants it.
pub(super) fn holds(rule: Rule, value: &Value) -> bool {
    match rule {
        Rule::RowCountEq(count) => rows(value) == count,
        Rule::RowCountNeq(count) => rows(value) != count,
        Rule::AffectedRowCountEq(count) => {
            matches!(value, Value::Number(number) if number.equals(Number::Int(count)))
        }
        Rule::Never => false,
    }
}

fn rows(value: &Value) -> i64 {
    match value {
        Value::List(rows) => i64::try_from(rows.len()).unwrap_or(i64::MAX),
        Value::Null => 0,
        _ => 1,
    }
}

/// The value has to hold all rules.
pub(super) fn check(node: &Validate, value: &Value) -> Result<(), PlanError> {
    if node.rules.iter().all(|rule| holds(*rule, value)) {
        return Ok(());
    }
    let context: Context = serde_json::from_str(node.context.get()).unwrap_or_default();
    let (code, message) = context.words(&node.error_identifier, value)?;
    let meta = Some(node.context.get().into());
    Err(PlanError { code: Some(code), message, meta, sqlstate: None })
}

/// What a message names. Each needs some of it; what is missing reads as JavaScript would have it.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Context {
    operation: Word,
    model: Word,
    relation: Word,
    relation_type: Word,
    needed_for: Option<Word>,
    expected_rows: Word,
    parent: Word,
    child: Word,
    model_a: Word,
    model_b: Word,
}

/// A text, or a number as it is.
#[derive(Deserialize)]
#[serde(from = "Box<serde_json::value::RawValue>")]
struct Word(String);

impl Default for Word {
    fn default() -> Self {
        Self("undefined".to_owned())
    }
}

impl From<Box<serde_json::value::RawValue>> for Word {
    fn from(json: Box<serde_json::value::RawValue>) -> Self {
        Self(serde_json::from_str(json.get()).unwrap_or_else(|_| json.get().to_owned()))
    }
}

impl std::fmt::Display for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

const MISSING: &str = "An operation failed because it depends on one or more records that were required but not found.";

impl Context {
    fn words(&self, identifier: &str, value: &Value) -> Result<(&'static str, String), PlanError> {
        let Self { operation, model, relation, relation_type, needed_for, expected_rows, .. } = self;
        Ok(match identifier {
            "MISSING_RECORD" => ("P2025", format!("{MISSING} No record was found for {operation}.")),
            "MISSING_RELATED_RECORD" => {
                let needed = needed_for
                    .as_ref()
                    .filter(|what| !what.0.is_empty())
                    .map(|what| format!(" (needed to {what})"))
                    .unwrap_or_default();
                let what = format!("No '{model}' record{needed} was found");
                ("P2025", format!("{MISSING} {what} for {operation} on {relation_type} relation '{relation}'."))
            }
            "INCOMPLETE_CONNECT_INPUT" => (
                "P2025",
                format!("{MISSING} Expected {expected_rows} records to be connected, found only {}.", found(value)),
            ),
            "INCOMPLETE_CONNECT_OUTPUT" => (
                "P2018",
                format!(
                    "The required connected records were not found. Expected {expected_rows} records to be connected after \
                     connect operation on {relation_type} relation '{relation}', found {}.",
                    found(value)
                ),
            ),
            "RECORDS_NOT_CONNECTED" => {
                let Self { parent, child, .. } = self;
                (
                    "P2017",
                    format!(
                        "The records for relation `{relation}` between the `{parent}` and `{child}` models are not connected."
                    ),
                )
            }
            "RELATION_VIOLATION" => {
                let Self { model_a, model_b, .. } = self;
                (
                    "P2014",
                    format!(
                        "The change you are trying to make would violate the required relation '{relation}' between the \
                         `{model_a}` and `{model_b}` models."
                    ),
                )
            }
            other => return Err(errors::internal(format!("Unknown error identifier: {other}"))),
        })
    }
}

/// How many rows there were, in words.
fn found(value: &Value) -> String {
    let mut out = Vec::new();
    match value {
        Value::List(rows) => return rows.len().to_string(),
        Value::Text(text) => return text.to_string(),
        Value::Undefined => return "undefined".to_owned(),
        Value::Record(_) => return "[object Object]".to_owned(),
        Value::Number(Number::Int(count)) => return count.to_string(),
        other => plain::write(&mut out, other),
    }
    String::from_utf8(out).unwrap_or_default()
}

#[cfg(test)]
mod tests;
