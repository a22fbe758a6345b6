//! A span: what took how long, within what (<https://opentelemetry.io/docs/specs/otel/trace/api/#span>).

use std::borrow::Cow;

/// A span that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// The trace, not zero.
    pub trace: u128,
    /// Its own id, not zero.
    pub id: u64,
    /// What it is a part of.
    pub parent: Option<u64>,
    /// One of few.
    pub name: Cow<'static, str>,
    /// Which side of what.
    pub kind: Kind,
    /// Nanoseconds since 1970.
    pub start: u64,
    /// The same.
    pub end: u64,
    /// More about it. Never a value of a client's.
    pub attributes: Vec<(&'static str, Value)>,
    /// Whether it has failed.
    pub failed: bool,
}

impl Span {
    /// About what it takes as JSON, in bytes.
    pub(super) fn size(&self) -> usize {
        let attribute = |(key, value): &(&'static str, Value)| {
            let text = match value {
                Value::Text(text) => text.len(),
                Value::Number(_) => 20,
            };
            key.len() + text + 40
        };
        300 + self.name.len() + self.attributes.iter().map(attribute).sum::<usize>()
    }
}

/// Which side of what a span tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Something within.
    Internal,
    /// A request that was answered.
    Server,
    /// A request that was sent.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(Cow<'static, str>),
    /// A number.
    Number(i64),
}

impl From<&'static str> for Value {
    fn from(text: &'static str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(i64::try_from(number).unwrap_or(i64::MAX))
    }
}

/// The span of a caller, which this request is a part of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// Its trace.
    pub trace: u128,
    /// Its own id.
    pub span: u64,
}

/// A new trace's id.
pub(super) fn trace_id() -> u128 {
    rand::random::<u128>().max(1)
}

/// A new span's id.
pub(super) fn span_id() -> u64 {
    rand::random::<u64>().max(1)
}
