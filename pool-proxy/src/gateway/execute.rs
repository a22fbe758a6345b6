//! Running a call on a leased connection: one flight to the server where the order allows it.

use std::sync::Arc;

use bytes::Bytes;
use tokio_postgres::Statement;

use super::call::{Batch, Budget, Call, Query, ResultSink};
use super::deadline::{Deadline, Progress};
use super::identity::{self, Mode};
use super::judge::{identity_refused, judge};
use super::outcome::{not_sent, refused};
use crate::error::Failure;
use crate::pool::Lease;
use crate::postgres::pipeline::{Step, in_order};
use crate::postgres::{QueryError, Server};
use crate::statement;

/// A call and the connection it runs on.
pub(super) struct Execution<'a> {
    call: &'a Call,
    lease: Lease,
    progress: Progress,
}

/// Around the statements of one flight.
#[derive(Default)]
struct Frame {
    begin: Option<String>,
    commit: bool,
    /// Undo what the statements may do to the session.
    reset: bool,
    /// Some statement may read what another request left in the session's sequences.
    discard_sequences: bool,
}

/// What is known of a call's statements before they run.
struct Care {
    reset: bool,
    discard_sequences: bool,
}

type Ended = Result<Option<String>, QueryError>;

impl<'a> Execution<'a> {
    pub(super) fn new(call: &'a Call, lease: Lease) -> Self {
        Self { call, lease, progress: Progress::new() }
    }

    /// Gives the connection back.
    pub(super) async fn finish(self) {
        self.lease.finish().await;
    }

