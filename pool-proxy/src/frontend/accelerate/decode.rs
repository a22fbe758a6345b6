//! A request's body: a plan, its parameters, and what the client says about it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use hyper::HeaderMap;
use hyper::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Error};
use serde_json::value::RawValue;

use crate::error::Failure;

/// What is asked. The plan and its parameters are read by the room that runs them.
#[derive(Deserialize)]
pub(super) struct Asked<'a> {
    /// Such as `User`; none for raw queries. Nothing depends on it here, nor on the next.
    #[serde(borrow, default)]
    model: Option<Cow<'a, str>>,
    /// Such as `findMany`.
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) plan: Option<&'a RawValue>,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
    /// What is to stand in a comment behind each statement.
    #[serde(default)]
    pub(super) comments: Option<BTreeMap<String, String>>,
}

/// Whether a request says that its body is JSON, as Prisma's clients do. Any other is none of theirs.
///
/// # Errors
/// [`Failure::BadRequest`] if it does not.
pub(super) fn must_be_json(headers: &HeaderMap) -> Result<(), Failure> {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    if kind.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(Failure::BadRequest("Content-Type must be application/json".to_owned()))
}

/// The text of a body.
///
/// # Errors
/// [`Failure::BadRequest`] with the place where it is none.
pub(super) fn text(body: &[u8]) -> Result<&str, Failure> {
    std::str::from_utf8(body).map_err(|error| {
        Failure::BadRequest(format!("the request body is not UTF-8 from byte {} on", error.valid_up_to()))
    })
}

/// JSON in which each half of a surrogate pair is U+FFFD, as UTF-8 has it, which has no such halves. Programs in JavaScript
/// make them by cutting texts (<https://tc39.es/ecma262/#sec-string.prototype.slice>). `None` if there are none.
pub(super) fn with_whole_characters(json: &str) -> Option<String> {
    const INSTEAD: &str = "\\ufffd";
    let unit = |at: usize| {
        let digits = json.get(at..at + INSTEAD.len())?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let mut whole = String::new();
    let mut copied = 0;
    let mut at = 0;
    while let Some(next) = json.get(at..)?.find('\\') {
        at += next;
        match unit(at) {
            Some(0xd800..=0xdbff) if matches!(unit(at + INSTEAD.len()), Some(0xdc00..=0xdfff)) => {
                at += 2 * INSTEAD.len();
            }
            Some(0xd800..=0xdfff) => {
                whole.push_str(json.get(copied..at)?);
                whole.push_str(INSTEAD);
                at += INSTEAD.len();
                copied = at;
            }
            Some(_) => at += INSTEAD.len(),
            // Whatever is escaped is no backslash that begins an escape.
            None => at += 1 + json.get(at + 1..)?.chars().next().map_or(0, char::len_utf8),
        }
    }
    whole.push_str(json.get(copied..)?);
    (copied > 0).then_some(whole)
}

/// Where the plan is, if the body is as clients write it. It may be elsewhere: that is for whoever asks to find out.
pub(super) fn usual_place(text: &str) -> Option<Range<usize>> {
    let start = text.find(BEFORE)? + BEFORE.len();
    let end = text.rfind(",\"params\":{")?;
    (start < end).then_some(start..end)
}

const BEFORE: &str = "\"plan\":";

/// A body without its plan.
pub(super) struct Rest {
    text: String,
    /// Where the plan was.
    start: usize,
}

impl Rest {
    /// Of a body whose plan is there, a whole object.
    pub(super) fn of(text: &str, place: &Range<usize>) -> Option<Self> {
        const INSTEAD: &str = "{}";
        let text = [text.get(..place.start)?, INSTEAD, text.get(place.end..)?].concat();
        Some(Self { text, start: place.start })
    }

    /// Reads it. `None` if what was left out was not the plan, or if anything is wrong.
    pub(super) fn decode(&self) -> Option<Asked<'_>> {
        let asked = decode(&self.text).ok()?;
        let plan = asked.plan?.get().as_ptr().addr() - self.text.as_ptr().addr();
        (plan == self.start).then_some(asked)
    }
}

/// Reads it.
///
/// # Errors
/// [`Failure::BadRequest`] with line and column where it is not JSON, or what is missing.
pub(super) fn decode(text: &str) -> Result<Asked<'_>, Failure> {
    let bad = |message: String| Failure::BadRequest(message);
    let asked: Asked<'_> = read(text).map_err(|error| bad(format!("Malformed JSON in request body: {error}")))?;
    if asked.operation.is_empty() || asked.model.as_ref().is_some_and(|model| model.is_empty()) {
        return Err(bad("\"operation\" and \"model\" are not to be empty".to_owned()));
    }
    if asked.plan.is_none_or(|plan| !plan.get().starts_with('{')) {
        return Err(bad("\"plan\" must be an object".to_owned()));
    }
    if asked.params.is_none_or(|params| !params.get().starts_with('{')) {
        return Err(bad("\"params\" must be an object".to_owned()));
    }
    Ok(asked)
}

/// Reads another body of this door.
///
/// # Errors
/// As of [`decode`].
pub(super) fn options<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    let text =
        std::str::from_utf8(body).map_err(|_| Failure::BadRequest("the request body is not UTF-8".to_owned()))?;
    read(text).map_err(|error| Failure::BadRequest(format!("the request body: {error}")))
}

/// An object and nothing else: serde's derived code would take an array for a struct.
fn read<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, serde_json::Error> {
    if text.trim_start().starts_with('[') {
        return Err(serde_json::Error::custom("expected an object"));
    }
    serde_json::from_str(text)
}

#[cfg(test)]
mod tests;
