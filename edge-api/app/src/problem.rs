//! What goes wrong, and how clients are told: problem details (RFC 9457) with a `code` that stays the same.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, Response, StatusCode};
use axum::response::IntoResponse;
use schemars::JsonSchema;
use serde::Serialize;

/// The kinds of problem, by the names that clients may branch on.
#[derive(Clone, Copy, Debug, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// 400: the body is not JSON.
    MalformedJson,
    /// 401: no bearer token where one is needed.
    Unauthenticated,
    /// 401: the token is not one of ours, or its user is gone.
    TokenInvalid,
    /// 401: the token was valid once.
    TokenExpired,
    /// 401: no such user, or not this password; which of the two is not told.
    WrongCredentials,
    /// 404: nothing there, or nothing this caller may know of.
    NotFound,
    /// 405: the path exists, the method does not; see `Allow`.
    MethodNotAllowed,
    /// 409: somebody has signed up with this e-mail address.
    EmailTaken,
    /// 412: the post has changed since the one that `If-Match` names was read.
    PreconditionFailed,
    /// 413: the body is over 2 MiB.
    BodyTooLarge,
    /// 415: the body is not `application/json`.
    UnsupportedMediaType,
    /// 422: one or more fields are wrong; see `errors`.
    InvalidInput,
    /// 500: a setting is missing or wrong, or the proxy refuses the API's key.
    Misconfigured,
    /// 500: a fault of ours.
    Internal,
    /// 503: the database or the proxy cannot be reached or has no connection free; nothing was changed.
    DatabaseUnavailable,
    /// 503: the database did not answer in time; nothing was changed.
    DatabaseTimeout,
    /// 503: the connection was lost while a change was under way: it may or may not have been made.
    OutcomeUnknown,
}

impl Code {
    fn status(self) -> StatusCode {
        match self {
            Self::MalformedJson => StatusCode::BAD_REQUEST,
            Self::Unauthenticated | Self::TokenInvalid | Self::TokenExpired | Self::WrongCredentials => {
                StatusCode::UNAUTHORIZED
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::EmailTaken => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::InvalidInput => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Misconfigured | Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::DatabaseUnavailable | Self::DatabaseTimeout | Self::OutcomeUnknown => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// One field of the input that is wrong.
#[derive(Clone, Debug, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Fault {
    /// The field's name, in the body or in the query.
    pub field: String,
    /// What it should be. Never what it was.
    pub detail: String,
}

/// The body of every answer that is not a success: `application/problem+json`.
#[derive(Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
#[schemars(rename = "Problem")]
pub struct ProblemBody<'a> {
    /// Always `about:blank`: the status says the kind, `code` the exact one (RFC 9457, section 4.2.1).
    pub r#type: &'a str,
    /// The status's own phrase.
    pub title: &'a str,
    /// The HTTP status, 400 to 599.
    pub status: u16,
    /// What happened, for people.
    pub detail: &'a str,
    /// What happened, for programs.
    pub code: Code,
    /// The id to name when reporting the problem.
    pub request_id: &'a str,
    /// The fields that are wrong, where fields are.
    #[serde(skip_serializing_if = "<[Fault]>::is_empty")]
    pub errors: &'a [Fault],
}

/// An error on its way to the client. It becomes JSON in `exchange`, which knows the request's id.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Problem {
    pub(crate) code: Code,
    detail: Cow<'static, str>,
    faults: Vec<Fault>,
    retry_after: Option<u64>,
    /// What the log is told beyond `detail`.
    pub(crate) cause: Option<String>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Self { code, detail: detail.into(), faults: Vec::new(), retry_after: None, cause: None }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(Code::NotFound, "there is nothing here, or nothing that you may see")
    }

    /// A token outlives its user by up to its own life.
    pub(crate) fn user_is_gone() -> Self {
        Self::new(Code::TokenInvalid, "the token's user does not exist any more")
    }

    pub(crate) fn internal(cause: impl Into<String>) -> Self {
        let problem = Self::new(Code::Internal, "something went wrong on our side");
        Self { cause: Some(cause.into()), ..problem }
    }

    pub(crate) fn invalid(faults: Vec<Fault>) -> Self {
        let problem = Self::new(Code::InvalidInput, "some of the input is wrong; `errors` says what");
        Self { faults, ..problem }
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The answer, with the id that it and the log share.
    pub(crate) fn answer(&self, request_id: &str) -> Response<Body> {
        let status = self.status();
        let body = ProblemBody {
            r#type: "about:blank",
            title: phrase(status),
            status: status.as_u16(),
            detail: &self.detail,
            code: self.code,
            request_id,
            errors: &self.faults,
        };
        // Nothing in it can fail to be JSON.
        let body = serde_json::to_vec(&body).unwrap_or_default();
        let mut answer = Response::new(Body::from(body));
        *answer.status_mut() = status;
        let headers = answer.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::UNAUTHORIZED {
            // RFC 6750, section 3: a token that was sent and is no good is named as such.
            let challenge = match self.code {
                Code::TokenInvalid | Code::TokenExpired => r#"Bearer error="invalid_token""#,
                _ => "Bearer",
            };
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

/// The status's phrase as RFC 9110 has it; the crate `http` keeps some of RFC 7231's.
fn phrase(status: StatusCode) -> &'static str {
    match status {
        StatusCode::PAYLOAD_TOO_LARGE => "Content Too Large",
        StatusCode::UNPROCESSABLE_ENTITY => "Unprocessable Content",
        _ => status.canonical_reason().unwrap_or_default(),
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response<Body> {
        let mut answer = self.status().into_response();
        answer.extensions_mut().insert(self);
        answer
    }
}

/// What the proxy and the database say. Constraints that a caller can violate are turned into answers where the
/// statement stands; what arrives here is nobody's input.
impl From<pool_client::Error> for Problem {
    fn from(error: pool_client::Error) -> Self {
        let problem = if error.outcome_unknown() {
            Self::new(
                Code::OutcomeUnknown,
                "the connection was lost: look whether the change was made before repeating it",
            )
        } else if error.is_timeout() {
            Self::new(Code::DatabaseTimeout, "the database did not answer in time; nothing was changed")
        } else if error.is_unavailable() {
            Self::new(Code::DatabaseUnavailable, "the database cannot be reached right now; nothing was changed")
        } else if error.is_foreign() || matches!(error.status(), Some(401 | 403 | 404)) {
            let detail = "the proxy refuses this API: the setting of its URL, its key or its database is wrong";
            let problem = Self::new(Code::Misconfigured, detail);
            return Self { cause: Some(error.to_string()), ..problem };
        } else {
            return Self::internal(error.to_string());
        };
        let seconds = error.retry_after().map_or(1, |wait| wait.as_secs().max(1));
        Self { retry_after: Some(seconds), cause: Some(error.to_string()), ..problem }
    }
}
