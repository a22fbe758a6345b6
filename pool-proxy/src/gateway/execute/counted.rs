//! Counts what runs: every statement of a client's, once however often it has to be sent, and what it came to.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use super::Execution;
use crate::error::Failure;
use crate::gateway::call::{Mode, Query, Sinks};
use crate::gateway::tally::{Tallies, Told};
use crate::telemetry::statement::{Ran, StatementMetrics};

/// A plan may make a statement of each of its values.
const SOURCES: usize = 32;

impl Execution {
    /// Runs one statement; `read_only` where nothing of it may come to stay.
    pub(in crate::gateway) async fn one<S: Sinks>(
        &mut self,
        query: &Query,
        read_only: bool,
        sinks: &S,
    ) -> Result<S::Sink, Failure> {
        let counting = self.count([query.judged()]);
        if let (true, Some(statement)) = (read_only, counting.statements.first())
            && self.sources.len() < SOURCES
            && !self.sources.iter().any(|source| Arc::ptr_eq(source, statement))
        {
            self.sources.push(Arc::clone(statement));
        }
        let outcome = self.one_sent(query, read_only, sinks).await;
        self.counted(counting, &outcome);
        outcome
    }

    /// Runs several statements in one transaction.
    pub(in crate::gateway) async fn batch<S: Sinks>(
        &mut self,
        queries: &[Query],
        mode: Mode,
        sinks: &S,
    ) -> Result<Vec<S::Sink>, Failure> {
        let counting = self.count(queries.iter().map(Query::judged));
        let outcome = self.batch_sent(queries, mode, sinks).await;
        self.counted(counting, &outcome);
        outcome
    }

    /// Runs statements in the transaction that is open, or that `begin` opens with the first of them.
    pub(in crate::gateway) async fn step<S: Sinks>(
        &mut self,
        queries: &[Query],
        begin: Option<Mode>,
        sinks: &S,
    ) -> Result<Vec<S::Sink>, Failure> {
        let counting = self.count(queries.iter().map(Query::judged));
        let outcome = self.step_sent(queries, begin, sinks).await;
        self.counted(counting, &outcome);
        outcome
    }

    /// Runs a text of several statements. What it does to the session is not known, and no role holds it.
    pub(in crate::gateway) async fn text(&mut self, text: &str) -> Result<(), Failure> {
        let counting = self.count(from_ref(&Arc::from(text)));
        let outcome = self.text_sent(text).await;
        self.counted(counting, &outcome);
        outcome
    }

    /// What the answers that were read so far have been asked for by.
    pub(in crate::gateway) fn take_sources(&mut self) -> Box<[Arc<StatementMetrics>]> {
        std::mem::take(&mut self.sources).into()
    }

    /// Begins to count statements, until they are [`counted`](Self::counted).
    pub(super) fn count<'q>(&mut self, texts: impl IntoIterator<Item = &'q Arc<str>>) -> Counting {
        let statements = &self.database.statements;
        let statements: Vec<_> = texts.into_iter().filter_map(|text| statements.of(text)).collect();
        self.tallies = Arc::new(Tallies::of(statements.len()));
        Counting { tallies: Arc::clone(&self.tallies), statements }
    }

    /// What they came to. Where nothing was sent, as the connection had ended before, they will run on another one.
    pub(super) fn counted<T>(&mut self, counting: Counting, outcome: &Result<T, Failure>) {
        self.tallies = Arc::default();
        let is_lost = matches!(outcome, Err(Failure::OutcomeUnknown));
        if !(is_lost && self.lease.is_untouched()) {
            counting.settle(Failed::of(outcome.as_ref().err(), counting.statements.len()));
        }
        counting.discard();
    }
}

/// Which of them has failed.
#[derive(Clone, Copy)]
enum Failed {
    None,
    /// This one.
    At(usize, Fault),
    /// The one that was under way.
    UnderWay,
}

/// What its failing says of a statement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    /// That Postgres has understood it.
    InItsValues,
    Other,
}

impl Failed {
    fn of(failure: Option<&Failure>, count: usize) -> Self {
        match failure {
            Some(Failure::Database { error, query }) => {
                // Data, integrity, serialization: it has been parsed by then.
                let is_of_values = ["22", "23", "40"].iter().any(|class| error.code.starts_with(class));
                let fault = if is_of_values { Fault::InItsValues } else { Fault::Other };
                match query {
                    Some(index) => Self::At(*index, fault),
                    None if count == 1 => Self::At(0, fault),
                    None => Self::UnderWay,
                }
            }
            // Or nothing was run.
            None | Some(Failure::Unavailable { .. } | Failure::Forbidden(_)) => Self::None,
            Some(_) => Self::UnderWay,
        }
    }
}

/// Statements that are being counted. If their client leaves, and all of this is dropped, they are counted as they stand.
pub(super) struct Counting {
    tallies: Arc<Tallies>,
    /// Where each is counted; none if nothing is.
    statements: Vec<Arc<StatementMetrics>>,
}

impl Counting {
    /// They were not run.
    pub(super) fn discard(mut self) {
        self.statements.clear();
    }

    fn settle(&self, failed: Failed) {
        let now = self.tallies.now();
        let mut fails = failed;
        for (index, (statement, told)) in self.statements.iter().zip(self.tallies.told()).enumerate() {
            let has_failed = match fails {
                Failed::None => false,
                Failed::At(at, _) => at == index,
                // What ended well before has run all the same.
                Failed::UnderWay => told.begun.is_some() && told.ended.is_none(),
            };
            let Told { begun, ended, rows, bytes } = told;
            if !has_failed && ended.is_none() {
                continue;
            }
            let took = match begun {
                Some(begun) => (if has_failed { now } else { ended.unwrap_or(now) }).saturating_sub(begun),
                None => Duration::ZERO,
            };
            if !has_failed || matches!(failed, Failed::At(_, Fault::InItsValues)) {
                statement.accept();
            }
            statement.ran(Ran { took, rows, bytes, failed: has_failed });
            if has_failed {
                // Those behind it were not run.
                fails = Failed::None;
            }
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.settle(Failed::UnderWay);
    }
}
