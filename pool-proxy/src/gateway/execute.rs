//! Running a call on a leased connection: one flight to the server where the order allows it.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;
use tokio_postgres::Statement;

use super::call::{Batch, Budget, Call, Query};
use super::deadline::{Deadline, Progress};
use super::identity::{self, Mode};
use super::judge::{identity_refused, judge};
use super::outcome::{not_sent, refused};
use super::send::{Flight, Frame, send, too_late};
use crate::error::Failure;
use crate::pool::Lease;
use crate::postgres::{QueryError, Server};
use crate::statement::{self, Kind};

/// A call and the connection it runs on.
pub(super) struct Execution<'a> {
    call: &'a Call,
    lease: Lease,
    progress: &'a Progress,
    /// Something was sent that may have changed the session, and its reset has not come back yet.
    owes_reset: bool,
    /// How many more connections may turn out to be dead.
    exchanges: usize,
    read_again: bool,
}

/// What is known of a statement before it runs.
#[derive(Clone, Copy)]
struct Care {
    /// It may change the session for those behind it.
    reset: bool,
    /// It may read what another request left in the session's sequences.
    discard_sequences: bool,
    /// It is known to do no more than read and write rows.
    only_rows: bool,
}

/// How a batch is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sending {
    /// As few flights as the order allows.
    Pipelined,
    /// One statement at a time, none of them prepared before what stands before it has run.
    Stepwise,
}

impl<'a> Execution<'a> {
    pub(super) fn new(call: &'a Call, lease: Lease, progress: &'a Progress) -> Self {
        let exchanges = call.database.pool.max();
        Self { call, lease, progress, owes_reset: false, exchanges, read_again: false }
    }

    /// Whether this outcome is none: the connection had ended while nobody used it, nothing was sent through it, and
    /// there is another now. As often as there are connections in the pool.
    ///
    /// # Errors
    /// When there is no other.
    pub(super) async fn begins_anew<T>(&mut self, outcome: &Result<T, Failure>) -> Result<bool, Failure> {
        let lost = matches!(outcome, Err(Failure::Unavailable { .. } | Failure::OutcomeUnknown));
        // What was given up may still stand in line to be sent.
        if !lost || self.progress.is_over() || !self.lease.is_untouched() || self.exchanges == 0 {
            return Ok(false);
        }
        self.exchanges -= 1;
        self.progress.renew();
        self.owes_reset = false;
        self.lease.exchange(self.call.database.limits().queue).await?;
        Ok(true)
    }

    /// Whether a pure read whose connection was lost in the middle is to be made again: once, if there is another
    /// connection.
    pub(super) async fn reads_again<T>(&mut self, outcome: &Result<T, Failure>) -> bool {
        if !matches!(outcome, Err(Failure::OutcomeUnknown)) || self.progress.is_over() || self.read_again {
            return false;
        }
        self.read_again = true;
        self.progress.renew();
        self.owes_reset = false;
        self.lease.exchange(self.call.database.limits().queue).await.is_ok()
    }

    /// Gives the connection back.
    pub(super) async fn finish(self) {
        self.lease.finish(self.owes_reset).await;
    }

