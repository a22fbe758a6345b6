//! What callers send, made into valid values: everything that is wrong with it is told at once, field by field.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::problem::{Code, Fault, Problem};

/// A request that is made from fields, in a JSON body or a query.
pub(crate) trait Input: Sized {
    /// Takes the fields it knows, all of them before it gives up, so that every fault is found.
    fn read(fields: &mut Fields) -> Result<Self, Wrong>;
}

/// A field is wrong; what is wrong with it stands in the [`Fields`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wrong;

/// The fields that came, and what was found wrong with them.
#[derive(Debug)]
pub(crate) struct Fields {
    given: Map<String, Value>,
    faults: Vec<Fault>,
}

impl Fields {
    /// A field that has to be there; `null` counts as absent.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Wrong> {
        self.optional(name)?.ok_or_else(|| self.blame(name, "is required"))
    }

    /// A field that may be absent or `null`.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Wrong> {
        let value = match self.given.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(value) => value,
        };
        let kind = kind(&value);
        match serde_json::from_value(value) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                // What our values say of themselves is told; what serde says of a wrong kind may quote the input.
                let detail = match error.to_string() {
                    text if text.starts_with("invalid type") => format!("must not be {kind}"),
                    text => text,
                };
                Err(self.blame(name, detail))
            }
        }
    }

    /// Says that a field is wrong.
    pub(crate) fn blame(&mut self, name: &str, detail: impl Into<String>) -> Wrong {
        self.faults.push(Fault { field: name.to_owned(), detail: detail.into() });
        Wrong
    }

    fn read<T: Input>(given: Map<String, Value>) -> Result<T, Problem> {
        let mut fields = Self { given, faults: Vec::new() };
        let input = T::read(&mut fields);
        // A field that nobody took is a typing error, and would otherwise be lost without a word.
        let unknown: Vec<String> = fields.given.keys().take(10).map(|name| name.chars().take(60).collect()).collect();
        for name in unknown {
            let _ = fields.blame(&name, "is not a field of this request");
        }
        match input {
            Ok(input) if fields.faults.is_empty() => Ok(input),
            _ => Err(Problem::invalid(fields.faults)),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A JSON body that became a valid value.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: Input, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(Code::UnsupportedMediaType, "the body should be sent as application/json"));
        }
        let body = Bytes::from_request(request, state).await.map_err(|error| match error.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::BodyTooLarge, "the body is over 2 MiB"),
            _ => Problem::new(Code::MalformedJson, "the body did not arrive whole"),
        })?;
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => Fields::read(fields).map(Self),
            Ok(other) => {
                let detail = format!("the body should be a JSON object, not {}", kind(&other));
                Err(Problem::new(Code::MalformedJson, detail))
            }
            Err(error) => {
                let (line, column) = (error.line(), error.column());
                let detail = format!("the body is not JSON: see line {line}, column {column}");
                Err(Problem::new(Code::MalformedJson, detail))
            }
        }
    }
}

/// `application/json`, with or without parameters.
fn is_json(headers: &HeaderMap) -> bool {
    let sent = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    sent.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// A query that became a valid value.
pub(crate) struct QueryInput<T>(pub(crate) T);

impl<T: Input, S: Send + Sync> FromRequestParts<S> for QueryInput<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|_| {
            Problem::invalid(vec![Fault { field: "query".to_owned(), detail: "should be name=value pairs".to_owned() }])
        })?;
        let fields = pairs.into_iter().map(|(name, value)| (name, Value::String(value))).collect();
        Fields::read(fields).map(Self)
    }
}

/// The id in a path; one that cannot be an id names nothing.
pub(crate) struct PostId(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for PostId {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let id = Path::<String>::from_request_parts(parts, state).await.ok();
        let id = id.and_then(|Path(text)| Uuid::try_parse(&text).ok());
        id.map(Self).ok_or_else(Problem::not_found)
    }
}
