//! One flight to the server: what stands before the statements, the statements, what stands behind them, sent together.

use super::call::Query;
use super::deadline::Progress;
use super::identity::{Claim, Nowhere};
use super::outcome::refused;
use super::tally::{Measured, Tallies};
use super::witness::{Hearing, Questions, Witness};
use crate::cache::message::{Message, PREFIX};
use crate::error::{DatabaseError, Failure};
use crate::pool::Lease;
use crate::postgres::pipeline::{Step, in_order};
use crate::postgres::{Prepared, QueryError, RowSink, Server};

/// What goes with the statements of one flight.
// Four independent additions, not a state.
#[allow(clippy::struct_excessive_bools)]
#[derive(Default)]
pub(super) struct Frame {
    /// The command that begins a transaction.
    pub(super) begin: Option<String>,
    /// What is to succeed before anything of the transaction runs.
    pub(super) claim: Option<Claim>,
    /// The statements run in a transaction, begun here or before.
    pub(super) in_transaction: bool,
    /// The transaction is to be committed behind them.
    pub(super) commit: bool,
    /// Undo what the statements may do to the session.
    pub(super) reset: bool,
    /// Some statement may read what another request left in the session's sequences.
    pub(super) discard_sequences: bool,
    /// What else the database is asked.
    pub(super) questions: Questions,
}

/// Tells the other proxies of the database that statements may mean something else: what proxy `number` has sent may have made
/// it so. In a transaction of its own, behind that one: where that is in the stream, so is this, or it comes soon.
pub(super) fn tell(number: u64) -> String {
    let message = Message::Doubted { by: number };
    format!("SELECT pg_catalog.pg_logical_emit_message(true, '{PREFIX}', '{message}')")
}

/// Statements that go in one flight, and where their results go. `first` is the index of the first in its batch.
pub(super) struct Flight<'a, S> {
    pub(super) first: usize,
    pub(super) statements: &'a [Prepared],
    pub(super) queries: &'a [Query],
    pub(super) sinks: &'a mut [S],
}

type Ended = Result<Option<String>, QueryError>;

/// What a flight came to: whether the session is clean again, and what the client may learn.
pub(super) struct Sent {
    pub(super) was_reset: bool,
    pub(super) witness: Witness,
    pub(super) outcome: Result<(), Failure>,
}

