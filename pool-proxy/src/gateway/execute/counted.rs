//! Counts what runs: every statement of a client's, once however often it has to be sent, and what it came to.

use std::slice::from_ref;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Execution;
use crate::auth::Principal;
use crate::error::Failure;
use crate::gateway::call::{Call, Mode, Origin, Query, Sinks};
use crate::gateway::database::Database;
use crate::gateway::result_word;
use crate::gateway::spans::{Spans, texts};
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
        let now = Instant::now();
        let counting = self.count_all(from_ref(query), now);
        if let (true, Some(statement)) = (read_only, counting.statements.first())
            && self.sources.len() < SOURCES
            && !self.sources.iter().any(|source| Arc::ptr_eq(source, statement))
        {
            self.sources.push(Arc::clone(statement));
        }
        let outcome = self.one_sent(query, read_only, sinks, now).await;
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
        let counting = self.count_all(queries, Instant::now());
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
        let counting = self.count_all(queries, Instant::now());
        let outcome = self.step_sent(queries, begin, sinks).await;
        self.counted(counting, &outcome);
        outcome
    }

    /// Runs a text of several statements. What it does to the session is not known, and no role holds it.
    pub(in crate::gateway) async fn text(&mut self, text: &str) -> Result<(), Failure> {
        let text = Arc::from(text);
        let counting = self.count(from_ref(&text), from_ref(&text).iter(), Instant::now());
        let outcome = self.text_sent(&text).await;
        self.counted(counting, &outcome);
        outcome
    }

    /// What the answers that were read so far have been asked for by.
    pub(in crate::gateway) fn take_sources(&mut self) -> Box<[Arc<StatementMetrics>]> {
        std::mem::take(&mut self.sources).into()
    }

    /// Says which request comes, and how long it has waited for the connection.
    pub(in crate::gateway) fn is_for(&mut self, origin: &Origin, waited: Duration) {
        (self.origin, self.waited) = (origin.clone(), waited);
    }

    /// Begins to count the statements of queries now, until they are [`counted`](Self::counted).
    pub(super) fn count_all(&mut self, queries: &[Query], now: Instant) -> Counting {
        self.count(queries.iter().map(Query::judged), texts(queries), now)
    }

    /// The same by what they are judged by, and what is sent.
    fn count<'q>(
        &mut self,
        judged: impl IntoIterator<Item = &'q Arc<str>>,
        sent: impl Iterator<Item = &'q Arc<str>>,
        now: Instant,
    ) -> Counting {
        let statements = &self.database.statements;
        let statements: Vec<_> = judged.into_iter().filter_map(|text| statements.of(text)).collect();
        let spans = Spans::of(&self.origin, &self.database.name, self.database.statements.are_shown());
        self.comments = spans.as_ref().map(|spans| spans.comments(sent, &statements)).unwrap_or_default();
        let tallies = Arc::new(Tallies::of(statements.len(), now));
        self.tallies = Some(Arc::clone(&tallies));
        let slow = Slow::of(&self.database, &self.principal, &self.origin, self.waited);
        Counting { tallies, statements, slow, spans }
    }

    /// What they came to. Where nothing was sent, as the connection had ended before, they will run on another one.
    pub(super) fn counted<T>(&mut self, counting: Counting, outcome: &Result<T, Failure>) {
        self.tallies = None;
        self.comments = Box::default();
        let is_lost = matches!(outcome, Err(Failure::OutcomeUnknown));
        if !(is_lost && self.lease.is_untouched()) {
            let failure = outcome.as_ref().err();
            let failed = Failed::of(failure, counting.statements.len());
            counting.settle((failure, result_word(outcome)), failed);
        }
        counting.discard();
    }
}

/// Which of them has failed.
#[derive(Clone, Copy)]
enum Failed {
    None,
    /// This one.
    At(usize),
    /// The one that was under way.
    UnderWay,
}

impl Failed {
    fn of(failure: Option<&Failure>, count: usize) -> Self {
        match failure {
            Some(Failure::Database { query: Some(index), .. }) => Self::At(*index),
            Some(Failure::Database { .. }) if count == 1 => Self::At(0),
            // Or nothing was run.
            None | Some(Failure::Unavailable { .. } | Failure::Forbidden(_)) => Self::None,
            Some(_) => Self::UnderWay,
        }
    }
}

