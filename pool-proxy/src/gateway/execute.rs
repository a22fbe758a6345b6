//! Running a call on a leased connection: one flight to the server where the order allows it.

mod batch;
mod counted;
mod once;
mod open;
mod prepare;
mod sharing;
mod traces;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::call::{Budget, Isolation, Mode, Origin, Query, Sinks};
use super::database::Database;
use super::deadline::{Deadline, Progress};
use super::identity;
use super::judge::{identity_refused, judge};
use super::outcome::{not_sent, refused};
use super::send::{Flight, Frame, send, too_late};
use super::tally::{Measured, Tallies};
use super::verdicts::Judged;
use super::witness::Questions;
use crate::auth::Principal;
use crate::error::Failure;
use crate::pool::Lease;
use crate::postgres::{RowSink, Server, Settings};
use crate::statement::{self, Kind};
use crate::telemetry::statement::StatementMetrics;
use crate::telemetry::trace::Comment;
pub(super) use counted::Counting;
use open::Open;
use prepare::{is_read_anew, prepare};
use sharing::Sharing;
pub(super) use traces::Seen;
use traces::Traces;

/// A connection on loan to a principal, and what runs on it.
pub(super) struct Execution {
    pub(super) principal: Arc<Principal>,
    pub(super) database: Arc<Database>,
    lease: Lease,
    progress: Arc<Progress>,
    /// How long all of it may take and when that is over, where it is not counted from each call anew.
    pub(super) ends: Option<(Duration, Instant)>,
    /// Something was sent that may have changed the session, and its reset has not come back yet.
    owes_reset: bool,
    /// How many more connections may turn out to be dead.
    exchanges: usize,
    /// A read that ends its connection would end each that it is given.
    has_read_again: bool,
    /// The settings it wants of the session.
    pub(super) settings: Settings,
    /// Something it did has come to stay, so not all of it can be done again.
    pub(super) stays: bool,
    open: Open,
    /// What its statements have touched that is not acknowledged yet.
    traces: Traces,
    /// What the statements under way come to.
    tallies: Option<Arc<Tallies>>,
    /// Those of which an answer is read that may be stored.
    sources: Vec<Arc<StatementMetrics>>,
    /// The request they are for, and how long it has waited for the connection.
    origin: Origin,
    waited: Duration,
    /// What names its trace behind each statement that is under way, where that is wanted.
    comments: Box<[Option<Comment>]>,
    sharing: Sharing,
}

/// What is known of a statement before it runs.
// Four independent answers, not a state.
#[allow(clippy::struct_excessive_bools)]
#[derive(Clone, Copy)]
struct Care {
    /// It may change the session for those behind it.
    reset: bool,
    /// It may read what another request left in the session's sequences.
    discard_sequences: bool,
    /// It is known to do no more than read and write rows.
    only_rows: bool,
    /// It is known to write nothing, in whatever it runs.
    only_reads: bool,
}

impl Care {
    /// By what is known of the statement, if a restricted principal may run it at all.
    fn of(verdict: Option<&Judged>, restricted: bool) -> Result<Self, Failure> {
        let Some(verdict) = verdict else {
            return Ok(Self { reset: true, discard_sequences: true, only_rows: false, only_reads: false });
        };
        if let (true, Err(reason)) = (restricted, &verdict.restricted) {
            return Err(Failure::Forbidden(reason.clone()));
        }
        let only_rows = !matches!(verdict.kind, Kind::Utility | Kind::Unknown);
        let only_reads = verdict.cacheable.is_ok() && verdict.contained;
        Ok(Self { reset: !verdict.clean, discard_sequences: verdict.reads_sequence_state, only_rows, only_reads })
    }
}

impl Execution {
    pub(super) fn new(principal: &Arc<Principal>, database: &Arc<Database>, lease: Lease, now: Instant) -> Self {
        let exchanges = database.pool.max();
        Self {
            principal: Arc::clone(principal),
            database: Arc::clone(database),
            lease,
            progress: Arc::new(Progress::new(now)),
            ends: None,
            owes_reset: false,
            exchanges,
            has_read_again: false,
            settings: Settings::Own,
            stays: false,
            open: Open::default(),
            traces: Traces::default(),
            tallies: None,
            sources: Vec::new(),
            origin: Origin::default(),
            waited: Duration::ZERO,
            comments: Box::default(),
            sharing: Sharing::default(),
        }
    }

    /// Whether a call has not failed at all with this: the connection had ended while nobody used it, nothing was sent through it, and
    /// there is another now. As often as there are connections in the pool.
    ///
    /// # Errors
    /// When there is no other.
    pub(super) async fn begins_anew(&mut self, failure: Option<&Failure>) -> Result<bool, Failure> {
        let lost = matches!(failure, Some(Failure::Unavailable { .. } | Failure::OutcomeUnknown));
        // What was given up may still stand in line to be sent.
        if !lost || self.progress.is_over() || !self.lease.is_untouched() || self.exchanges == 0 {
            return Ok(false);
        }
        self.exchanges -= 1;
        self.exchange().await?;
        Ok(true)
    }

