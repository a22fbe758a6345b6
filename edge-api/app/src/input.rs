//! What callers send, made into valid values: everything that is wrong with it is told at once, field by field.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::error::Category;
use serde_json::value::{RawValue, to_raw_value};
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
pub(crate) struct Fields {
    given: Given,
    faults: Vec<Fault>,
}

/// Fields by name, each as the JSON it came as. They are taken apart one by one, by the type that is wanted: a tree of
/// a whole body may need a hundred times its size, which is more than an isolate has.
struct Given(Vec<(String, Box<RawValue>)>);

/// The most fields a request may have: more than any has, and few enough to keep.
const MOST_FIELDS: usize = 32;

impl Fields {
    /// A field that has to be there; `null` counts as absent.
    pub(crate) fn required<T: DeserializeOwned>(&mut self, name: &str) -> Result<T, Wrong> {
        self.optional(name)?.ok_or_else(|| self.blame(name, "is required"))
    }

    /// A field that may be absent or `null`.
    pub(crate) fn optional<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>, Wrong> {
        // Of two with one name the last counts, as everywhere in JSON.
        let Some(value) = self.given.take(name).filter(|value| value.get() != "null") else {
            return Ok(None);
        };
        match serde_json::from_str(value.get()) {
            Ok(value) => Ok(Some(value)),
            Err(error) => {
                // What our values say of themselves is told, without serde_json's place in a text that nobody sees; what
                // it says of a wrong kind may quote the input.
                let text = error.to_string();
                let detail = match text.rsplit_once(" at line ") {
                    _ if error.is_syntax() => "must not have escapes that stand for no character".to_owned(),
                    _ if text.starts_with("invalid type") => format!("must not be {}", kind(value.get().as_bytes())),
                    Some((detail, _)) => detail.to_owned(),
                    None => text,
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

    fn read<T: Input>(given: Given) -> Result<T, Problem> {
        let mut fields = Self { given, faults: Vec::new() };
        let input = T::read(&mut fields);
        // A field that nobody took is a typing error, and would otherwise be lost without a word.
        let unknown: Vec<String> = fields.given.0.iter().map(|(name, _)| name.chars().take(60).collect()).collect();
        for name in unknown.iter().take(10) {
            let _ = fields.blame(name, "is not a field of this request");
        }
        match input {
            Ok(input) if fields.faults.is_empty() => Ok(input),
            _ => Err(Problem::invalid(fields.faults)),
        }
    }
}

impl Given {
    /// The last field of this name, and none of it stays.
    fn take(&mut self, name: &str) -> Option<Box<RawValue>> {
        let found = self.0.extract_if(.., |(known, _)| known == name);
        found.last().map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Given {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;

        impl<'de> Visitor<'de> for Fields {
            type Value = Given;

            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Given, A::Error> {
                let mut given = Vec::new();
                while let Some(field) = map.next_entry()? {
                    if given.len() == MOST_FIELDS {
                        return Err(serde::de::Error::custom("too many fields"));
                    }
                    given.push(field);
                }
                Ok(Given(given))
            }
        }

        deserializer.deserialize_map(Fields)
    }
}

/// What kind of JSON a text begins.
fn kind(json: &[u8]) -> &'static str {
    match json.trim_ascii_start().first() {
        Some(b'{') => "an object",
        Some(b'[') => "an array",
        Some(b'"') => "a string",
        Some(b't' | b'f') => "a boolean",
        Some(b'n') => "null",
        _ => "a number",
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
        serde_json::from_slice(&body).map_err(|error| no_object(&body, &error)).and_then(Fields::read).map(Self)
    }
}

/// Why a body is not an object of fields.
fn no_object(body: &[u8], error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let detail = match error.classify() {
        Category::Data if kind(body) == "an object" => format!("the body has more than {MOST_FIELDS} fields"),
        Category::Data => format!("the body should be a JSON object, not {}", kind(body)),
        _ => format!("the body is not JSON: see line {line}, column {column}"),
    };
    Problem::new(Code::MalformedJson, detail)
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
        let field = |(name, value): (String, String)| to_raw_value(&value).ok().map(|value| (name, value));
        Fields::read(Given(pairs.into_iter().filter_map(field).take(MOST_FIELDS).collect())).map(Self)
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

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::{FromRequest, FromRequestParts};
    use axum::http::Request;
    use axum::response::IntoResponse;
    use harness::{Dice, cases};
    use serde_json::json;

    use super::{JsonBody, QueryInput};
    use crate::blog::{CreatePost, Page};

    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"title\"",
        "\"content\"",
        "\"published\"",
        "null",
        "true",
        "1e999",
        "\\ud800",
        "\\u0000",
        "[[[[[[[[[",
        "é",
        "&",
        "=",
        "%",
        "%ff",
        "cursor",
        "limit=",
        "9999999999",
    ];

    fn asked(kind: &'static str, uri: String, body: Vec<u8>) -> Request<Body> {
        let request = Request::post(uri).header("content-type", kind);
        request.body(Body::from(body)).unwrap()
    }

    #[tokio::test]
    async fn whatever_body_comes_is_read_or_refused() {
        let mut dice = Dice::new();
        let mut read = 0;
        for number in 0..cases(10_000) {
            let (title, content) =
                (format!("t{}", dice.text(9).replace('\0', "")), format!("c{}", dice.text(20).replace('\0', "")));
            let mut body =
                json!({ "title": title, "content": content, "published": dice.once_in(2) }).to_string().into_bytes();
            match number % 4 {
                0 => body = dice.bytes(80),
                1 => body = dice.pieces(PIECES, 16).into_bytes(),
                2 => dice.spoil(&mut body, PIECES),
                _ => {}
            }
            let kind = if dice.once_in(50) { "text/plain" } else { "application/json; charset=utf-8" };
            match JsonBody::<CreatePost>::from_request(asked(kind, "/".to_owned(), body), &()).await {
                Ok(JsonBody(post)) => {
                    read += 1;
                    if number % 4 == 3 {
                        assert_eq!((post.title.as_str(), post.content.as_str()), (&*title, &*content));
                    }
                }
                Err(problem) => assert!(problem.into_response().status().is_client_error()),
            }
        }
        assert!(read > cases(10_000) / 10, "{read}");
    }

    #[tokio::test]
    async fn whatever_query_comes_is_read_or_refused() {
        let mut dice = Dice::new();
        for _ in 0..cases(10_000) {
            let query: String =
                dice.pieces(PIECES, 12).chars().filter(|c| c.is_ascii_graphic() && !"\"{}[]\\".contains(*c)).collect();
            let (mut head, _) = asked("text/plain", format!("/?{query}"), vec![]).into_parts();
            if let Err(problem) = QueryInput::<Page>::from_request_parts(&mut head, &()).await {
                assert!(problem.into_response().status().is_client_error(), "{query}");
            }
        }
    }
}
