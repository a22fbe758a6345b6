//! One open transaction: its session between steps, and how it ended.

use std::mem::{Discriminant, discriminant};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::{Mutex, oneshot, watch};
use tokio::time::Instant;

use super::{Done, Numbered, Step};
use crate::auth::Principal;
use crate::drain::Drain;
use crate::error::{Ending, Failure, TransactionError};
use crate::gateway::session::Session;
use crate::gateway::spans;

/// A transaction that is open, or was.
pub(super) struct Held {
    pub(super) id: Arc<str>,
    principal: Arc<Principal>,
    database: Arc<str>,
    begun: Instant,
    timeout: Duration,
    pub(super) deadline: Instant,
    /// Steps wait for each other here, first come first served.
    state: Arc<Mutex<State>>,
    ending: watch::Sender<Option<Ending>>,
    /// For what goes on when its client leaves.
    drain: Drain,
}

struct State {
    /// Taken out for each step: one that is dropped in the middle takes the session with it, which is rolled back.
    session: Option<Session>,
    /// The savepoints that are open, by number.
    savepoints: Vec<u32>,
    next_savepoint: u32,
    /// The last number of a step.
    number: u64,
    /// That step, while it may be asked for again.
    last: Option<Last>,
}

/// A step that was done, and what came of it.
struct Last {
    kind: Discriminant<Step>,
    number: Numbered,
    outcome: Result<Done, Failure>,
}

impl Held {
    pub(super) fn new(
        id: Arc<str>,
        (principal, database): (Arc<Principal>, Arc<str>),
        (timeout, deadline): (Duration, Instant),
        session: Session,
        drain: Drain,
    ) -> Self {
        let begun = Instant::now();
        let state = State { session: Some(session), savepoints: vec![], next_savepoint: 0, number: 0, last: None };
        let (state, ending) = (Arc::new(Mutex::new(state)), watch::Sender::new(None));
        Self { id, principal, database, begun, timeout, deadline, state, ending, drain }
    }

    /// Whether it was begun by this one, in this database: keys are read again, and tokens renewed, while it is open.
    pub(super) fn belongs_to(&self, principal: &Principal, database: &str) -> bool {
        let own = &self.principal;
        *self.database == *database
            && own.name == principal.name
            && own.line == principal.line
            && own.role == principal.role
            && own.claims == principal.claims
            && own.read_only == principal.read_only
    }

    /// Resolves when it has ended.
    pub(super) async fn ended(&self) {
        // The sender lives in self, so the wait cannot fail.
        let _ = self.ending.subscribe().wait_for(Option::is_some).await;
    }

    /// Ends it from outside, behind the step under way: that is given up at the deadline, too, and may itself have been
    /// the end, whose answer is kept then.
    pub(super) async fn end(&self, ending: Ending) {
        let mut state = self.state.lock().await;
        let Some(session) = state.session.take() else { return };
        // It is remembered that it ended, not what it read.
        state.last = None;
        self.has_ended(ending);
        drop(state);
        session.close(&self.drain).await;
    }

    fn has_ended(&self, ending: Ending) {
        self.ending.send_if_modified(|held| {
            let news = held.is_none();
            *held = held.or(Some(ending));
            news
        });
    }

    /// Does a step when it is its turn; numbers are from 1 on.
    pub(super) async fn step(self: Arc<Self>, step: Step, number: Option<Numbered>) -> Result<Done, Failure> {
        // Its client waits here: one that leaves before its turn has come leaves nothing behind.
        let mut state = Arc::clone(&self.state).lock_owned().await;
        if let Some(told) = self.told(&state, &step, number) {
            return told;
        }
        // Whoever goes on without numbers repeats nothing.
        state.last = None;
        if number.is_none() && !matches!(step, Step::Commit(_)) {
            return self.step_in(&mut state, &step).await;
        }
        let (done, outcome) = oneshot::channel();
        self.drain.clone().spawn("transaction step", async move {
            let outcome = self.step_in(&mut state, &step).await;
            if let Some(number) = number {
                state.number = number.number;
                state.last = Some(Last { kind: discriminant(&step), number, outcome: outcome.clone() });
            }
            let _ = done.send(outcome);
        });
        outcome.await.map_err(|_| Failure::Internal)?
    }

    /// What a step is told that is not to be done: a repetition, one that comes after the end, or one out of order.
    fn told(&self, state: &State, step: &Step, number: Option<Numbered>) -> Option<Result<Done, Failure>> {
        if let (Some(number), Some(last)) = (number, &state.last)
            && number.number == last.number.number
        {
            if number == last.number && discriminant(step) == last.kind {
                return Some(last.outcome.clone());
            }
            return Some(Err(Failure::Transaction(TransactionError::Another { number: number.number })));
        }
        if state.session.is_none() {
            return Some(Err(self.refused(step, self.ending.borrow().unwrap_or(Ending::RolledBack))));
        }
        if self.is_late() {
            // Whoever watches the clock has not been here yet.
            return Some(Err(self.refused(step, Ending::Expired)));
        }
        let expected = state.number + 1;
        let is_due = number.is_none_or(|number| number.number == expected);
        (!is_due).then_some(Err(Failure::Transaction(TransactionError::OutOfOrder { expected })))
    }