    /// Whether a pure read whose connection was lost in the middle is to be made again: once, if there is another
    /// connection.
    pub(super) async fn reads_again(&mut self, failure: Option<&Failure>) -> bool {
        if !matches!(failure, Some(Failure::OutcomeUnknown)) || self.progress.is_over() || self.has_read_again {
            return false;
        }
        self.has_read_again = true;
        self.exchange().await.is_ok()
    }

    /// Goes on with another connection, from the beginning.
    async fn exchange(&mut self) -> Result<(), Failure> {
        self.progress.renew();
        self.owes_reset = false;
        self.lease.exchange(self.database.limits().queue).await
    }

    /// Gives the connection back.
    pub(super) async fn finish(self) {
        self.lease.finish(self.owes_reset).await;
    }

    /// Whether the answer may be stored; asked of Postgres if it is not known.
    async fn may_store(&mut self, query: &Query) -> Result<Result<(), &'static str>, Failure> {
        let budget = self.budget();
        let deadline = self.deadline(false)?;
        let progress = Arc::clone(&self.progress);
        let work = async {
            let verdict = judge(&self.database, &mut self.lease, &self.principal, query.judged(), true).await?;
            let verdict = verdict.ok_or(Failure::Internal)?;
            Ok(verdict.cacheable.map_err(statement::Refusal::as_str))
        };
        deadline.watch(&budget, &progress, pin!(work)).await
    }

    /// Runs a pure read; or why it is none, and nothing was changed then.
    pub(super) async fn read<S: Sinks>(
        &mut self,
        query: &Query,
        sinks: &S,
    ) -> Result<Result<S::Sink, &'static str>, Failure> {
        if let Err(refusal) = self.may_store(query).await? {
            return Ok(Err(refusal));
        }
        match self.one(query, true, sinks).await {
            // Something that Postgres takes for a read has tried to write.
            Err(Failure::Database { error, .. }) if error.is_read_only() => Ok(Err("writes")),
            outcome => outcome.map(Ok),
        }
    }

    async fn one_sent<S: Sinks>(
        &mut self,
        query: &Query,
        read_only: bool,
        sinks: &S,
        since: Instant,
    ) -> Result<S::Sink, Failure> {
        refuse_keyword(&query.text)?;
        let (mut begun, mut retried) = (since, false);
        loop {
            let budget = self.budget();
            let deadline = self.deadline_from(begun, false)?;
            let progress = Arc::clone(&self.progress);
            let work = self.one_once(query, read_only, sinks, &budget);
            let outcome = deadline.watch(&budget, &progress, pin!(work)).await;
            match outcome {
                // What was prepared just now cannot be stale.
                Err(Failure::Database { error, .. })
                    if !retried
                        && !progress.is_over()
                        && error.is_stale_statement()
                        // Others may have prepared it anew since.
                        && (self.lease.is_shared() || self.lease.was_prepared_before(&query.text, since)) =>
                {
                    (begun, retried) = (Instant::now(), true);
                    self.lease.forget(&query.text);
                    self.leave_others().await?;
                    self.lease.forget(&query.text);
                }
                // One statement needs no index.
                Err(Failure::Database { error, .. }) => {
                    let outcome = Err(Failure::Database { error, query: None });
                    self.settle_traces(&outcome);
                    return outcome;
                }
                outcome => {
                    self.settle_traces(&outcome);
                    return outcome;
                }
            }
        }
    }

    async fn one_once<S: Sinks>(
        &mut self,
        query: &Query,
        read_only: bool,
        sinks: &S,
        budget: &Budget,
    ) -> Result<S::Sink, Failure> {
        let settings = self.settings;
        self.server()?.settle(settings).await.map_err(not_sent)?;
        let care = self.care(query, 0, true).await?;
        let mut now = self.progress.begin();
        // First: where a transaction keeps the snapshot that it begins with, one that others had later sees more.
        let asks = read_only || self.may_show(query);
        let questions = if asks { self.questions(read_only).await? } else { Questions::default() };
        let restricted = self.principal.is_restricted();
        // A snapshot that is taken before the locks are there finds a table empty that is written anew meanwhile.
        let isolation = (read_only && self.database.keeping.is_some()).then_some(Isolation::ReadCommitted);
        let mode = Mode { isolation, read_only, ..Mode::default() };
        if restricted {
            self.enter(mode).await?;
        }
        if asks || restricted {
            now = Instant::now();
        }
        // Where nothing could write, nothing has to be kept from it.
        let in_transaction = restricted || (read_only && !care.only_reads);
        let server = self.lease.server().ok_or(Failure::Internal)?;
        server.limit_rows(budget.limit());
        if let Some(tallies) = &self.tallies {
            tallies.begin_at(0, now);
        }
        let comment = self.comments.first().and_then(Option::as_ref);
        let statement = prepare(server, &query.text, false, comment, now).await.map_err(not_sent)?;
        let mut sink = sinks.sink(0, budget.clone());
        if !in_transaction && !care.reset && !care.discard_sequences && questions.behind.is_none() {
            // The plain case: one request, one answer.
            if self.progress.is_over() {
                return Err(too_late());
            }
            let shared = self.share(&statement);
            self.progress.sent();
            let mut measured = Measured::new(self.tallies.as_deref(), 0, &mut sink);
            let executed = if let Some((share, connection)) = shared {
                let select = pin!(connection.select(&statement, &query.params, &mut measured));
                sharing::before_others(select, || self.database.open(share)).await
            } else {
                let server = self.lease.server().ok_or(Failure::Internal)?;
                let number = server.executions();
                server.execute(number, &statement, &query.params, &mut measured).await.map(drop)
            };
            executed.map_err(refused)?;
        } else {
            let frame = Frame {
                begin: (in_transaction && !restricted).then(|| mode.begin()),
                claim: None,
                in_transaction,
                commit: in_transaction,
                reset: care.reset,
                discard_sequences: care.discard_sequences,
                questions,
            };
            let (queries, sinks) = (std::slice::from_ref(query), std::slice::from_mut(&mut sink));
            // Boxed, so that the plain case does not carry its size.
            Box::pin(self.send(care.reset, &frame, Flight { first: 0, statements: &[statement], queries, sinks }))
                .await?;
        }
        within(budget)?;
        Ok(sink)
    }

    async fn send<S: RowSink>(&mut self, reset: bool, frame: &Frame, flight: Flight<'_, S>) -> Result<(), Failure> {
        self.owes_reset |= reset;
        if frame.reset {
            self.database.metrics.reset();
        }
        let queries = flight.queries;
        self.note_definitions(flight.statements, queries);
        let tells = self.tells_behind(frame);
        let sent = send(&mut self.lease, (&self.progress, self.tallies.as_deref()), (frame, tells), flight).await;
        if sent.was_reset {
            self.owes_reset = false;
        }
        self.leave_traces(queries, frame, sent.witness, &sent.outcome);
        sent.outcome
    }

    /// What a statement may do to the session, and whether the principal may run it at all.
    async fn care(&mut self, query: &Query, index: usize, alone: bool) -> Result<Care, Failure> {
        let principal = &self.principal;
        let restricted = principal.is_restricted();
        let verdict = match judge(&self.database, &mut self.lease, principal, query.judged(), restricted).await {
            // It may read what a statement before it creates, so it cannot be asked about yet.
            Err(Failure::Database { error, .. }) if !error.is_cancelled() && !restricted && !alone => None,
            judged => judged.map_err(|failure| failure.of_query(index))?,
        };
        self.share_with(verdict.as_ref());
        Care::of(verdict.as_deref(), restricted)
    }

    /// Whether these are known to be pure reads.
    pub(super) fn only_reads(&self, queries: &[Query]) -> bool {
        queries.iter().all(|query| {
            let known = self.database.known_verdict(&self.principal, query.judged());
            known.is_some_and(|verdict| verdict.cacheable.is_ok())
        })
    }

    async fn enter(&mut self, mode: Mode) -> Result<(), Failure> {
        let principal = &self.principal;
        let server = self.lease.server().ok_or(Failure::Internal)?;
        identity::enter(server, principal, mode).await.map_err(|error| identity_refused(principal, error))
    }

    /// What stands behind a statement when it is sent, by its index.
    fn comment(&self, index: usize) -> Option<&Comment> {
        self.comments.get(index)?.as_ref()
    }

    fn server(&mut self) -> Result<&mut Server, Failure> {
        self.lease.server().ok_or(Failure::Internal)
    }

    fn budget(&self) -> Budget {
        Budget::new(self.database.limits().response_bytes)
    }

    fn deadline(&mut self, batch: bool) -> Result<Deadline, Failure> {
        self.deadline_from(Instant::now(), batch)
    }

    fn deadline_from(&mut self, begun: Instant, batch: bool) -> Result<Deadline, Failure> {
        let limits = self.database.limits();
        let fate = self.lease.fate();
        let canceller = self.server()?.canceller();
        let (total, ends) = match self.ends {
            Some((total, ends)) => (total, Some(ends)),
            None if batch => (limits.transaction, None),
            None => (limits.query, None),
        };
        Ok(Deadline { begun, each: limits.query, total, ends, canceller, fate })
    }
}

/// What no row was refused for may still be too large: a result has its columns, too.
fn within(budget: &Budget) -> Result<(), Failure> {
    if budget.is_overspent() {
        return Err(Failure::ResultTooLarge { limit: budget.limit(), committed: true });
    }
    Ok(())
}

/// What would end the transaction it runs in, or hang the connection, is refused by its first word; none of these can
/// be nested in another statement.
fn refuse_keyword(text: &str) -> Result<(), Failure> {
    match statement::refused_keyword(text) {
        Some(keyword) => Err(Failure::BadRequest(format!(
            "{keyword} cannot be sent here: a transaction is begun and ended by requests of its own, or by one with all its \
             \"queries\", and data is sent with INSERT"
        ))),
        None => Ok(()),
    }
}
