//! Statements in a transaction that stays open between them: each flight is one step of a session.

mod judging;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::batch::Sending;
use super::{Care, Execution, refuse_keyword, within};
use crate::error::{DatabaseError, Failure};
use crate::gateway::call::{Budget, Mode, Query, Sinks};
use crate::gateway::identity::Nowhere;
use crate::gateway::outcome::{not_sent, refused};
use crate::gateway::send::{Flight, Frame};
use crate::gateway::witness::Questions;
use crate::postgres::{Server, Settings, TransactionStatus};
use crate::statement;

/// How long the end of a transaction, and what is made up for behind it, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is known of the transaction that is open.
// Flags of independent facts, not a state machine.
#[allow(clippy::struct_excessive_bools)]
#[derive(Default)]
pub(super) struct Open {
    /// Its statements may have changed the session's settings.
    changed: bool,
    /// Its settings are these, until it ends.
    settings: Option<Settings>,
    /// What was run without knowing what it is: nothing can be asked of Postgres about it before the end.
    unjudged: Vec<Arc<str>>,
    /// A statement did not fit the schema any more.
    was_stale: bool,
    /// It stays open between its client's requests, so nothing of it can be done again.
    is_held: bool,
    /// A statement that was not run since it is not known, and its principal may not run just anything.
    unknown: Option<Arc<str>>,
    /// No other connection came free to ask about it.
    is_alone: bool,
    /// A text has ended it.
    has_ended: bool,
}

impl Execution {
    pub(super) async fn step_sent<S: Sinks>(
        &mut self,
        queries: &[Query],
        begin: Option<Mode>,
        sinks: &S,
    ) -> Result<Vec<S::Sink>, Failure> {
        for query in queries {
            refuse_keyword(&query.text)?;
        }
        // Outside of what is watched: a cancel would end the transaction, which has nothing to do with it.
        let mut cares = Vec::with_capacity(queries.len());
        for query in queries {
            cares.push(self.care_within(query, begin.is_none()).await?);
        }
        let budget = self.budget();
        let deadline = self.deadline(true)?;
        let progress = Arc::clone(&self.progress);
        let server = self.server()?;
        let reuses = queries.iter().any(|query| server.prepared(&query.text).is_some());
        let work = self.step_once((queries, &cares), begin, sinks, &budget);
        let outcome = deadline.watch(&budget, &progress, pin!(work)).await;
        if let Err(Failure::Database { error, .. }) = &outcome
            && reuses
            && error.is_stale_statement()
        {
            self.server()?.forget_all();
            self.open.was_stale = true;
        }
        self.settle_traces(&outcome);
        outcome
    }

    /// Another statement's time begins. The last one may have come to its end in the very moment its time was over.
    pub(in crate::gateway) fn renew(&self) {
        self.progress.renew();
    }

    /// Whether a statement, prepared some time ago, did not fit the schema any more; it is prepared anew next time.
    pub(in crate::gateway) fn was_stale(&mut self) -> bool {
        std::mem::take(&mut self.open.was_stale)
    }

