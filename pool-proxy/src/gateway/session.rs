//! A connection on loan for several statements of one client, which may depend on each other.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

pub use super::call::Sinks;
use super::call::{Mode, Origin, Query};
use super::database::Database;
use super::execute::{Execution, Seen};
use crate::auth::Principal;
use crate::drain::Drain;
use crate::error::Failure;
use crate::pool::Lease;
use crate::postgres::{Lsn, Settings};
use crate::telemetry::statement::StatementMetrics;

/// Several statements of which each may depend on what came before it. A door's own: it is run on a session, and may be
/// run again from the start when nothing it did has come to stay.
pub trait Script: Send + Sync {
    /// Whether its answer may be kept as far as it knows itself: nothing in it says that it writes.
    fn may_be_kept(&self) -> bool;

    /// Runs it; what comes out is the answer's body.
    fn run<'a>(
        &'a self,
        session: &'a mut Session,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send + 'a>>;
}

/// How often a script is run at most. Each time more of its statements are known.
const MOST_RUNS: usize = 1000;

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// An answer.
    Answer,
    /// One that may be stored: only pure reads are run, each READ ONLY.
    Store,
}

/// Where its transaction stands.
#[derive(Clone, Copy)]
enum Transaction {
    None,
    /// To be opened with the next statement.
    Wanted(Mode),
    Open,
}

/// A connection on loan, and the transaction that is open on it.
pub struct Session {
    execution: Execution,
    purpose: Purpose,
    transaction: Transaction,
    /// A place among the transactions of the pool, where one is needed.
    place: Option<OwnedSemaphorePermit>,
    /// Why the answer must not be stored.
    refusal: Option<&'static str>,
    /// What the reads have seen of which the answer is made.
    seen: Vec<Seen>,
    /// Of one of them that is not known.
    is_partly_seen: bool,
}

impl Session {
    /// On a connection that was lent to the principal.
    pub(super) fn new(principal: &Arc<Principal>, database: &Arc<Database>, lease: Lease, purpose: Purpose) -> Self {
        Self {
            execution: Execution::new(principal, database, lease, Instant::now()),
            purpose,
            transaction: Transaction::None,
            place: None,
            refusal: None,
            seen: Vec::new(),
            is_partly_seen: false,
        }
    }

    /// Says which request runs on it, and how long that has waited for the connection.
    pub(super) fn is_for(&mut self, origin: &Origin, waited: Duration) {
        self.execution.is_for(origin, waited);
    }

    /// Keeps a place among the transactions of the pool for as long as it lives.
    pub(super) fn take_place(&mut self, place: OwnedSemaphorePermit) {
        self.place = Some(place);
    }

    /// Has all of it end at a moment, after what it may take.
    pub(super) fn end_by(&mut self, limit: Duration, moment: Instant) {
        self.execution.ends = Some((limit, moment));
    }

    /// The settings its statements run with, from the next one on.
    pub fn use_settings(&mut self, settings: Settings) {
        self.execution.settings = settings;
    }

    /// Whether its connection is gone, or not to be trusted any more.
    pub(super) async fn is_lost(&mut self) -> bool {
        self.execution.is_lost().await
    }

    /// Counts what came of a step, and how long it took.
    pub(super) fn count<T>(&self, outcome: &Result<T, Failure>, took: Duration) {
        self.execution.database.metrics.query(super::result_word(outcome), took);
    }

    /// How long an answer may be, in bytes.
    pub fn response_bytes(&self) -> u64 {
        self.execution.database.limits().response_bytes
    }

