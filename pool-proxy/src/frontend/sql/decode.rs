//! A request of the Neon contract, read.

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use hyper::header::HeaderValue;
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::encode::Layout;
use crate::error::Failure;
use crate::frontend::heads::{Heads, Name};
use crate::gateway::call::{Batch, Isolation, Mode, Query, Work};
use crate::postgres::value;

// Looked up in every request; as text each would be parsed anew.
static RAW_TEXT: Name = Name::of("neon-raw-text-output");
static ARRAY_MODE: Name = Name::of("neon-array-mode");
static BATCH_ISOLATION: Name = Name::of("neon-batch-isolation-level");
static BATCH_READ_ONLY: Name = Name::of("neon-batch-read-only");
static BATCH_DEFERRABLE: Name = Name::of("neon-batch-deferrable");

/// What the headers say besides who asks. Four independent switches of the contract, not a state.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Options {
    /// Every value as Postgres printed it.
    pub raw_text: bool,
    /// Rows as arrays.
    pub array_mode: bool,
    /// For a batch.
    pub isolation: Option<Isolation>,
    /// For a batch.
    pub read_only: bool,
    /// For a batch.
    pub deferrable: bool,
}

impl Options {
    /// Reads the `Neon-*` headers.
    ///
    /// # Errors
    /// When one has a value that is none of its own.
    pub fn from_headers(headers: Heads<'_>) -> Result<Self, Failure> {
        let flag = |name: &Name| match headers.get(name).map(HeaderValue::as_bytes) {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case(b"true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case(b"false") || value.is_empty() => Ok(false),
            Some(_) => Err(Failure::BadRequest(format!("{} must be true or false", **name))),
        };
        let isolation = match headers.get(&BATCH_ISOLATION).map(HeaderValue::as_bytes) {
            None => None,
            Some(b"ReadUncommitted") => Some(Isolation::ReadUncommitted),
            Some(b"ReadCommitted") => Some(Isolation::ReadCommitted),
            Some(b"RepeatableRead") => Some(Isolation::RepeatableRead),
            Some(b"Serializable") => Some(Isolation::Serializable),
            Some(_) => {
                return Err(Failure::BadRequest(
                    "Neon-Batch-Isolation-Level must be ReadUncommitted, ReadCommitted, RepeatableRead or Serializable"
                        .to_owned(),
                ));
            }
        };
        Ok(Self {
            raw_text: flag(&RAW_TEXT)?,
            array_mode: flag(&ARRAY_MODE)?,
            isolation,
            read_only: flag(&BATCH_READ_ONLY)?,
            deferrable: flag(&BATCH_DEFERRABLE)?,
        })
    }
}

impl Options {
    /// All of it, such that no two are the same.
    pub fn bytes(self) -> [u8; 5] {
        let isolation = self.isolation.map_or(0, |isolation| isolation as u8 + 1);
        let flags = [self.raw_text, self.array_mode, self.read_only, self.deferrable].map(u8::from);
        [flags[0], flags[1], flags[2], flags[3], isolation]
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    #[serde(borrow, default)]
    query: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    params: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    array_mode: Option<bool>,
    #[serde(borrow, default)]
    queries: Option<Vec<Object<One<'a>>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct One<'a> {
    #[serde(borrow)]
    query: Cow<'a, str>,
    #[serde(borrow, default)]
    params: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    array_mode: Option<bool>,
}

/// A JSON object and nothing else: serde's derived code would take an array for a struct.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object with \"query\" or \"queries\"")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Object<T>, M::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// What is asked, and how each result is written.
#[derive(Debug)]
pub enum Asked {
    /// One query.
    One(Query, Layout),
    /// Several as one transaction.
    Batch(Batch, Layout),
}

impl Asked {
    /// For the gateway.
    pub fn into_work(self) -> Work {
        match self {
            Self::One(query, layout) => Work::One(query, Arc::new(layout)),
            Self::Batch(batch, layout) => Work::Batch(batch, Arc::new(layout)),
        }
    }
}

/// Reads a body: one query, or several as one transaction; and how each result is written.
///
/// # Errors
/// [`Failure::BadRequest`] with line and column where it is not JSON, or what is missing.
pub fn decode(body: &[u8], options: Options) -> Result<Asked, Failure> {
    let text = std::str::from_utf8(body).map_err(|error| {
        Failure::BadRequest(format!("the request body is not UTF-8 from byte {} on", error.valid_up_to()))
    })?;
    let Object(body): Object<Body<'_>> =
        serde_json::from_str(text).map_err(|error| Failure::BadRequest(format!("the request body: {error}")))?;
    let array_mode = |own: Option<bool>| own.unwrap_or(options.array_mode);
    match (body.query, body.queries) {
        (Some(text), None) => {
            let layout = Layout { raw_text: options.raw_text, arrays: vec![array_mode(body.array_mode)], batch: false };
            Ok(Asked::One(query(text, body.params)?, layout))
        }
        (None, Some(queries)) => {
            let outer = body.array_mode;
            let queries: Vec<One<'_>> = queries.into_iter().map(|Object(one)| one).collect();
            let arrays = queries.iter().map(|one| array_mode(one.array_mode.or(outer))).collect();
            let layout = Layout { raw_text: options.raw_text, arrays, batch: true };
            let named = |(index, one): (usize, One<'_>)| {
                query(one.query, one.params)
                    .map_err(|failure| Failure::BadRequest(format!("queries[{index}]: {failure}")))
            };
            let queries = queries.into_iter().enumerate().map(named).collect::<Result<_, _>>()?;
            let Options { isolation, read_only, deferrable, .. } = options;
            let mode = Mode { isolation, read_only, deferrable };
            Ok(Asked::Batch(Batch { queries, mode }, layout))
        }
        (Some(_), Some(_)) => Err(Failure::BadRequest("give either \"query\" or \"queries\", not both".to_owned())),
        (None, None) => Err(Failure::BadRequest("the request body needs \"query\" or \"queries\"".to_owned())),
    }
}

fn query(text: Cow<'_, str>, params: Option<Vec<&RawValue>>) -> Result<Query, Failure> {
    if text.contains('\0') {
        return Err(Failure::BadRequest("the query holds a zero character".to_owned()));
    }
    let params: Vec<&RawValue> = params.unwrap_or_default();
    // The protocol counts parameters in 16 bits.
    if params.len() > usize::from(u16::MAX) {
        return Err(Failure::BadRequest(format!("at most 65535 parameters are possible, not {}", params.len())));
    }
    let read = |(index, json): (usize, &RawValue)| {
        value::param(json).map_err(|error| Failure::BadRequest(format!("params[{index}]: {error}")))
    };
    let params = params.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
    Ok(Query { text: text.into(), params, pattern: None })
}

#[cfg(test)]
mod tests;