    async fn step_once<S: Sinks>(
        &mut self,
        (queries, cares): (&[Query], &[Care]),
        mut begin: Option<Mode>,
        sinks: &S,
        budget: &Budget,
    ) -> Result<Vec<S::Sink>, Failure> {
        self.settle(begin.is_none()).await?;
        self.progress.begin();
        if let Some(mode) = begin.filter(|_| self.principal.is_restricted()) {
            self.server()?.command("DISCARD SEQUENCES").await.map_err(not_sent)?;
            self.enter(mode).await?;
            begin = None;
        }
        let recovers = queries.iter().any(|query| statement::rolls_back_to_savepoint(&query.text));
        let sending = if recovers { Sending::Stepwise } else { Sending::Pipelined };
        let mut results: Vec<_> = (0..queries.len()).map(|index| sinks.sink(index, budget.clone())).collect();
        self.server()?.limit_rows(budget.limit());
        let mut next = 0;
        while next < queries.len() {
            let first = next;
            let mut changed = self.open.changed;
            let fresh = begin.is_some();
            let statements = self.next_flight(queries, cares, first, (sending, fresh), &mut changed).await?;
            self.open.changed = changed;
            next += statements.len();
            let questions =
                if next == queries.len() { self.questions_within(queries).await? } else { Questions::default() };
            let frame = Frame {
                // What a statement to come may read cannot be discarded once the transaction has values of its own.
                discard_sequences: fresh,
                begin: begin.take().map(Mode::begin),
                in_transaction: true,
                questions,
                ..Frame::default()
            };
            let reset = cares.get(first..next).is_some_and(|cares| cares.iter().any(|care| care.reset));
            if recovers {
                // They were set in the transaction, and it goes back to what it was.
                self.open.settings = None;
            }
            let (queries, sinks) = (&queries[first..next], &mut results[first..next]);
            self.send(reset, &frame, Flight { first, statements: &statements, queries, sinks }).await?;
        }
        within(budget).map_err(|_| Failure::ResultTooLarge { limit: budget.limit(), committed: false })?;
        Ok(results)
    }

    pub(super) async fn text_sent(&mut self, text: &str) -> Result<(), Failure> {
        if self.principal.is_restricted() {
            return Err(Failure::Forbidden("this key runs one statement at a time".to_owned()));
        }
        let budget = self.budget();
        let deadline = self.deadline(true)?;
        let progress = Arc::clone(&self.progress);
        let work = async {
            self.progress.begin();
            self.owes_reset = true;
            self.open.changed = true;
            let was = self.standing().await?;
            self.progress.sent();
            let _ = self.server()?.passed();
            self.server()?.limit_rows(budget.limit());
            if let Some(tallies) = &self.tallies {
                tallies.begin_at(0, Instant::now());
            }
            let outcome = match self.comments.first().and_then(Option::as_ref).map(|comment| comment.behind(text)) {
                Some(commented) => self.server()?.command(&commented).await.map_err(|error| error.within(text)),
                None => self.server()?.command(text).await,
            };
            let outcome = outcome.map_err(refused);
            if let (true, Some(tallies)) = (outcome.is_ok(), &self.tallies) {
                tallies.end(0);
            }
            let is = self.standing().await?;
            let passed = self.server()?.passed();
            self.touch_everything(passed.defines);
            // A ROLLBACK TO in it has undone them.
            self.open.settings = None;
            let is_within = was != Some(TransactionStatus::Idle);
            let goes_on = is == was || (was == Some(TransactionStatus::Open) && is == Some(TransactionStatus::Failed));
            // Another one may be open now.
            let ends = is_within && (passed.ends || (passed.rolls_back && statement::may_chain(text)));
            let message = if ends || !goes_on {
                self.open.has_ended = true;
                "a text of several statements may not begin or end a transaction"
            } else if passed.copies && outcome.is_ok() {
                "COPY cannot be sent here, data is read with SELECT; the other statements of the text have run"
            } else if passed.copies {
                "COPY cannot be sent here: data is sent with INSERT and read with SELECT"
            } else {
                return outcome;
            };
            self.lease.fate().spoil();
            match outcome {
                Ok(()) | Err(Failure::Database { .. }) => Err(Failure::BadRequest(message.to_owned())),
                lost => lost,
            }
        };
        let outcome = deadline.watch(&budget, &progress, pin!(work)).await;
        self.look_behind().await;
        self.doubt_definitions();
        self.settle_traces(&outcome);
        outcome
    }

    /// Whether a text has ended the transaction, and perhaps begun another.
    pub(in crate::gateway) fn has_ended(&self) -> bool {
        self.open.has_ended
    }

    /// Where the session stands. An error reaches its reader shortly before the server says so.
    pub(super) async fn standing(&mut self) -> Result<Option<TransactionStatus>, Failure> {
        let server: &Server = self.server()?;
        if server.status().is_none() {
            // Whoever asks next is told if it is gone.
            let _ = timeout(PATIENCE, server.client().check_connection()).await;
        }
        Ok(server.status())
    }