    /// Why its answer must not be stored.
    pub(super) fn refusal(&self) -> Option<&'static str> {
        self.refusal
    }

    /// What all its reads saw together: each change that one of them did not see has come since the first.
    pub(super) fn take_seen(&mut self) -> Option<Seen> {
        let all = std::mem::take(&mut self.seen).into_iter();
        let mut seen = all.reduce(|mut first, next| {
            first.scope = first.scope.zip(next.scope).map(|(mut scope, next)| {
                scope.extend(&next);
                scope
            });
            first.flushed = first.flushed.max(next.flushed);
            first
        })?;
        seen.scope = seen.scope.filter(|_| !self.is_partly_seen);
        Some(seen)
    }

    /// The statements of which an answer was read that may be stored.
    pub(super) fn take_sources(&mut self) -> Box<[Arc<StatementMetrics>]> {
        self.execution.take_sources()
    }

    /// Until where in the log it has changed something.
    pub(super) fn bookmark(&self) -> Option<Lsn> {
        self.execution.bookmark()
    }

    /// Runs a script; and again, while nothing has come to stay, where what was prepared did not fit the schema any more or
    /// where a statement was not known.
    pub(super) async fn script(&mut self, script: &dyn Script) -> Result<Vec<u8>, Failure> {
        let was_open = self.is_in_transaction();
        // It makes something of the values it gets, so they are to look the same everywhere.
        self.use_settings(Settings::Fixed);
        let mut runs = 0;
        loop {
            (self.seen, self.is_partly_seen) = (Vec::new(), false);
            let outcome = script.run(self).await;
            if !was_open && self.is_in_transaction() {
                self.roll_back().await;
            }
            runs += 1;
            // No connection came free to ask about a statement, and without an answer it is not run.
            let unknown = self.execution.take_unknown();
            let is_again = !was_open && !self.execution.stays && runs < MOST_RUNS;
            match unknown {
                Some(text) if is_again => drop(self.execution.ask_about(&text).await?),
                Some(text) => {
                    // So that it is known when its client tries again.
                    let _ = self.execution.ask_about(&text).await;
                    return outcome;
                }
                None if is_again && outcome.is_err() && self.execution.was_stale() => {}
                _ => return outcome,
            }
        }
    }

    /// Runs statements that do not depend on each other, in one flight where that can be. In a transaction they run in this
    /// order; outside of one, several run in one of their own.
    ///
    /// # Errors
    /// That of the first that failed.
    pub async fn run<S: Sinks>(&mut self, queries: &[Query], sinks: &S) -> Result<Vec<S::Sink>, Failure> {
        self.execution.renew();
        if self.purpose == Purpose::Store {
            return self.read(queries, sinks).await;
        }
        let begin = match self.transaction {
            Transaction::None => return self.alone(queries, sinks).await,
            Transaction::Wanted(mode) => Some(mode),
            Transaction::Open => None,
        };
        self.transaction = Transaction::Open;
        loop {
            let outcome = self.execution.step(queries, begin, sinks).await;
            if begin.is_none() || !self.execution.begins_anew(outcome.as_ref().err()).await? {
                return outcome;
            }
        }
    }

    async fn alone<S: Sinks>(&mut self, queries: &[Query], sinks: &S) -> Result<Vec<S::Sink>, Failure> {
        let outcome = loop {
            let outcome = match queries {
                [query] => self.execution.one(query, false, sinks).await.map(|sink| vec![sink]),
                queries => self.execution.batch(queries, Mode::default(), sinks).await,
            };
            if !self.execution.begins_anew(outcome.as_ref().err()).await? {
                break outcome;
            }
        };
        let failed = matches!(outcome, Err(Failure::Database { .. }));
        self.execution.stays |= !failed && !self.execution.only_reads(queries);
        outcome
    }

    /// Runs pure reads only.
    async fn read<S: Sinks>(&mut self, queries: &[Query], sinks: &S) -> Result<Vec<S::Sink>, Failure> {
        let mut results = Vec::with_capacity(queries.len());
        for query in queries {
            let outcome = loop {
                let outcome = self.execution.read(query, sinks).await;
                if !self.execution.begins_anew(outcome.as_ref().err()).await?
                    && !self.execution.reads_again(outcome.as_ref().err()).await
                {
                    break outcome?;
                }
            };
            results.push(outcome.map_err(|refusal| self.refuse(refusal))?);
            match self.execution.take_seen(query) {
                Some(seen) => self.seen.push(seen),
                None => self.is_partly_seen = true,
            }
        }
        Ok(results)
    }

    /// Runs a text of several statements, without parameters or results.
    ///
    /// # Errors
    /// What Postgres says.
    pub async fn run_text(&mut self, text: &str) -> Result<(), Failure> {
        if self.purpose == Purpose::Store {
            return Err(self.refuse("utility"));
        }
        if let Transaction::Wanted(mode) = self.transaction {
            self.open(mode).await?;
        }
        self.execution.renew();
        let outcome = self.execution.text(text).await;
        self.execution.stays |= !self.is_in_transaction() || self.execution.has_ended();
        if self.execution.has_ended() {
            self.roll_back().await;
        }
        outcome
    }

    /// Whether it runs one statement at a time only, as its principal may not run just anything.
    pub fn is_restricted(&self) -> bool {
        self.execution.principal.is_restricted()
    }

    /// Whether a transaction is open, or about to be.
    pub fn is_in_transaction(&self) -> bool {
        !matches!(self.transaction, Transaction::None)
    }

    /// Opens a transaction; it goes to the server with the first statement.
    ///
    /// # Errors
    /// When there is to be none.
    pub fn begin(&mut self) -> Result<(), Failure> {
        if self.purpose == Purpose::Store {
            return Err(self.refuse("transaction"));
        }
        self.transaction = Transaction::Wanted(Mode::default());
        Ok(())
    }

    /// Opens a transaction now.
    pub(super) async fn open(&mut self, mode: Mode) -> Result<(), Failure> {
        loop {
            let outcome = self.execution.begin(mode).await;
            if !self.execution.begins_anew(outcome.as_ref().err()).await? {
                outcome?;
                self.transaction = Transaction::Open;
                return Ok(());
            }
        }
    }

    /// Commits it.
    ///
    /// # Errors
    /// What Postgres says; it is rolled back then.
    pub async fn commit(&mut self) -> Result<(), Failure> {
        match std::mem::replace(&mut self.transaction, Transaction::None) {
            Transaction::None | Transaction::Wanted(_) => Ok(()),
            Transaction::Open => {
                self.execution.renew();
                let outcome = self.execution.commit().await;
                self.execution.stays |= !matches!(outcome, Err(Failure::Database { .. }));
                outcome
            }
        }
    }

    /// Rolls it back.
    pub async fn roll_back(&mut self) {
        if let Transaction::Open = std::mem::replace(&mut self.transaction, Transaction::None) {
            self.execution.roll_back().await;
        }
    }

    /// A command of the proxy's own within the transaction.
    pub(super) async fn command(&mut self, sql: &str) -> Result<(), Failure> {
        self.execution.renew();
        self.execution.command(sql).await
    }

    /// Gives the connection back. Nobody waits for what is asked of Postgres before it goes.
    pub(super) async fn close(mut self, drain: &Drain) {
        self.roll_back().await;
        self.place = None;
        if self.execution.is_judged() {
            return self.execution.finish().await;
        }
        drain.spawn("judge what ran", async move {
            self.execution.judge_what_ran().await;
            self.execution.finish().await;
        });
    }

    fn refuse(&mut self, refusal: &'static str) -> Failure {
        self.refusal = Some(refusal);
        Failure::Internal
    }
}
