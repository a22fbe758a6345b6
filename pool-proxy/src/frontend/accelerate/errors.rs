//! Every failure as this door's clients read it: `code`, `error` and `meta`
//! (<https://www.prisma.io/docs/orm/reference/error-reference>).

use hyper::StatusCode;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::error::{Ending, Failure, PlanError, TransactionError};
use crate::frontend::errors::{dress, status};
use crate::frontend::reply::{self, Reply};
use crate::plan::errors::of_database;

/// What every message about a transaction begins with; clients look for it.
const TRANSACTION: &str = "Transaction API error: ";

/// The code of all that goes wrong with a transaction as such.
const OF_TRANSACTIONS: &str = "P2028";

/// The code of what would take more than there is to be.
const TOO_LARGE: &str = "P6009";

#[derive(Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    error: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    meta: Option<Box<RawValue>>,
}

/// The answer that tells of a failure.
pub fn reply(failure: &Failure) -> Reply {
    let said = said(failure);
    let meta = said.meta.and_then(|meta| RawValue::from_string(meta.into()).ok());
    let body = Body { code: said.code, error: &said.message, meta };
    // Also what cannot be opened is told as a transaction's manager does.
    let status = match said.code {
        Some(OF_TRANSACTIONS) => StatusCode::CONFLICT,
        Some(TOO_LARGE) => StatusCode::INSUFFICIENT_STORAGE,
        _ => status(failure),
    };
    // Strings and what is JSON already always serialize.
    dress(reply::json(status, serde_json::to_vec(&body).unwrap_or_default()), failure)
}

/// A failure in the words of this door.
fn said(failure: &Failure) -> PlanError {
    let code = match failure {
        Failure::Plan(error) => return (**error).clone(),
        Failure::Database { error, .. } => return of_database(error, false),
        Failure::Transaction(error) => return of_transaction(error),
        Failure::Unauthorized { .. } | Failure::Forbidden(_) => Some("P6002"),
        Failure::UnknownDatabase(_) => Some("P6001"),
        Failure::RequestTooLarge(_) => Some("P6005"),
        Failure::TooManyRequests { .. } => Some("P5011"),
        Failure::Unavailable { busy: true, .. } => Some("P2024"),
        Failure::Unavailable { .. } => Some("P6008"),
        Failure::OutcomeUnknown => Some("P1017"),
        Failure::TimedOut(_) => Some("P6004"),
        Failure::ResultTooLarge { .. } => Some(TOO_LARGE),
        Failure::BadRequest(_) | Failure::TooSlow(_) | Failure::Once(_) | Failure::Internal => None,
    };
    PlanError { code, message: failure.to_string(), meta: None, sqlstate: None }
}

/// What is told of a transaction that took too long, in the order of the reference.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Expired<'a> {
    operation: &'a str,
    timeout: u64,
    time_taken: u64,
}

fn of_transaction(error: &TransactionError) -> PlanError {
    let meta = match error {
        TransactionError::Ended { operation, ending: Ending::Expired, timeout, taken } => {
            let millis = |duration: &std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
            let meta = Expired { operation, timeout: millis(timeout), time_taken: millis(taken) };
            // A word and two numbers always serialize.
            serde_json::to_string(&meta).unwrap_or_default()
        }
        _ => "{}".to_owned(),
    };
    transaction(&error.to_string(), meta)
}

fn transaction(message: &str, meta: String) -> PlanError {
    let (message, meta) = (format!("{TRANSACTION}{message}"), Some(meta.into()));
    PlanError { code: Some(OF_TRANSACTIONS), message, meta, sqlstate: None }
}

/// A transaction that cannot be opened as it was asked for.
pub(super) fn bad_transaction(message: &str, meta: Option<Value>) -> Failure {
    Failure::Plan(Box::new(transaction(message, meta.unwrap_or_else(|| json!({})).to_string())))
}