    /// Whether the answer may be stored; asked of Postgres if it is not known.
    pub(super) async fn may_store(&mut self, query: &Query) -> Result<Result<(), &'static str>, Failure> {
        let budget = self.budget();
        let deadline = self.deadline(false)?;
        let (database, principal, progress) = (&self.call.database, &self.call.principal, self.progress);
        let work = async {
            let verdict = judge(database, &mut self.lease, principal, &query.text, true).await?;
            let verdict = verdict.ok_or(Failure::Internal)?;
            Ok(verdict.cacheable.map_err(statement::Refusal::as_str))
        };
        deadline.watch(&budget, progress, pin!(work)).await
    }

    /// Runs one statement; `read_only` in a READ ONLY transaction of its own.
    pub(super) async fn one(&mut self, query: &Query, read_only: bool) -> Result<Bytes, Failure> {
        refuse_keyword(&query.text)?;
        let since = Instant::now();
        let mut retried = false;
        loop {
            let budget = self.budget();
            let deadline = self.deadline(false)?;
            let progress = self.progress;
            let outcome = deadline.watch(&budget, progress, pin!(self.one_once(query, read_only, &budget))).await;
            match outcome {
                // What was prepared just now cannot be stale.
                Err(Failure::Database { error, .. })
                    if !retried
                        && !progress.is_over()
                        && error.is_stale_statement()
                        && self.server()?.was_prepared_before(&query.text, since) =>
                {
                    retried = true;
                    self.server()?.forget(&query.text);
                }
                // One statement needs no index.
                Err(Failure::Database { error, .. }) => return Err(Failure::Database { error, query: None }),
                outcome => return outcome,
            }
        }
    }

    async fn one_once(&mut self, query: &Query, read_only: bool, budget: &Budget) -> Result<Bytes, Failure> {
        let care = self.care(query, 0, true).await?;
        self.progress.begin();
        let restricted = self.call.principal.is_restricted();
        let mode = Mode { read_only, ..Mode::default() };
        if restricted {
            self.enter(mode).await?;
        }
        let server = self.lease.server().ok_or(Failure::Internal)?;
        server.limit_rows(budget.limit());
        let statement = prepare(server, &query.text, false).await.map_err(not_sent)?;
        let mut sink = self.call.format.sink(0, budget.clone());
        if !restricted && !read_only && !care.reset && !care.discard_sequences {
            // The plain case: one request, one answer.
            if self.progress.is_over() {
                return Err(too_late());
            }
            let number = server.executions();
            self.progress.sent();
            server.execute(number, &statement, &query.params, &mut *sink).await.map_err(refused)?;
        } else {
            let frame = Frame {
                begin: (!restricted && read_only).then(|| mode.begin()),
                in_transaction: restricted || read_only,
                commit: restricted || read_only,
                reset: care.reset,
                discard_sequences: care.discard_sequences,
            };
            let (queries, sinks) = (std::slice::from_ref(query), std::slice::from_mut(&mut sink));
            self.send(care.reset, &frame, Flight { first: 0, statements: &[statement], queries, sinks }).await?;
        }
        within(budget)?;
        Ok(self.call.format.finish(vec![sink]))
    }

    /// Runs several statements in one transaction.
    pub(super) async fn batch(&mut self, batch: &Batch) -> Result<Bytes, Failure> {
        for (index, query) in batch.queries.iter().enumerate() {
            refuse_keyword(&query.text).map_err(|failure| match failure {
                Failure::BadRequest(message) => Failure::BadRequest(format!("queries[{index}]: {message}")),
                other => other,
            })?;
        }
        let recovers = batch.queries.iter().any(|query| statement::rolls_back_to_savepoint(&query.text));
        // A ROLLBACK TO in the same flight would mend a transaction that has failed, and the COMMIT would go through.
        let mut sending = if recovers { Sending::Stepwise } else { Sending::Pipelined };
        let server = self.server()?;
        // What is prepared in the course of this call cannot be stale, unless the call itself changes the schema.
        let reused: Vec<bool> = batch.queries.iter().map(|query| server.prepared(&query.text).is_some()).collect();
        let mut retried = false;
        loop {
            let budget = self.budget();
            let deadline = self.deadline(true)?;
            let progress = self.progress;
            let outcome = deadline.watch(&budget, progress, pin!(self.batch_once(batch, sending, &budget))).await;
            match outcome {
                Err(Failure::Database { error, query })
                    if !retried
                        && !progress.is_over()
                        && error.is_stale_statement()
                        && (query.is_some_and(|index| reused.get(index) == Some(&true)) || error.is_of_this_call()) =>
                {
                    retried = true;
                    sending = Sending::Stepwise;
                    let limit = self.call.database.limits().query;
                    if !tokio::time::timeout(limit, self.start_over(batch)).await.unwrap_or(false) {
                        self.lease.fate().spoil();
                        return Err(Failure::Database { error, query });
                    }
                }
                outcome => return outcome,
            }
        }
    }

    /// Undoes a batch that has failed, such that all of it can be run again; false if that cannot be done here.
    async fn start_over(&mut self, batch: &Batch) -> bool {
        let owes_reset = std::mem::take(&mut self.owes_reset);
        let restricted = self.call.principal.is_restricted();
        let fate = self.lease.fate();
        let Some(server) = self.lease.server() else { return false };
        if !server.is_idle() && server.command("ROLLBACK").await.is_err() {
            return false;
        }
        // A rollback leaves what belongs to the session, such as locks and settings.
        if owes_reset && server.reset().await.is_err() {
            fate.spoil();
            return false;
        }
        for query in &batch.queries {
            server.forget(&query.text);
        }
        if !restricted {
            for query in &batch.queries {
                // What cannot be prepared before anything runs comes in its turn.
                let _ = prepare(server, &query.text, false).await;
            }
        }
        true
    }

    async fn batch_once(&mut self, batch: &Batch, sending: Sending, budget: &Budget) -> Result<Bytes, Failure> {
        let mut cares = Vec::with_capacity(batch.queries.len());
        for (index, query) in batch.queries.iter().enumerate() {
            cares.push(self.care(query, index, batch.queries.len() == 1).await?);
            self.progress.step();
        }
        self.progress.begin();
        let reset = cares.iter().any(|care| care.reset);
        let discard_sequences = cares.iter().any(|care| care.discard_sequences);
        let mode = Mode { isolation: batch.isolation, read_only: batch.read_only, deferrable: batch.deferrable };
        let mut begin = Some(mode.begin());
        if self.call.principal.is_restricted() {
            self.enter(mode).await?;
            begin = None;
        }
        let mut sinks: Vec<_> =
            (0..batch.queries.len()).map(|index| self.call.format.sink(index, budget.clone())).collect();
        self.server()?.limit_rows(budget.limit());
        let (mut next, mut changed) = (0, false);
        loop {
            // Everything that is prepared goes in one flight. A text that is not is prepared in its turn, after what
            // stands before it has run: that may create what it reads.
            let first = next;
            let mut statements = Vec::new();
            while let Some(query) = batch.queries.get(next) {
                let server = self.server()?;
                if next == first {
                    let failed = |error| if first == 0 { not_sent(error) } else { refused(error) };
                    let prepared = prepare(server, &query.text, changed).await;
                    statements.push(prepared.map_err(|error| failed(error).of_query(next))?);
                } else if is_read_anew(&query.text, changed) {
                    break;
                } else if let (Sending::Pipelined, Some(statement)) = (sending, server.prepared(&query.text)) {
                    statements.push(statement);
                } else {
                    break;
                }
                let care = cares.get(next);
                changed |= care.is_some_and(|care| care.reset);
                next += 1;
                // What is prepared may be another statement once this has run: of a temporary table instead of a
                // permanent one of its name. Only then is it seen that the schema is another.
                let has_columns = statements.last().is_some_and(|statement| !statement.columns().is_empty());
                if care.is_none_or(|care| !care.only_rows) && statement::may_define(&query.text, has_columns) {
                    break;
                }
            }
            let last = next == batch.queries.len();
            let frame = Frame {
                discard_sequences: begin.is_some() && discard_sequences,
                begin: begin.take(),
                in_transaction: true,
                commit: last,
                reset: last && reset,
            };
            let (queries, sinks_here) = (&batch.queries[first..next], &mut sinks[first..next]);
            self.send(reset, &frame, Flight { first, statements: &statements, queries, sinks: sinks_here }).await?;
            if last {
                within(budget)?;
                return Ok(self.call.format.finish(sinks));
            }
        }
    }

    async fn send(&mut self, reset: bool, frame: &Frame, flight: Flight<'_>) -> Result<(), Failure> {
        self.owes_reset |= reset;
        if frame.reset {
            self.call.database.metrics.reset();
        }
        let landed = send(&mut self.lease, self.progress, frame, flight).await;
        if landed.was_reset {
            self.owes_reset = false;
        }
        landed.outcome
    }

    /// What a statement may do to the session, and whether the principal may run it at all.
    async fn care(&mut self, query: &Query, index: usize, alone: bool) -> Result<Care, Failure> {
        let principal = &self.call.principal;
        let restricted = principal.is_restricted();
        let verdict = match judge(&self.call.database, &mut self.lease, principal, &query.text, restricted).await {
            // It may read what a statement before it creates, so it cannot be asked about yet.
            Err(Failure::Database { error, .. }) if !error.is_cancelled() && !restricted && !alone => None,
            judged => judged.map_err(|failure| failure.of_query(index))?,
        };
        let Some(verdict) = verdict else {
            return Ok(Care { reset: true, discard_sequences: true, only_rows: false });
        };
        if let (true, Err(reason)) = (restricted, &verdict.restricted) {
            return Err(Failure::Forbidden(reason.clone()));
        }
        let only_rows = !matches!(verdict.kind, Kind::Utility | Kind::Unknown);
        Ok(Care { reset: !verdict.clean, discard_sequences: verdict.reads_sequence_state, only_rows })
    }

    async fn enter(&mut self, mode: Mode) -> Result<(), Failure> {
        let principal = &self.call.principal;
        let server = self.lease.server().ok_or(Failure::Internal)?;
        identity::enter(server, principal, mode).await.map_err(|error| identity_refused(principal, error))
    }

    fn server(&mut self) -> Result<&mut Server, Failure> {
        self.lease.server().ok_or(Failure::Internal)
    }

    fn budget(&self) -> Budget {
        Budget::new(self.call.database.limits().response_bytes)
    }

    fn deadline(&mut self, batch: bool) -> Result<Deadline, Failure> {
        let limits = self.call.database.limits();
        let fate = self.lease.fate();
        let canceller = self.server()?.canceller();
        let total = if batch { limits.transaction } else { limits.query };
        Ok(Deadline { each: limits.query, total, canceller, fate })
    }
}

