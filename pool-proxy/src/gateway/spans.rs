//! What a request that is recorded does here, as spans: its wait for a connection, its statements, the end of its transaction.

use std::sync::Arc;

use tokio::time::Instant;

use super::call::{Origin, Query};
use super::result_word;
use crate::error::Failure;
use crate::telemetry::statement::StatementMetrics;
use crate::telemetry::trace::{Comment, Kind, Recording, Value};

/// A longer text has no comment: it is read to its end for nothing else. In bytes.
const LONGEST: usize = 16 << 10;

/// It has waited for a connection, and has one now or none at all.
pub(super) fn waited<T>(origin: &Origin, since: Instant, outcome: &Result<T, Failure>) {
    let Some(recording) = &origin.recording else { return };
    let error = outcome.is_err().then(|| ("error.type", Value::from(result_word(outcome))));
    let failed = error.is_some();
    let what = ("pool_proxy.wait", Kind::Internal);
    recording.part(Recording::next_id(), what, (since, Instant::now()), (error.into_iter().collect(), failed));
}

/// A command of the proxy's own has ended a transaction, or a part of one.
pub(super) fn command(
    origin: &Origin,
    database: &str,
    (name, since): (&'static str, Instant),
    failure: Option<&Failure>,
) {
    let Some(recording) = &origin.recording else { return };
    let mut attributes = of_database(database);
    attributes.push(("db.operation.name", name.into()));
    attributes.extend(failure.map(|failure| ("error.type", error(failure, "lost"))));
    let moments = (since, Instant::now());
    recording.part(Recording::next_id(), (name, Kind::Client), moments, (attributes, failure.is_some()));
}

fn of_database(database: &str) -> Vec<(&'static str, Value)> {
    vec![("db.system.name", "postgresql".into()), ("db.namespace", database.to_owned().into())]
}

fn error(failure: &Failure, word: &'static str) -> Value {
    failure.code().map_or(word.into(), |code| code.to_owned().into())
}

/// The spans of statements that are about to run; their ids follow one another.
pub(super) struct Spans {
    recording: Arc<Recording>,
    database: Arc<str>,
    first: u64,
    shows_text: bool,
}

impl Spans {
    /// If the request is recorded; with their texts if `shows_text`.
    pub(super) fn of(origin: &Origin, database: &Arc<str>, shows_text: bool) -> Option<Self> {
        let recording = Arc::clone(origin.recording.as_ref()?);
        Some(Self { recording, database: Arc::clone(database), first: Recording::next_id(), shows_text })
    }

    fn id(&self, index: usize) -> u64 {
        self.first.wrapping_add(index as u64).max(1)
    }

    /// The comments that statements are to be sent with, if any are: not where it is not certain that they would be comments.
    pub(super) fn comments<'q>(
        &self,
        texts: impl Iterator<Item = &'q Arc<str>>,
        statements: &[Arc<StatementMetrics>],
    ) -> Box<[Option<Comment>]> {
        if !self.recording.has_comments() {
            return Box::default();
        }
        let comment = |(index, (text, statement)): (usize, (&Arc<str>, &Arc<StatementMetrics>))| {
            let may_have = statement.is_certain() && text.len() <= LONGEST && !text.contains("traceparent=");
            may_have.then(|| self.recording.comment(self.id(index)))?
        };
        texts.zip(statements).enumerate().map(comment).collect()
    }

    /// A statement has ended.
    pub(super) fn tell(
        &self,
        index: usize,
        statement: &StatementMetrics,
        moments: (Instant, Instant),
        (rows, failed): (u64, Option<(Option<&Failure>, &'static str)>),
    ) {
        let mut attributes = of_database(&self.database);
        attributes.push(("pool_proxy.fingerprint", format!("{:016x}", statement.fingerprint).into()));
        let mut name = "postgresql".to_owned();
        if let Some(text) = statement.text() {
            if let Some(operation) = operation(text) {
                name = format!("{operation} {}", self.database);
                attributes.push(("db.operation.name", operation.into()));
            }
            if self.shows_text {
                attributes.push(("db.query.text", text.to_owned().into()));
            }
        }
        let has_failed = failed.is_some();
        match failed {
            Some((failure, word)) => {
                let error = failure.map_or(word.into(), |failure| error(failure, word));
                attributes.push(("error.type", error));
            }
            None => attributes.push(("db.response.returned_rows", rows.into())),
        }
        self.recording.part(self.id(index), (name, Kind::Client), moments, (attributes, has_failed));
    }
}

/// The statement's command, where its first word says which.
fn operation(text: &str) -> Option<String> {
    let word = text.split(|letter: char| !letter.is_ascii_alphabetic()).next()?;
    let is_known = !word.is_empty() && word.len() <= 16 && !word.eq_ignore_ascii_case("with");
    is_known.then(|| word.to_ascii_uppercase())
}

/// The texts of queries, as they are sent.
pub(super) fn texts(queries: &[Query]) -> impl Iterator<Item = &Arc<str>> {
    queries.iter().map(|query| &query.text)
}

#[cfg(test)]
mod tests {
    use super::operation;

    #[test]
    fn the_first_word_says_which_command_it_is() {
        for (text, expected) in [
            ("select $1", Some("SELECT")),
            ("INSERT INTO t VALUES ($1)", Some("INSERT")),
            ("vacuum", Some("VACUUM")),
            ("with x as (select $1) delete from t", None),
            ("(select $1)", None),
            ("", None),
        ] {
            assert_eq!(operation(text).as_deref(), expected, "{text}");
        }
    }
}