    /// A command of the proxy's own, such as SAVEPOINT.
    pub(in crate::gateway) async fn command(&mut self, sql: &str) -> Result<(), Failure> {
        let budget = self.budget();
        let deadline = self.deadline(true)?;
        let progress = Arc::clone(&self.progress);
        if statement::rolls_back_to_savepoint(sql) {
            self.open.settings = None;
        }
        let server: &Server = self.server()?;
        let work = async {
            progress.sent();
            server.command(sql).await.map_err(refused)
        };
        deadline.watch(&budget, &progress, pin!(work)).await
    }

    /// Opens a transaction and waits until it is open.
    pub(in crate::gateway) async fn begin(&mut self, mode: Mode) -> Result<(), Failure> {
        self.open.is_held = true;
        let budget = self.budget();
        let deadline = self.deadline(true)?;
        let progress = Arc::clone(&self.progress);
        let work = async {
            self.settle(false).await?;
            self.server()?.command("DISCARD SEQUENCES").await.map_err(not_sent)?;
            if self.principal.is_restricted() {
                return self.enter(mode).await;
            }
            self.server()?.command(&mode.begin()).await.map_err(not_sent)
        };
        deadline.watch(&budget, &progress, pin!(work)).await
    }

    /// Commits, and gets the session clean again in the same flight.
    pub(in crate::gateway) async fn commit(&mut self) -> Result<(), Failure> {
        if self.standing().await? == Some(TransactionStatus::Failed) {
            // Postgres would take the COMMIT, and roll back.
            self.roll_back().await;
            return Err(Failure::Database { error: Box::new(DatabaseError::aborted()), query: None });
        }
        let budget = self.budget();
        let deadline = self.deadline(true)?;
        let progress = Arc::clone(&self.progress);
        let reset = self.owes_reset;
        let work = async {
            let questions = self.questions(false).await?;
            let frame = Frame { in_transaction: true, commit: true, reset, questions, ..Frame::default() };
            let flight = Flight { first: 0, statements: &[], queries: &[], sinks: &mut [] as &mut [Nowhere] };
            self.send(reset, &frame, flight).await
        };
        let outcome = deadline.watch(&budget, &progress, pin!(work)).await;
        self.open.settings = None;
        self.settle_traces(&outcome);
        outcome
    }

    /// Rolls back; a connection that cannot is given up.
    pub(in crate::gateway) async fn roll_back(&mut self) {
        self.open.settings = None;
        self.leave_no_traces();
        let fate = self.lease.fate();
        let Some(server) = self.lease.server() else { return };
        let rolled = timeout(PATIENCE, server.command("ROLLBACK")).await;
        if !matches!(rolled, Ok(Ok(()))) {
            fate.spoil();
        }
    }

    /// Whether the connection is gone, or not to be trusted any more, and with it the transaction.
    pub(in crate::gateway) async fn is_lost(&mut self) -> bool {
        if !self.lease.is_sound() {
            return true;
        }
        let Ok(server) = self.server() else { return true };
        // A server that ends the session says so shortly before it does.
        !matches!(timeout(PATIENCE, server.client().check_connection()).await, Ok(Ok(())))
    }

    /// Has the session's settings be those this call wants; `within` a transaction for its length only.
    async fn settle(&mut self, within: bool) -> Result<(), Failure> {
        let wanted = self.settings;
        let held = self.open.settings;
        let server = self.server()?;
        if !within {
            return server.settle(wanted).await.map_err(not_sent);
        }
        // One that has failed takes nothing but a ROLLBACK TO, which would undo them.
        if held.unwrap_or_else(|| server.settings()) != wanted
            && self.standing().await? != Some(TransactionStatus::Failed)
        {
            self.server()?.command(wanted.local()).await.map_err(refused)?;
            self.open.settings = Some(wanted);
            self.open.changed = true;
        }
        Ok(())
    }
}
