//! Every failure as status and headers, in one place; and as the JSON of `/sql`.

use std::time::Duration;

use hyper::StatusCode;
use hyper::header::{HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use serde::Serialize;

use super::reply::{self, Reply};
use crate::error::{DatabaseError, Failure, OnceError, TransactionError};

/// Has Fly's proxy send the request to the machine that holds the transaction
/// (<https://fly.io/docs/networking/dynamic-request-routing/>).
static FLY_REPLAY: HeaderName = HeaderName::from_static("fly-replay");

/// The JSON of an error: Postgres's fields under the names node-postgres gives them, as the Neon driver reads them.
#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_position: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_query: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "where")]
    context: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    constraint: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    routine: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_index: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<bool>,
    request_id: &'a str,
}

impl<'a> Body<'a> {
    fn of_database(error: &'a DatabaseError) -> Self {
        Self {
            code: Some(&error.code),
            severity: Some(&error.severity),
            detail: error.detail.as_deref(),
            hint: error.hint.as_deref(),
            position: error.position.map(|position| position.to_string()),
            internal_position: error.internal_position.map(|position| position.to_string()),
            internal_query: error.internal_query.as_deref(),
            context: error.context.as_deref(),
            schema: error.schema.as_deref(),
            table: error.table.as_deref(),
            column: error.column.as_deref(),
            data_type: error.data_type.as_deref(),
            constraint: error.constraint.as_deref(),
            file: error.file.as_deref(),
            line: error.line.map(|line| line.to_string()),
            routine: error.routine.as_deref(),
            ..Self::default()
        }
    }
}

/// The status of a failure.
pub fn status(failure: &Failure) -> StatusCode {
    match failure {
        Failure::BadRequest(_) | Failure::Database { .. } | Failure::Plan(_) => StatusCode::BAD_REQUEST,
        Failure::Unauthorized { .. } => StatusCode::UNAUTHORIZED,
        Failure::Forbidden(_) => StatusCode::FORBIDDEN,
        Failure::Transaction(_) | Failure::Once(OnceError::UnderWay) => StatusCode::CONFLICT,
        Failure::Once(OnceError::Another) => StatusCode::UNPROCESSABLE_ENTITY,
        // No client mends it by asking again.
        Failure::Once(OnceError::NoTable) => StatusCode::NOT_IMPLEMENTED,
        Failure::UnknownDatabase(_) => StatusCode::NOT_FOUND,
        Failure::TooSlow(_) => StatusCode::REQUEST_TIMEOUT,
        Failure::RequestTooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        Failure::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
        Failure::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        Failure::OutcomeUnknown => StatusCode::BAD_GATEWAY,
        Failure::TimedOut(_) => StatusCode::GATEWAY_TIMEOUT,
        Failure::ResultTooLarge { .. } => StatusCode::INSUFFICIENT_STORAGE,
        Failure::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer that tells of a failure.
pub fn reply(failure: &Failure, request_id: &HeaderValue) -> Reply {
    let message = failure.to_string();
    let mut body = match failure {
        Failure::Database { error, query } => Body { query_index: *query, ..Body::of_database(error) },
        Failure::OutcomeUnknown => Body { outcome: Some("unknown"), ..Body::default() },
        Failure::ResultTooLarge { committed, .. } => Body { committed: Some(*committed), ..Body::default() },
        _ => Body::default(),
    };
    body.message = &message;
    body.request_id = request_id.to_str().unwrap_or_default();
    // Strings and numbers always serialize.
    let json = serde_json::to_vec(&body).unwrap_or_default();
    dress(reply::json(status(failure), json), failure)
}

/// The headers of a failure, whichever door tells of it.
pub(super) fn dress(mut reply: Reply, failure: &Failure) -> Reply {
    match failure {
        Failure::Unavailable { retry_after, .. } | Failure::TooManyRequests { retry_after, .. } => {
            reply.headers_mut().insert(RETRY_AFTER, retry_seconds(*retry_after));
        }
        Failure::Once(OnceError::UnderWay) => {
            reply.headers_mut().insert(RETRY_AFTER, retry_seconds(Duration::from_secs(1)));
        }
        Failure::Transaction(TransactionError::Elsewhere { instance }) => {
            let there = HeaderValue::from_str(&format!("instance={instance}"));
            reply.headers_mut().extend(there.ok().map(|value| (FLY_REPLAY.clone(), value)));
        }
        Failure::Unauthorized { presented, .. } => {
            // RFC 6750, section 3: a client that refreshes its tokens looks for this.
            let challenge = if *presented { "Bearer error=\"invalid_token\"" } else { "Bearer" };
            reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        _ => {}
    }
    reply
}

/// An answer that needs no more than a message.
pub fn refusal(status: StatusCode, message: &str, request_id: &HeaderValue) -> Reply {
    let body = Body { message, request_id: request_id.to_str().unwrap_or_default(), ..Body::default() };
    reply::json(status, serde_json::to_vec(&body).unwrap_or_default())
}

/// Whole seconds, so that nobody comes back too early.
fn retry_seconds(after: Duration) -> HeaderValue {
    HeaderValue::from(after.saturating_add(Duration::from_nanos(999_999_999)).as_secs().max(1))
}