/// Sends a flight and waits for all of it; `tells` what other proxies are to be told behind it.
pub(super) async fn send<S: RowSink>(
    lease: &mut Lease,
    (progress, tallies): (&Progress, Option<&Tallies>),
    (frame, tells): (&Frame, Option<String>),
    flight: Flight<'_, S>,
) -> Sent {
    let fate = lease.fate();
    let lost = |failure| Sent { was_reset: false, witness: Witness::default(), outcome: Err(failure) };
    // tokio-postgres would not send such a statement, but all the others, and the COMMIT.
    for (index, (statement, query)) in (flight.first..).zip(flight.statements.iter().zip(flight.queries)) {
        let (wanted, supplied) = (statement.params().len(), query.params.len());
        if wanted != supplied {
            let error = Box::new(DatabaseError::parameter_count(supplied, wanted));
            return lost(Failure::Database { error, query: Some(index) });
        }
    }
    if progress.is_over() {
        return lost(too_late());
    }
    let Some(server) = lease.server() else { return lost(Failure::Internal) };
    let server: &Server = server;
    let mut number = server.executions();
    let (mut heard_before, mut heard_behind) = (Hearing::new(), Hearing::new());
    let mut steps: Vec<Step<'_, Ended>> = Vec::new();
    // A cancel that hits what stands before the statements would let them run all the same.
    fate.set_cancellable(!frame.discard_sequences && frame.begin.is_none());
    if frame.discard_sequences {
        steps.push(Box::pin(async {
            let discarded = server.command("DISCARD SEQUENCES").await;
            fate.set_cancellable(frame.begin.is_none());
            discarded.map(|()| None)
        }));
    }
    if let Some(begin) = &frame.begin {
        steps.push(Box::pin(async {
            let begun = server.command(begin).await;
            fate.set_cancellable(true);
            begun.map(|()| None)
        }));
    }
    if let Some(Claim { statement, params }) = &frame.claim {
        let at = number;
        number += 1;
        steps.push(Box::pin(async move { server.execute(at, statement, params, &mut Nowhere).await }));
    }
    if let Some(question) = &frame.questions.before {
        let (at, heard) = (number, &mut heard_before);
        number += 1;
        steps.push(Box::pin(async move { server.execute(at, question, &[], heard).await }));
    }
    let before = steps.len();
    let behind = number + flight.statements.len() as u64;
    let statements = flight.statements.iter().zip(flight.queries).zip(flight.sinks);
    for (number, (index, ((statement, query), sink))) in (number..).zip((flight.first..).zip(statements)) {
        let mut measured = Measured::new(tallies, index, sink);
        steps.push(Box::pin(async move {
            let ended = server.execute(number, statement, &query.params, &mut measured).await;
            progress.step();
            ended
        }));
    }
    if frame.commit {
        steps.push(Box::pin(async { server.commit().await.map(|()| None) }));
    }
    if let Some(tell) = &tells {
        steps.push(Box::pin(async { server.command(tell).await.map(|()| None) }));
    }
    if let Some(question) = &frame.questions.behind {
        let heard = &mut heard_behind;
        steps.push(Box::pin(async move { server.execute(behind, question, &[], heard).await }));
    }
    if frame.reset {
        steps.push(Box::pin(async { server.reset().await.map(|()| None) }));
    }
    progress.sent();
    let mut ended = in_order(steps).await;
    let was_reset = frame.reset && ended.pop().is_some_and(|reset| reset.is_ok());
    if frame.questions.behind.is_some() {
        // What it says is heard, or not: it changes nothing of what the statements came to.
        ended.pop();
    }
    if tells.is_some() {
        // Nor does this: others find it by looking.
        ended.pop();
    }
    let commit = if frame.commit { ended.pop() } else { None };
    let ran = ended.split_off(before);
    // tokio-postgres's own look-ups are prepared statements, too, and it would not miss them.
    if ran.iter().flatten().flatten().any(|tag| tag.starts_with("DEALLOCATE") || tag.starts_with("DISCARD")) {
        fate.spoil();
    }
    let witness = Hearing::witness(heard_before, heard_behind);
    Sent { was_reset, witness, outcome: outcome(frame, flight.first, ended, ran, commit) }
}

/// The time was over before a statement was sent. A cancel is on its way then, and would hit the BEGIN before it, or let
/// it run on.
pub(super) fn too_late() -> Failure {
    Failure::unavailable("the time was over before the statement was sent; nothing was run")
}

/// The first error there is; or that an answer was too large for what was done all the same.
fn outcome(
    frame: &Frame,
    first: usize,
    before: Vec<Ended>,
    ran: Vec<Ended>,
    commit: Option<Ended>,
) -> Result<(), Failure> {
    // The statements were in the same flight, so a connection that was lost may have run them.
    if let Some(error) = before.into_iter().find_map(Result::err) {
        return Err(refused(error));
    }
    let stays = match &commit {
        Some(commit) => commit.is_ok(),
        None => !frame.in_transaction,
    };
    if let Some(Err(error)) = &commit
        && matches!(refused(error.clone()), Failure::OutcomeUnknown)
    {
        return Err(Failure::OutcomeUnknown);
    }
    let mut too_large = None;
    for (index, ended) in (first..).zip(ran) {
        match ended {
            Ok(_) => {}
            Err(QueryError::Full { limit, completed: true }) if stays => too_large = Some(limit),
            Err(QueryError::Full { limit, .. }) => return Err(Failure::ResultTooLarge { limit, committed: false }),
            Err(error) => return Err(refused(error).of_query(index)),
        }
    }
    match (commit, too_large) {
        (Some(Err(error)), _) => Err(refused(error)),
        (_, Some(limit)) => Err(Failure::ResultTooLarge { limit, committed: true }),
        _ => Ok(()),
    }
}
