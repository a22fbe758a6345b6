//! Statements from templates: the text, `$1`, `$2`, ... for the values, and those as Postgres reads them.

mod disjoint;
mod pattern;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::Arc;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::arguments::{self, ArgType};
use super::errors;
use super::room::{Room, weight};
use super::shape::plain;
use super::tree::{Fragment, MARK, Sql, Statement, mark};
use super::value::Value;
use crate::error::PlanError;
use crate::gateway::call::Query;
use crate::postgres::Param;

/// The most parameters a statement can have: their number is sent in 16 bits
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
const MOST: usize = 65_535;

/// A statement that is ready to be sent.
pub(super) struct Rendered {
    pub(super) query: Query,
    /// A JSON list of the parameters, for whoever asked for a log.
    pub(super) json: Option<String>,
}

/// What holds for all statements of a run.
pub(super) struct Terms<'a> {
    /// Stands behind each.
    pub(super) comment: &'a str,
    /// Whether the parameters are wanted as JSON, too.
    pub(super) is_logged: bool,
    pub(super) room: &'a Room,
}

/// Writes a statement for its evaluated arguments: one, or several for one that may be run in pieces and is too large otherwise.
pub(super) fn render(
    statement: &Statement,
    args: &[Cow<'_, Value>],
    terms: &Terms<'_>,
) -> Result<Vec<Rendered>, PlanError> {
    let fragments = match &statement.sql {
        Sql::Whole { text, arguments } => {
            let values = args.get(..*arguments).ok_or_else(|| too_few(args))?;
            let mut parameters = Parameters::new(values.len(), terms);
            for (index, value) in values.iter().enumerate() {
                parameters.push(std::slice::from_ref(value.as_ref()), statement.types.get(index))?;
            }
            let (text, pattern) = if terms.comment.is_empty() {
                (Arc::clone(text), None)
            } else {
                terms.room.take(text.len() + terms.comment.len())?;
                (format!("{text}{}", terms.comment).into(), Some(Arc::clone(text)))
            };
            return Ok(vec![parameters.finish(text, pattern)?]);
        }
        Sql::Parts(fragments) => fragments,
    };
    match cut(fragments, args, statement.is_chunkable)? {
        None => Ok(vec![piece(statement, fragments, args, terms, None)?]),
        Some(Cut { argument, values, ranges }) => {
            let values = |range| values.get(range).unwrap_or_default();
            let one = |range| piece(statement, fragments, args, terms, Some((argument, values(range))));
            ranges.into_iter().map(one).collect()
        }
    }
}

/// One statement; of a list that is cut, only some values.
fn piece(
    statement: &Statement,
    fragments: &[Fragment],
    args: &[Cow<'_, Value>],
    terms: &Terms<'_>,
    only: Option<(usize, &[Value])>,
) -> Result<Rendered, PlanError> {
    terms.room.take(terms.comment.len())?;
    let mut text = String::with_capacity(fragments.len() * 32);
    let mut parameters = Parameters::new(args.len(), terms);
    for (fragment, argument) in numbered(fragments) {
        let value = || args.get(argument).ok_or_else(|| too_few(args));
        let ty = statement.types.get(argument);
        let values = |all| match only {
            Some((cut, values)) if cut == argument => values,
            _ => all,
        };
        match fragment {
            Fragment::Text(chunk) => {
                terms.room.take(chunk.len())?;
                text.push_str(chunk);
            }
            Fragment::Parameter => {
                mark(&mut text, parameters.count());
                parameters.push(std::slice::from_ref(value()?.as_ref()), ty)?;
            }
            Fragment::Tuple(item) => {
                let values = values(list(value()?));
                if values.is_empty() {
                    text.push_str("(NULL)");
                    continue;
                }
                terms.room.take(values.len() * (item.len() + MARK))?;
                text.push('(');
                for index in 0..values.len() {
                    text.push_str(if index > 0 { &item.separator } else { "" });
                    text.push_str(&item.prefix);
                    mark(&mut text, parameters.count() + index);
                    text.push_str(&item.suffix);
                }
                text.push(')');
                parameters.push(values, ty)?;
            }
            Fragment::Tuples { item, separator } => {
                for (index, tuple) in values(tuples(value()?)?).iter().enumerate() {
                    let values = inner(tuple)?;
                    terms.room.take(item.len() + separator.len() + values.len() * (item.separator.len() + MARK))?;
                    text.push_str(if index > 0 { separator } else { "" });
                    text.push_str(&item.prefix);
                    for index in 0..values.len() {
                        text.push_str(if index > 0 { &item.separator } else { "" });
                        mark(&mut text, parameters.count() + index);
                    }
                    text.push_str(&item.suffix);
                    parameters.push(values, ty)?;
                }
            }
        }
    }
    text.push_str(terms.comment);
    parameters.finish(text.into(), pattern::pattern(fragments, args))
}

/// Fragments with the number of the argument that each takes, or that the next one takes.
fn numbered(fragments: &[Fragment]) -> impl Iterator<Item = (&Fragment, usize)> {
    fragments.iter().scan(0, |next, fragment| {
        let argument = *next;
        *next += usize::from(!matches!(fragment, Fragment::Text(_)));
        Some((fragment, argument))
    })
}

/// A list, or one value for itself.
fn list(value: &Value) -> &[Value] {
    match value {
        Value::List(values) => values,
        other => std::slice::from_ref(other),
    }
}

fn tuples(value: &Value) -> Result<&[Value], PlanError> {
    match value {
        Value::List(tuples) if tuples.is_empty() => Err(malformed("Tuple list cannot be empty.")),
        Value::List(tuples) => Ok(tuples),
        _ => Err(malformed("Tuple list expected.")),
    }
}

fn inner(tuple: &Value) -> Result<&[Value], PlanError> {
    match tuple {
        Value::List(values) => Ok(values),
        _ => Err(malformed("Tuple expected.")),
    }
}

fn too_few(args: &[Cow<'_, Value>]) -> PlanError {
    malformed(&format!("Fragments attempt to read over {} parameters.", args.len()))
}

fn malformed(why: &str) -> PlanError {
    errors::internal(format!("Malformed query template. {why}"))
}

/// Parameters as they come.
struct Parameters<'a> {
    room: &'a Room,
    params: Vec<Param>,
    json: Option<Vec<u8>>,
}

impl<'a> Parameters<'a> {
    fn new(about: usize, terms: &Terms<'a>) -> Self {
        Self { room: terms.room, params: Vec::with_capacity(about), json: terms.is_logged.then(|| vec![b'[']) }
    }

    fn count(&self) -> usize {
        self.params.len()
    }

    /// The values of one argument. A tuple's type has one for each of its elements, in turn.
    fn push(&mut self, values: &[Value], ty: Option<&ArgType>) -> Result<(), PlanError> {
        let any = ArgType::default();
        let ty = ty.unwrap_or(&any);
        let types = ty.elements().filter(|elements| !elements.is_empty()).unwrap_or(std::slice::from_ref(ty));
        if !values.len().is_multiple_of(types.len()) {
            return Err(malformed("The number of values is none of whole tuples."));
        }
        for (value, ty) in values.iter().zip(types.iter().cycle()) {
            self.room.take(weight(value))?;
            self.params.push(arguments::param(value, ty)?);
            if let Some(json) = &mut self.json {
                if json.len() > 1 {
                    json.push(b',');
                }
                plain::write(json, value);
            }
        }
        Ok(())
    }

    fn finish(self, text: Arc<str>, pattern: Option<Arc<str>>) -> Result<Rendered, PlanError> {
        if self.params.len() > MOST {
            return Err(errors::of_user(
                "P2029",
                "The query parameter limit supported by your database is exceeded.".to_owned(),
            ));
        }
        if text.contains('\0') {
            return Err(errors::refused("The SQL has a character that Postgres has not: U+0000"));
        }
        let json = self.json.map(|mut json| {
            json.push(b']');
            String::from_utf8(json).unwrap_or_default()
        });
        Ok(Rendered { query: Query { text, params: self.params, pattern }, json })
    }
}

/// An argument whose values are spread over several statements.
struct Cut<'a> {
    argument: usize,
    values: Cow<'a, [Value]>,
    ranges: Vec<Range<usize>>,
}

/// How a statement with too many parameters is cut: at the longest of its lists, all else is repeated. `None` if it has not too many, or
/// cannot be cut without finding rows twice, or wrong ones: clients call it chunkable also where it is not.
fn cut<'a>(
    fragments: &[Fragment],
    args: &'a [Cow<'_, Value>],
    is_chunkable: bool,
) -> Result<Option<Cut<'a>>, PlanError> {
    if !is_chunkable {
        return Ok(None);
    }
    let mut total = 0;
    let mut longest: Option<(usize, usize)> = None;
    for (fragment, argument) in numbered(fragments) {
        let value = || args.get(argument).ok_or_else(|| too_few(args));
        let size = match fragment {
            Fragment::Text(_) => continue,
            Fragment::Parameter => {
                total += 1;
                continue;
            }
            Fragment::Tuple(_) => list(value()?).len(),
            Fragment::Tuples { .. } => tuples(value()?)?.iter().map(|tuple| list(tuple).len()).sum(),
        };
        total += size;
        if longest.is_none_or(|(_, most)| size > most) {
            longest = Some((argument, size));
        }
    }
    let Some((argument, size)) = longest.filter(|_| total > MOST) else { return Ok(None) };
    let room = MOST.saturating_sub(total - size);
    if room == 0 {
        return Ok(None);
    }
    let is_of_tuples =
        numbered(fragments).any(|(fragment, number)| number == argument && matches!(fragment, Fragment::Tuples { .. }));
    if !disjoint::is_by(fragments, argument) {
        return Ok(None);
    }
    let values = args.get(argument).map(|value| list(value)).unwrap_or_default();
    let values = if is_of_tuples { Cow::Borrowed(values) } else { Cow::Owned(different(values)) };
    let mut ranges = Vec::new();
    let (mut start, mut held) = (0, 0);
    for (index, value) in values.iter().enumerate() {
        let size = if is_of_tuples { list(value).len() } else { 1 };
        if held + size > room && index > start {
            ranges.push(start..index);
            (start, held) = (index, 0);
        }
        held += size;
    }
    ranges.push(start..values.len());
    Ok(Some(Cut { argument, values, ranges }))
}

