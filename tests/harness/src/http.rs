//! A small HTTP client for tests: what was sent is what was written, and an answer shows everything.

use std::fmt::Display;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::{HeaderMap, Method, StatusCode};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::Error;

/// A client that keeps its connections, shared by all requests to one proxy.
pub(crate) type Connections = Client<HttpConnector, Full<Bytes>>;

pub(crate) fn connections() -> Connections {
    Client::builder(TokioExecutor::new()).build_http()
}

/// One request, to be completed and sent.
#[derive(Clone, Debug)]
#[must_use = "a request does nothing until it is sent"]
pub struct Request {
    connections: Connections,
    builder: Builder,
    body: Bytes,
}

#[derive(Clone, Debug)]
struct Builder {
    method: String,
    uri: String,
    headers: Vec<(String, String)>,
}

impl Request {
    pub(crate) fn new(connections: Connections, method: &str, uri: String) -> Self {
        let builder = Builder { method: method.to_owned(), uri, headers: Vec::new() };
        Self { connections, builder, body: Bytes::new() }
    }

    /// A request to this address, over a connection of its own.
    pub fn to(method: &str, uri: impl Into<String>) -> Self {
        Self::new(connections(), method, uri.into())
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: impl Display) -> Self {
        let header = (name.to_owned(), value.to_string());
        self.builder.headers.push(header);
        self
    }

    /// Adds `Authorization: Bearer <credential>`.
    pub fn bearer(self, credential: impl Display) -> Self {
        self.header(AUTHORIZATION.as_str(), format!("Bearer {credential}"))
    }

    /// Sends these bytes as they are.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sends a JSON value and says so in the content type.
    pub fn json(self, value: &Value) -> Self {
        self.header(CONTENT_TYPE.as_str(), "application/json").body(value.to_string())
    }

    /// Sends the request and reads the whole answer; panics if there is none.
    pub async fn send(self) -> Answer {
        let asked = format!("{} {}", self.builder.method, self.builder.uri);
        self.try_send().await.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// Sends the request and reads the whole answer.
    ///
    /// # Errors
    /// If the connection is refused or ends before the answer does.
    pub async fn try_send(self) -> Result<Answer, Error> {
        let Builder { method, uri, headers } = self.builder;
        let method = Method::from_bytes(method.as_bytes()).map_err(Error::doing("the method"))?;
        let mut request = hyper::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let request = request.body(Full::new(self.body)).map_err(Error::doing("the request"))?;
        let sent = self.connections.request(request).await;
        let (head, body) = sent.map_err(|cause| whole(&cause))?.into_parts();
        let body = body.collect().await.map_err(|cause| whole(&cause))?;
        Ok(Answer::new(head.status, head.headers, body.to_bytes()))
    }
}

/// hyper's errors say what happened only in their sources.
fn whole(error: &dyn std::error::Error) -> Error {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    Error::new(words)
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers; see [`Answer::header`] for one of them as text.
    pub headers: HeaderMap,
    /// The body as JSON, `Value::Null` if it is not JSON.
    pub body: Value,
    /// The body as text, with replacement characters where it is not UTF-8.
    pub text: String,
    /// The body's bytes.
    pub bytes: Bytes,
}

impl Answer {
    pub(crate) fn new(status: StatusCode, headers: HeaderMap, bytes: Bytes) -> Self {
        Self {
            status,
            headers,
            body: serde_json::from_slice(&bytes).unwrap_or_default(),
            text: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
        }
    }

    /// A header's value, empty if it is absent; several of one name are joined by commas.
    pub fn header(&self, name: &str) -> String {
        let values = self.headers.get_all(name).iter();
        let values: Vec<_> = values.map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        values.join(", ")
    }

    /// This answer if its status is `status`; panics with the whole body otherwise.
    #[track_caller]
    #[allow(clippy::return_self_not_must_use)] // as a statement it is an assertion
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text);
        self
    }
}
