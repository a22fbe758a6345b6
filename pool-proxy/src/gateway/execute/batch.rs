//! Several statements in one transaction: as few flights to the server as the order allows.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::Instant;

use super::{Care, Execution, is_read_anew, prepare, refuse_keyword, within};
use crate::error::{DatabaseError, Failure};
use crate::gateway::call::{Budget, Mode, Query, Sinks};
use crate::gateway::outcome::{not_sent, refused};
use crate::gateway::send::{Flight, Frame};
use crate::gateway::witness::Questions;
use crate::postgres::Prepared;
use crate::statement;

/// How a batch is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sending {
    /// As few flights as the order allows.
    Pipelined,
    /// One statement at a time, none of them prepared before what stands before it has run.
    Stepwise,
}

/// Whether a batch has failed only since what was prepared before it does not fit any more.
pub(super) fn is_stale(error: &DatabaseError, query: Option<usize>, reused: &[bool]) -> bool {
    let is_reused = query.is_some_and(|index| reused.get(index) == Some(&true));
    error.is_stale_statement() && (is_reused || error.is_of_this_call())
}

impl Execution {
    pub(super) async fn batch_sent<S: Sinks>(
        &mut self,
        queries: &[Query],
        mode: Mode,
        sinks: &S,
    ) -> Result<Vec<S::Sink>, Failure> {
        for (index, query) in queries.iter().enumerate() {
            refuse_keyword(&query.text).map_err(|failure| match failure {
                Failure::BadRequest(message) => Failure::BadRequest(format!("queries[{index}]: {message}")),
                other => other,
            })?;
        }
        let recovers = queries.iter().any(|query| statement::rolls_back_to_savepoint(&query.text));
        // A ROLLBACK TO in the same flight would mend a transaction that has failed, and the COMMIT would go through.
        let mut sending = if recovers { Sending::Stepwise } else { Sending::Pipelined };
        let server = self.server()?;
        // What is prepared in the course of this call cannot be stale, unless the call itself changes the schema.
        let reused: Vec<bool> = queries.iter().map(|query| server.prepared(&query.text).is_some()).collect();
        let mut retried = false;
        loop {
            let budget = self.budget();
            let deadline = self.deadline(true)?;
            let progress = Arc::clone(&self.progress);
            let work = self.batch_once(queries, mode, sending, sinks, &budget);
            let outcome = deadline.watch(&budget, &progress, pin!(work)).await;
            match outcome {
                Err(Failure::Database { error, query })
                    if !retried && !progress.is_over() && is_stale(&error, query, &reused) =>
                {
                    retried = true;
                    sending = Sending::Stepwise;
                    let limit = self.database.limits().query;
                    if !tokio::time::timeout(limit, self.start_over(queries)).await.unwrap_or(false) {
                        self.lease.fate().spoil();
                        let outcome = Err(Failure::Database { error, query });
                        self.settle_traces(&outcome);
                        return outcome;
                    }
                }
                outcome => {
                    self.settle_traces(&outcome);
                    return outcome;
                }
            }
        }
    }

    /// Undoes a batch that has failed, such that all of it can be run again; false if that cannot be done here.
    pub(super) async fn start_over(&mut self, queries: &[Query]) -> bool {
        let owes_reset = std::mem::take(&mut self.owes_reset);
        let restricted = self.principal.is_restricted();
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
        for query in queries {
            server.forget(&query.text);
        }
        if !restricted {
            for query in queries {
                // What cannot be prepared before anything runs comes in its turn.
                let _ = prepare(server, &query.text, false, None, Instant::now()).await;
            }
        }
        true
    }

    async fn batch_once<S: Sinks>(
        &mut self,
        queries: &[Query],
        mode: Mode,
        sending: Sending,
        sinks: &S,
        budget: &Budget,
    ) -> Result<Vec<S::Sink>, Failure> {
        let settings = self.settings;
        self.server()?.settle(settings).await.map_err(not_sent)?;
        let mut cares = Vec::with_capacity(queries.len());
        for (index, query) in queries.iter().enumerate() {
            cares.push(self.care(query, index, queries.len() == 1).await?);
            self.progress.step();
        }
        self.progress.begin();
        let reset = cares.iter().any(|care| care.reset);
        let discard_sequences = cares.iter().any(|care| care.discard_sequences);
        let mut begin = Some(mode.begin());
        if self.principal.is_restricted() {
            self.enter(mode).await?;
            begin = None;
        }
        let mut sinks: Vec<_> = (0..queries.len()).map(|index| sinks.sink(index, budget.clone())).collect();
        let mut questions = self.questions(false).await?;
        self.server()?.limit_rows(budget.limit());
        let (mut next, mut changed) = (0, false);
        loop {
            let first = next;
            let statements = self.next_flight(queries, &cares, first, (sending, first == 0), &mut changed).await?;
            next += statements.len();
            let last = next == queries.len();
            let frame = Frame {
                discard_sequences: begin.is_some() && discard_sequences,
                begin: begin.take(),
                claim: None,
                in_transaction: true,
                commit: last,
                reset: last && reset,
                questions: if last { std::mem::take(&mut questions) } else { Questions::default() },
            };
            let (queries, sinks_here) = (&queries[first..next], &mut sinks[first..next]);
            self.send(reset, &frame, Flight { first, statements: &statements, queries, sinks: sinks_here }).await?;
            if last {
                within(budget)?;
                return Ok(sinks);
            }
        }
    }

    /// The statements that go in one flight, from the one at `first` on: everything that is prepared. A text that is not
    /// is prepared in its turn, after what stands before it has run: that may create what it reads. `changed` says
    /// whether the session may have changed before the next one; `fresh`, that nothing of the transaction was sent.
    pub(super) async fn next_flight(
        &mut self,
        queries: &[Query],
        cares: &[Care],
        first: usize,
        (sending, fresh): (Sending, bool),
        changed: &mut bool,
    ) -> Result<Vec<Prepared>, Failure> {
        let (mut statements, now) = (Vec::new(), Instant::now());
        for (index, (query, care)) in queries.iter().zip(cares).enumerate().skip(first) {
            if let (true, Some(tallies)) = (index == first, &self.tallies) {
                tallies.begin_at(index, now);
            }
            let comment = self.comments.get(index).and_then(Option::as_ref);
            let server = self.lease.server().ok_or(Failure::Internal)?;
            if index == first {
                let failed = |error| if fresh { not_sent(error) } else { refused(error) };
                let prepared = prepare(server, &query.text, *changed, comment, now).await;
                statements.push(prepared.map_err(|error| failed(error).of_query(index))?);
            } else if comment.is_some() || is_read_anew(&query.text, *changed) {
                break;
            } else if let (Sending::Pipelined, Some(statement)) = (sending, server.prepared_by(&query.text, now)) {
                statements.push(statement);
            } else {
                break;
            }
            *changed |= care.reset;
            // What is prepared may be another statement once this has run: of a temporary table instead of a permanent
            // one of its name. Only then is it seen that the schema is another.
            let has_columns = statements.last().is_some_and(|statement| !statement.columns().is_empty());
            if !care.only_rows && statement::may_define(&query.text, has_columns) {
                break;
            }
        }
        Ok(statements)
    }
}