    /// Whether the answer may be stored; asked of Postgres if it is not known.
    pub(super) async fn may_store(&mut self, query: &Query) -> Result<Result<(), &'static str>, Failure> {
        let budget = self.budget();
        let deadline = self.deadline(false)?;
        let (database, principal) = (&self.call.database, &self.call.principal);
        let work = async {
            let verdict = judge(database, &mut self.lease, principal, &query.text, true).await?;
            let verdict = verdict.ok_or(Failure::Internal)?;
            Ok(verdict.cacheable.map_err(statement::Refusal::as_str))
        };
        deadline.watch(&budget, &self.progress, work).await
    }

    /// Runs one statement; `read_only` in a READ ONLY transaction of its own.
    pub(super) async fn one(&mut self, query: &Query, read_only: bool) -> Result<Bytes, Failure> {
        refuse_keyword(&query.text)?;
        let mut retried = false;
        loop {
            let budget = self.budget();
            let deadline = self.deadline(false)?;
            let progress = self.progress.clone();
            let outcome = deadline.watch(&budget, &progress, self.one_once(query, read_only, &budget)).await;
            match outcome {
                Err(Failure::Database { error, .. }) if error.is_stale_statement() && !retried => {
                    retried = true;
                    self.forget([&query.text]);
                }
                outcome => return outcome,
            }
        }
    }

    async fn one_once(&mut self, query: &Query, read_only: bool, budget: &Budget) -> Result<Bytes, Failure> {
        let care = self.care([query].into_iter()).await?;
        let restricted = self.call.principal.is_restricted();
        let mode = Mode { read_only, ..Mode::default() };
        if restricted {
            self.enter(mode).await?;
        }
        let server = self.lease.server().ok_or(Failure::Internal)?;
        server.limit_rows(budget.limit());
        let statement = if let Some(statement) = server.prepared(&query.text) {
            statement
        } else {
            let keep = !statement::has_frozen_literal(&query.text);
            server.prepare(&query.text, keep).await.map_err(not_sent)?
        };
        let mut sink = self.call.format.sink(0, budget.clone());
        if !restricted && !read_only && !care.reset && !care.discard_sequences {
            // The plain case: one request, one answer.
            let number = server.executions();
            server.execute(number, &statement, &query.params, &mut *sink).await.map_err(refused)?;
        } else {
            let frame = Frame {
                begin: (!restricted && read_only).then(|| mode.begin()),
                commit: restricted || read_only,
                reset: care.reset,
                discard_sequences: care.discard_sequences,
            };
            self.fly(&frame, 0, &[statement], std::slice::from_ref(query), std::slice::from_mut(&mut sink)).await?;
        }
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
        let mut retried = false;
        loop {
            let budget = self.budget();
            let deadline = self.deadline(true)?;
            let progress = self.progress.clone();
            let outcome = deadline.watch(&budget, &progress, self.batch_once(batch, &budget)).await;
            match outcome {
                // All of it was rolled back, so all of it can be run again.
                Err(Failure::Database { error, .. }) if error.is_stale_statement() && !retried => {
                    retried = true;
                    self.forget(batch.queries.iter().map(|query| &query.text));
                    self.roll_back().await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn batch_once(&mut self, batch: &Batch, budget: &Budget) -> Result<Bytes, Failure> {
        let care = self.care(batch.queries.iter()).await?;
        let mode = Mode { isolation: batch.isolation, read_only: batch.read_only, deferrable: batch.deferrable };
        let mut begin = Some(mode.begin());
        if self.call.principal.is_restricted() {
            self.enter(mode).await?;
            begin = None;
        }
        let mut sinks: Vec<_> =
            (0..batch.queries.len()).map(|index| self.call.format.sink(index, budget.clone())).collect();
        self.server()?.limit_rows(budget.limit());
        let mut next = 0;
        loop {
            // Everything that is prepared goes in one flight. A text that is not is prepared in its turn, after what
            // stands before it has run: that may create what it reads.
            let first = next;
            let mut statements = Vec::new();
            while let Some(query) = batch.queries.get(next) {
                let server = self.server()?;
                let statement = match server.prepared(&query.text) {
                    Some(statement) => statement,
                    None if next == first => {
                        let keep = !statement::has_frozen_literal(&query.text);
                        let failed = |error| if first == 0 { not_sent(error) } else { refused(error) };
                        server.prepare(&query.text, keep).await.map_err(|error| failed(error).of_query(next))?
                    }
                    None => break,
                };
                statements.push(statement);
                next += 1;
            }
            let last = next == batch.queries.len();
            let frame = Frame {
                discard_sequences: begin.is_some() && care.discard_sequences,
                begin: begin.take(),
                commit: last,
                reset: last && care.reset,
            };
            self.fly(&frame, first, &statements, &batch.queries[first..next], &mut sinks[first..next]).await?;
            if last {
                return Ok(self.call.format.finish(sinks));
            }
        }
    }

    /// Sends a flight and waits for all of it. `first` is the index of its first statement in the batch.
    async fn fly(
        &mut self,
        frame: &Frame,
        first: usize,
        statements: &[Statement],
        queries: &[Query],
        sinks: &mut [Box<dyn ResultSink>],
    ) -> Result<(), Failure> {
        let fate = self.lease.fate();
        let progress = &self.progress;
        let server: &Server = self.lease.server().ok_or(Failure::Internal)?;
        let number = server.executions();
        let mut steps: Vec<Step<'_, Ended>> = Vec::new();
        if frame.discard_sequences {
            steps.push(Box::pin(async { server.command("DISCARD SEQUENCES").await.map(|()| None) }));
        }
        if let Some(begin) = &frame.begin {
            fate.set_cancellable(false);
            steps.push(Box::pin(async {
                let begun = server.command(begin).await;
                fate.set_cancellable(true);
                begun.map(|()| None)
            }));
        }
        let before = steps.len();
        for (offset, ((statement, query), sink)) in statements.iter().zip(queries).zip(sinks).enumerate() {
            steps.push(Box::pin(async move {
                let ended = server.execute(number + offset as u64, statement, &query.params, &mut **sink).await;
                progress.step();
                ended
            }));
        }
        if frame.commit {
            steps.push(Box::pin(async { server.commit().await.map(|()| None) }));
        }
        if frame.reset {
            self.call.database.metrics.reset();
            steps.push(Box::pin(async { server.reset().await.map(|()| None) }));
        }
        let mut ended = in_order(steps).await;
        if frame.reset && ended.pop().is_some_and(|reset| reset.is_err()) {
            fate.spoil();
        }
        let commit = if frame.commit { ended.pop() } else { None };
        let ran = ended.split_off(before);
        if ran.iter().flatten().flatten().any(|tag| tag.starts_with("DEALLOCATE") || tag.starts_with("DISCARD")) {
            self.server()?.forget_all();
        }
        // The statements were in the same flight, so a connection that was lost may have run them.
        if let Some(error) = ended.into_iter().find_map(Result::err) {
            return Err(refused(error));
        }
        let committed = commit.as_ref().is_none_or(Result::is_ok);
        let mut too_large = None;
        for (offset, error) in ran.into_iter().enumerate().filter_map(|(at, ended)| Some((at, ended.err()?))) {
            match error {
                QueryError::Full { limit, completed } if completed && committed => too_large = Some(limit),
                error => {
                    return Err(refused(uncommitted(error)).of_query(first + offset))
                        .map_err(|failure| self.unbatched(failure));
                }
            }
        }
        match (commit, too_large) {
            (Some(Err(error)), _) => Err(refused(error)),
            (_, Some(limit)) => Err(Failure::ResultTooLarge { limit, committed: true }),
            _ => Ok(()),
        }
    }

    /// A single statement has no index.
    fn unbatched(&self, failure: Failure) -> Failure {
        match (failure, &self.call.work) {
            (Failure::Database { error, .. }, super::call::Work::One(_)) => Failure::Database { error, query: None },
            (failure, _) => failure,
        }
    }

    /// What the statements may do to the session, and whether the principal may run them at all.
    async fn care(&mut self, queries: impl Iterator<Item = &Query>) -> Result<Care, Failure> {
        let principal = &self.call.principal;
        let restricted = principal.is_restricted();
        let mut care = Care { reset: false, discard_sequences: false };
        for query in queries {
            let verdict = judge(&self.call.database, &mut self.lease, principal, &query.text, restricted).await?;
            if let (true, Some(Err(reason))) = (restricted, verdict.as_ref().map(|verdict| &verdict.restricted)) {
                return Err(Failure::Forbidden(reason.clone()));
            }
            care.reset |= verdict.as_ref().is_none_or(|verdict| !verdict.clean);
            care.discard_sequences |= verdict.as_ref().is_none_or(|verdict| verdict.reads_sequence_state);
        }
        Ok(care)
    }

    async fn enter(&mut self, mode: Mode) -> Result<(), Failure> {
        let principal = &self.call.principal;
        let server = self.lease.server().ok_or(Failure::Internal)?;
        identity::enter(server, principal, mode).await.map_err(|error| identity_refused(principal, error))
    }

    async fn roll_back(&mut self) {
        if let Some(server) = self.lease.server()
            && !server.is_idle()
        {
            // If this fails, so does what comes next.
            let _ = server.command("ROLLBACK").await;
        }
    }

    fn forget<'t>(&mut self, texts: impl IntoIterator<Item = &'t Arc<str>>) {
        if let Some(server) = self.lease.server() {
            texts.into_iter().for_each(|text| server.forget(text));
        }
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

/// An answer that was too large and did not stay.
fn uncommitted(error: QueryError) -> QueryError {
    match error {
        QueryError::Full { limit, .. } => QueryError::Full { limit, completed: false },
        other => other,
    }
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