/// What no row was refused for may still be too large: a result has its columns, too.
fn within(budget: &Budget) -> Result<(), Failure> {
    if budget.is_overspent() {
        return Err(Failure::ResultTooLarge { limit: budget.limit(), committed: true });
    }
    Ok(())
}

/// Takes the prepared statement, or prepares it: for this once, if it is read anew each time or has a literal such as
/// 'now'.
async fn prepare(server: &mut Server, text: &Arc<str>, changed: bool) -> Result<Statement, QueryError> {
    let anew = is_read_anew(text, changed);
    if anew {
        server.forget(text);
    }
    if let Some(statement) = server.prepared(text) {
        return Ok(statement);
    }
    server.prepare(text, !anew && !changed && !statement::has_frozen_literal(text)).await
}

/// Whether a statement must be prepared in its turn. A literal is read when a statement is prepared, in the session's
/// settings of that moment, and `changed` says that the request may have changed them. A FETCH has the columns of its
/// cursor.
fn is_read_anew(text: &str, changed: bool) -> bool {
    (changed && has_literal(text)) || statement::is_shaped_by_session(text)
}

/// Whether there may be a literal in it that depends on the session's settings: one in any kind of quotes.
fn has_literal(text: &str) -> bool {
    // A dollar sign before a digit is a parameter.
    text.contains('\'') || text.split('$').skip(1).any(|rest| !rest.starts_with(|next: char| next.is_ascii_digit()))
}

/// What would end the transaction it runs in, or hang the connection, is refused by its first word; none of these can
/// be nested in another statement.
fn refuse_keyword(text: &str) -> Result<(), Failure> {
    match statement::refused_keyword(text) {
        Some(keyword) => Err(Failure::BadRequest(format!(
            "{keyword} cannot be sent here: send several statements as one transaction with \"queries\", and data with INSERT"
        ))),
        None => Ok(()),
    }
}
