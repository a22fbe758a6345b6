//! What carries requests to the proxy. The client itself opens no socket and reads no clock.
//!
//! The crate has transports behind its features; one of your own is one trait. This one knows a single answer, as a
//! test of an application might want it:
//!
//! ```
//! use std::time::Duration;
//!
//! use pool_client::{BoxFuture, Client, Request, Response, Transport, TransportError};
//!
//! struct Canned(&'static str);
//!
//! impl Transport for Canned {
//!     fn send<'a>(&'a self, _: &'a Request, _: Duration) -> BoxFuture<'a, Result<Response, TransportError>> {
//!         let body = self.0.as_bytes().to_vec();
//!         Box::pin(async { Ok(Response { status: 200, headers: vec![], body }) })
//!     }
//!
//!     fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
//!         Box::pin(async {})
//!     }
//!
//!     fn now(&self) -> Duration {
//!         Duration::ZERO
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), pool_client::Error> {
//! let answer = r#"{"command":"SELECT","rowCount":1,"rows":[["7"]],"fields":[{"name":"n","dataTypeID":20}]}"#;
//! let client = Client::new(Canned(answer), "key");
//! assert_eq!(client.query_scalar::<i64>("SELECT count(*) FROM posts").one().await?, 7);
//! # Ok(())
//! # }
//! ```

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::pin::Pin;
use std::time::Duration;

/// A boxed future that may move between threads.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The way to one proxy: its base URL, connections, clock and timer.
pub trait Transport: Send + Sync {
    /// Sends a request and reads the whole answer, whatever its status. Redirects are not followed: they would carry
    /// the credential elsewhere.
    ///
    /// `timeout` is what is left of the call's deadline. When it has passed, the request is abandoned, in a way that
    /// the proxy notices (so that it cancels the query in Postgres), and the answer is [`TransportError::TimedOut`], or
    /// [`TransportError::NotSentInTime`] of a transport that knows that nothing was sent.
    fn send<'a>(&'a self, request: &'a Request, timeout: Duration) -> BoxFuture<'a, Result<Response, TransportError>>;

    /// Ends after `duration`.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;

    /// The time since a fixed moment; it never goes back.
    fn now(&self) -> Duration;

    /// Any number, by which the pauses before repetitions are made to differ. It need not be fit for secrets.
    ///
    /// By default it is of the standard library's [`RandomState`]. That has the same seed in every process where there
    /// is no operating system (`wasm32-unknown-unknown`), so that only the time tells programs there apart: such a
    /// transport better asks its platform.
    fn random(&self) -> u64 {
        RandomState::new().hash_one(self.now())
    }
}

/// A request to the proxy, before the base URL is known. `Debug` shows neither header values nor the body.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path below the base URL, such as `/sql`.
    pub path: &'static str,
    /// Names in lower case; values are visible ASCII and spaces.
    pub headers: Vec<(&'static str, String)>,
    /// Empty for a `GET`.
    pub body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &'static str, path: &'static str) -> Self {
        Self { method, path, headers: Vec::new(), body: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| *name).collect();
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// A whole answer. `Debug` shows neither header values nor the body.
#[derive(Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers with a value that is text.
    pub headers: Vec<(String, String)>,
    /// The whole body.
    pub body: Vec<u8>,
}

impl Response {
    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("headers", &names)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Why there is no answer. The words are for logs; they hold no header and no body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransportError {
    /// Nothing reached the proxy: repeating is safe.
    #[error("the proxy was not reached: {0}")]
    NotSent(String),
    /// The request may or may not have been carried out.
    #[error("the connection to the proxy was lost: {0}")]
    Unknown(String),
    /// The timeout passed before anything was sent, as while still connecting: repeating is safe.
    #[error("the deadline passed before the proxy was reached")]
    NotSentInTime,
    /// The timeout passed; the request may or may not have been carried out.
    #[error("the deadline passed")]
    TimedOut,
}
