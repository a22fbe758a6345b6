//! Light reads of several clients through one connection. Nothing depends on it: whatever does not come soon, and whole, is run on a
//! connection of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::admit::Seat;
use super::call::{Answer, Budget, CacheStatus, Call, Format, Query, Timing, Work};
use super::database::Placed;
use super::execute::Counting;
use super::tally::Measured;
use super::verdicts::{Definitions, Judged};
use crate::error::Failure;
use crate::pool::Lease;
use crate::statement::has_frozen_literal;

/// An answer that takes longer is asked for again, on a connection of its own: this one may have to wait for another.
const PATIENCE: Duration = Duration::from_millis(50);

/// A call that may share a connection.
pub(super) struct Read<'c> {
    query: &'c Query,
    format: &'c Arc<dyn Format>,
    judged: Arc<Judged>,
    /// What statements meant when it was judged.
    definitions: Definitions,
}

/// How far it has come.
pub(super) enum Begun {
    /// It is answered.
    Answered(Answer),
    /// It has a connection, and has waited for so long.
    Leased(Lease, Duration),
}

/// Whether it is a call of that sort, but for what its statement is.
pub(super) fn may_be(call: &Call) -> bool {
    let is_plain = call.database.keeping.is_none() && call.origin.recording.is_none();
    is_plain && call.database.pool.shares_reads() && !call.principal.is_restricted()
}

/// What may share a connection, if there is no other free.
pub(super) fn read_of(call: &Call) -> Option<Read<'_>> {
    let Work::One(query, format) = &call.work else { return None };
    if !may_be(call) || !call.database.is_full() {
        return None;
    }
    let definitions = call.database.definitions();
    let judged = call.database.known_verdict(&call.principal, query.judged())?;
    (judged.is_light() && judged.is_read()).then_some(Read { query, format, judged, definitions })
}

/// Runs it in a seat, if one comes free before a connection does.
pub(super) async fn run(
    call: &Call,
    read: Read<'_>,
    cache: Option<CacheStatus>,
    asked: Instant,
) -> Result<Begun, Failure> {
    let (database, principal) = (&call.database, &call.principal);
    let (seat, queue) = match database.place_for(principal, &read.judged, asked).await? {
        Placed::Lease(lease, queue) => return Ok(Begun::Leased(lease, queue)),
        Placed::Seat(seat, queue) => (seat, queue),
    };
    let since = asked + queue;
    let answer = if read.definitions == database.definitions() {
        read.run(call, seat, (since, queue)).await
    } else {
        // It may have become another statement while it waited.
        drop(seat);
        None
    };
    let Some((body, ended)) = answer else {
        read.judged.doubt();
        let (lease, queue) = database.lease_again(principal, asked).await?;
        return Ok(Begun::Leased(lease, queue));
    };
    let timing = Timing { queue, database: ended - since };
    read.judged.note_length(body.len());
    database.metrics.queued(queue);
    database.metrics.query("ok", timing.database);
    database.metrics.shared_read();
    Ok(Begun::Answered(Answer { body: body.into(), cache, entry: None, age: None, bookmark: None, timing }))
}

impl Read<'_> {
    /// The answer, if it comes soon, and when it came.
    async fn run(
        &self,
        call: &Call,
        mut seat: Seat,
        (since, queue): (Instant, Duration),
    ) -> Option<(Vec<u8>, Instant)> {
        let counting = Counting::of_one(call, self.query, since, queue);
        let budget = Budget::new(call.database.limits().response_bytes);
        let mut sink = self.format.sink(0, budget.clone());
        let outcome = {
            let tallies = counting.tallies();
            tallies.begin_at(0, since);
            let (connection, text) = (seat.ask(), &self.query.text);
            let read = async {
                let statement = match connection.prepared_by(text, since) {
                    Some(statement) => statement,
                    None => connection.prepare(text, !has_frozen_literal(text)).await?,
                };
                let mut measured = Measured::new(Some(&*tallies), 0, &mut sink);
                connection.select(&statement, &self.query.params, &mut measured).await
            };
            timeout(PATIENCE, read).await
        };
        let now = Instant::now();
        match outcome {
            Ok(Ok(())) if !budget.is_overspent() => seat.arrive(now),
            failed => {
                // It is counted where it runs alone.
                counting.discard();
                if failed.is_err() {
                    seat.mistrust();
                }
                return None;
            }
        }
        counting.succeed();
        Some((self.format.finish(vec![sink]), now))
    }
}