    fn is_late(&self) -> bool {
        Instant::now() >= self.deadline
    }

    async fn step_in(&self, state: &mut State, step: &Step) -> Result<Done, Failure> {
        let Some(mut session) = state.session.take() else { return Err(Failure::Internal) };
        let commits = matches!(step, Step::Commit(_)) && state.savepoints.is_empty();
        // Dropped here, as when its client leaves, the session is rolled back. A COMMIT may be on its way.
        let ending = if commits { Ending::Unknown } else { Ending::RolledBack };
        let watched = Leaving { held: self, ending: Some(ending) };
        let since = Instant::now();
        let outcome = run(state, &mut session, step).await;
        self.record(step, since, &outcome);
        if let Step::Query(..) | Step::Script(..) = step {
            session.count(&outcome, since.elapsed());
        }
        let out_of_time = self.is_late() && matches!(outcome, Err(Failure::TimedOut(_) | Failure::Unavailable { .. }));
        let undone = if out_of_time { Ending::Expired } else { Ending::RolledBack };
        let ending = match &outcome {
            Ok(_) if commits => Some(Ending::Committed),
            Err(Failure::OutcomeUnknown) if commits => Some(Ending::Unknown),
            // The connection is gone, and the transaction with it.
            Err(Failure::OutcomeUnknown) => Some(Ending::RolledBack),
            _ if !session.is_in_transaction() => Some(undone),
            // It may have been another connection that was asked for.
            Err(Failure::TimedOut(_) | Failure::Unavailable { .. }) if session.is_lost().await => Some(undone),
            _ => None,
        };
        watched.stays();
        let bookmark = session.bookmark();
        if let Some(ending) = ending {
            self.has_ended(ending);
            session.close(&self.drain).await;
        } else {
            state.session = Some(session);
        }
        if out_of_time {
            return Err(self.refused(step, Ending::Expired));
        }
        outcome.map(|body| Done { body, bookmark })
    }

    /// The end of a transaction, or of a part of it, has a span of its own.
    fn record(&self, step: &Step, since: Instant, outcome: &Result<Bytes, Failure>) {
        let (Step::Commit(origin) | Step::RollBack(origin)) = step else { return };
        let name = match outcome.as_deref().unwrap_or_default() {
            b"COMMIT" => "COMMIT",
            b"ROLLBACK" => "ROLLBACK",
            said if said.starts_with(b"RELEASE") => "RELEASE SAVEPOINT",
            said if said.starts_with(b"ROLLBACK") => "ROLLBACK TO SAVEPOINT",
            _ if matches!(step, Step::Commit(_)) => "COMMIT",
            _ => "ROLLBACK",
        };
        spans::command(origin, &self.database, (name, since), outcome.as_ref().err());
    }

    fn refused(&self, step: &Step, ending: Ending) -> Failure {
        Failure::Transaction(TransactionError::Ended {
            operation: step.word(),
            ending,
            timeout: self.timeout,
            taken: self.begun.elapsed(),
        })
    }
}

/// Marks a transaction as ended if a step is dropped in the middle.
struct Leaving<'a> {
    held: &'a Held,
    ending: Option<Ending>,
}

impl Leaving<'_> {
    fn stays(mut self) {
        self.ending = None;
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if let Some(ending) = self.ending {
            self.held.has_ended(ending);
        }
    }
}

async fn run(state: &mut State, session: &mut Session, step: &Step) -> Result<Bytes, Failure> {
    match step {
        Step::Query(query, format, origin) => {
            session.is_for(origin, Duration::ZERO);
            let results = session.run(std::slice::from_ref(&**query), format).await?;
            return Ok(format.finish(results).into());
        }
        Step::Script(script, origin) => {
            session.is_for(origin, Duration::ZERO);
            return session.script(&**script).await.map(Bytes::from);
        }
        Step::Nested => {
            let number = state.next_savepoint;
            session.command(&format!("SAVEPOINT prisma_sp_{number}")).await?;
            state.next_savepoint += 1;
            state.savepoints.push(number);
        }
        Step::Commit(_) | Step::RollBack(_) => return end(state, session, step).await,
    }
    Ok(Bytes::new())
}

/// Ends what was begun last; the statement that did.
async fn end(state: &mut State, session: &mut Session, step: &Step) -> Result<Bytes, Failure> {
    let command = match (state.savepoints.pop(), step) {
        (Some(number), Step::Commit(_)) => format!("RELEASE SAVEPOINT prisma_sp_{number}"),
        (Some(number), _) => {
            let name = format!("prisma_sp_{number}");
            format!("ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}")
        }
        (None, Step::Commit(_)) => {
            session.commit().await?;
            return Ok(Bytes::from_static(b"COMMIT"));
        }
        (None, _) => {
            session.roll_back().await;
            return Ok(Bytes::from_static(b"ROLLBACK"));
        }
    };
    session.command(&command).await?;
    Ok(command.into())
}
