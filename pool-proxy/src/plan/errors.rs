//! What Postgres says in the words of Prisma's clients: SQLSTATE to kind and code
//! (<https://www.prisma.io/docs/orm/reference/error-reference>).

mod cause;

use cause::Cause;

use super::json;
use crate::error::{DatabaseError, Failure, PlanError};

/// What should not happen: a plan that is not as clients write it, or a value that is not as the plan wants it.
pub(super) fn internal(message: impl Into<String>) -> PlanError {
    PlanError { code: None, message: message.into(), meta: None, sqlstate: None }
}

/// A plan that is no plan.
pub(super) fn refused(message: impl Into<String>) -> PlanError {
    PlanError { code: Some("P6000"), ..internal(message) }
}

/// An error that is the application's, without more about it.
pub(super) fn of_user(code: &'static str, message: String) -> PlanError {
    PlanError { code: Some(code), meta: Some("{}".into()), ..internal(message) }
}

/// JSON that is not a plan's.
pub(super) fn unreadable(error: &serde_json::Error) -> PlanError {
    let text = error.to_string();
    // Clients know this one by its words alone.
    let words = text.rsplit_once(" at line ").map_or(text.as_str(), |(words, _)| words);
    if words.starts_with("Unexpected node type: ") {
        return refused(words);
    }
    refused(format!("The query plan cannot be read: {text}"))
}

impl From<PlanError> for Failure {
    fn from(error: PlanError) -> Self {
        Self::Plan(Box::new(error))
    }
}

/// What a statement came to, as clients read it.
pub(super) fn of_statement(failure: Failure, is_raw: bool) -> Failure {
    match failure {
        Failure::Database { error, .. } => Failure::Plan(Box::new(of_database(&error, is_raw))),
        other => other,
    }
}

/// What Postgres says. All that fails in an application's own SQL is `P2010`.
pub fn of_database(error: &DatabaseError, is_raw: bool) -> PlanError {
    let cause = Cause::of(error);
    let meta = meta(error, &cause, is_raw);
    let (code, message) = if is_raw {
        ("P2010", format!("Raw query failed. Code: `{}`. Message: `{}`", error.code, error.message))
    } else {
        cause.words(error)
    };
    PlanError { code: Some(code), message, meta: Some(meta.into()), sqlstate: Some(error.code.clone()) }
}

/// `{"driverAdapterError":{"name":"DriverAdapterError","cause":{...}}, "table"}`
fn meta(error: &DatabaseError, cause: &Cause<'_>, is_raw: bool) -> String {
    let mut object = json::Object::new();
    object.text("originalCode", &error.code);
    object.text("originalMessage", &error.message);
    cause.write(error, &mut object);
    let mut wrapped = json::Object::new();
    wrapped.text("name", "DriverAdapterError");
    wrapped.json("cause", &object.finish());
    let mut meta = json::Object::new();
    meta.json("driverAdapterError", &wrapped.finish());
    if let (Cause::Unique { table: Some(table), .. }, false) = (cause, is_raw) {
        meta.text("table", table);
    }
    meta.finish()
}

#[cfg(test)]
mod tests;