/// From when on a statement is logged, and for whom it ran.
struct Slow {
    limit: Duration,
    database: Arc<str>,
    key: Arc<str>,
    origin: Origin,
    waited: Duration,
}

impl Slow {
    fn of(database: &Database, principal: &Principal, origin: &Origin, waited: Duration) -> Option<Self> {
        Some(Self {
            limit: database.slow?,
            database: Arc::clone(&database.name),
            key: Arc::clone(&principal.name),
            origin: origin.clone(),
            waited,
        })
    }

    /// Says that a statement took long; never with what it was asked about.
    fn log(&self, statement: &StatementMetrics, ran: &Ran, result: &'static str) {
        let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        tracing::warn!(
            request_id = &*self.origin.request_id,
            trace_id = self.origin.trace_id.as_deref(),
            database = &*self.database,
            key = &*self.key,
            fingerprint = format_args!("{:016x}", statement.fingerprint),
            result,
            database_ms = millis(ran.took),
            queue_ms = millis(self.waited),
            rows = ran.rows,
            statement = statement.text(),
            "slow statement"
        );
    }
}

/// Statements that are being counted. If their client leaves, and all of this is dropped, they are counted as they stand.
pub(in crate::gateway) struct Counting {
    tallies: Arc<Tallies>,
    /// Where each is counted; none if nothing is.
    statements: Vec<Arc<StatementMetrics>>,
    slow: Option<Slow>,
    /// Where each is recorded.
    spans: Option<Spans>,
}

impl Counting {
    /// Begins to count a query that runs by itself, in a request that is not recorded.
    pub(in crate::gateway) fn of_one(call: &Call, query: &Query, now: Instant, waited: Duration) -> Self {
        let Call { database, principal, origin, .. } = call;
        let statements: Vec<_> = database.statements.of(query.judged()).into_iter().collect();
        let tallies = Arc::new(Tallies::of(statements.len(), now));
        Self { tallies, statements, slow: Slow::of(database, principal, origin, waited), spans: None }
    }

    /// Where what comes of them is measured.
    pub(in crate::gateway) fn tallies(&self) -> Arc<Tallies> {
        Arc::clone(&self.tallies)
    }

    /// They have run well.
    pub(in crate::gateway) fn succeed(self) {
        self.settle((None, "ok"), Failed::None);
        self.discard();
    }

    /// They were not run.
    pub(in crate::gateway) fn discard(mut self) {
        self.statements.clear();
    }

    fn settle(&self, (failure, word): (Option<&Failure>, &'static str), mut failed: Failed) {
        for (index, (statement, told)) in self.statements.iter().zip(self.tallies.told()).enumerate() {
            let Told { begun, prepared, ended, rows, bytes } = told;
            let has_failed = match failed {
                Failed::None => false,
                Failed::At(at) => at == index,
                // What ended well before has run all the same.
                Failed::UnderWay => begun.is_some() && ended.is_none(),
            };
            if prepared {
                statement.accept();
            }
            if has_failed {
                // Those behind it were not run.
                failed = Failed::None;
            } else if ended.is_none() {
                continue;
            }
            let until = ended.filter(|_| !has_failed).unwrap_or_else(|| self.tallies.now());
            // One that Postgres has refused to prepare did not begin.
            let took = until.saturating_sub(begun.unwrap_or_default());
            let ran = Ran { took, rows, bytes, failed: has_failed };
            statement.ran(ran);
            if let Some(spans) = &self.spans {
                let since = self.tallies.since();
                let moments = (since + begun.unwrap_or_default(), since + until);
                spans.tell(index, statement, moments, (rows, has_failed.then_some((failure, word))));
            }
            if let Some(slow) = self.slow.as_ref().filter(|slow| took >= slow.limit) {
                slow.log(statement, &ran, if has_failed { word } else { "ok" });
            }
        }
    }
}

impl Drop for Counting {
    fn drop(&mut self) {
        self.settle((None, "abandoned"), Failed::UnderWay);
    }
}