/// Each value once: it would find its rows once for each part it is in.
fn different(values: &[Value]) -> Vec<Value> {
    let mut seen = HashSet::with_capacity(values.len());
    let is_new = |value: &&Value| {
        let mut text = Vec::new();
        plain::write(&mut text, value);
        seen.insert(text)
    };
    values.iter().filter(is_new).cloned().collect()
}

/// What is left as it is in a comment: as JavaScript's encodeURIComponent does
/// (<https://tc39.es/ecma262/#sec-encodeuricomponent-uricomponent>).
const KEPT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'!')
    .remove(b'~')
    .remove(b'*')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')');

/// How long a comment may be, in bytes: it stands behind each statement.
const LONGEST_COMMENT: usize = 64 << 10;

/// The comment that is put behind each statement, with the blank before it; nothing if there is nothing to say.
pub(super) fn comment(entries: &BTreeMap<String, String>) -> Result<String, PlanError> {
    let length: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    let too_long = || errors::refused(format!("The comments of the query are longer than {LONGEST_COMMENT} bytes"));
    if length > LONGEST_COMMENT {
        return Err(too_long());
    }
    if entries.is_empty() {
        return Ok(String::new());
    }
    let entry = |(key, value): (&String, &String)| {
        let value = utf8_percent_encode(value, KEPT).to_string().replace('\'', "\\'");
        format!("{}='{value}'", utf8_percent_encode(key, KEPT))
    };
    let comment = format!(" /*{}*/", entries.iter().map(entry).collect::<Vec<_>>().join(","));
    if comment.len() > LONGEST_COMMENT { Err(too_long()) } else { Ok(comment) }
}

#[cfg(test)]
mod tests;
