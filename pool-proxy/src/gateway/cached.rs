//! A call whose answer may be kept: hit, stale while another is fetched, or a flight to Postgres.

use std::sync::Arc;

use bytes::Bytes;
use tokio::time::Instant;

use super::Gateway;
use super::call::{Answer, CacheMode, CacheRequest, CacheStatus, Call, Format, Forward, Query, Timing, Work};
use super::execute::{Execution, Seen};
use super::hit::from_entry;
use super::kept;
use super::session::{Purpose, Session};
use crate::cache::{ETag, Entry, Fill, Generation, Shelf, Ticket};
use crate::error::Failure;
use crate::postgres::Lsn;
use crate::telemetry::statement::StatementMetrics;

/// What a fill came to.
pub(super) type Landed = Result<Filled, Failure>;

/// A fill that went well.
#[derive(Debug)]
pub(super) enum Filled {
    /// An answer.
    Answer {
        /// What holds it.
        entry: Arc<Entry>,
        /// Whether that is kept.
        stored: bool,
        /// The end of the log on disk behind it, if that is known.
        seen: Option<Lsn>,
        /// What took how long.
        timing: Timing,
    },
    /// Postgres says that it must not be stored; nothing was run.
    Refused(&'static str),
}

/// Runs a single statement whose client asked for caching.
pub(super) async fn run(gateway: &Arc<Gateway>, call: Arc<Call>, cache: CacheRequest) -> Result<Answer, Failure> {
    match cache.mode {
        CacheMode::Bypass => return gateway.run_uncached(&call, Some(CacheStatus::bypass("no-store"))).await,
        CacheMode::Auto => return kept::run(gateway, call, cache).await,
        CacheMode::Use | CacheMode::Refresh => {}
    }
    let known = match &call.work {
        Work::One(query, _) => call.database.known_verdict(&call.principal, query.judged()),
        // It is seen as it runs.
        _ => None,
    };
    if let Some(refusal) = known.and_then(|verdict| verdict.cacheable.err()) {
        return gateway.run_uncached(&call, Some(CacheStatus::bypass(refusal.as_str()))).await;
    }
    // With a bookmark, what others have under way may be too old.
    if cache.mode == CacheMode::Refresh || (cache.bookmark.is_some() && gateway.hit(&call.database, &cache).is_none()) {
        // It wants what is true now, so it joins nobody who asked before.
        let landed = fill(Arc::clone(gateway), Arc::clone(&call), cache).await;
        return answer(gateway, &call, Forward::Request, false, &landed).await;
    }
    if let Some(answer) = gateway.hit(&call.database, &cache) {
        return Ok(answer);
    }
    let held = gateway.shelf.get(&cache.key);
    if let Some(entry) = &held {
        if Shelf::is_full_of_tags(entry, &cache.tags) {
            return gateway.run_uncached(&call, Some(CacheStatus::bypass("tags"))).await;
        }
        let age = entry.age();
        if age < cache.max_age.saturating_add(cache.stale_while_revalidate) {
            refresh(gateway, &call, &cache);
            call.database.metrics.cache_request("stale");
            return Ok(from_entry(&call.database, entry, &cache, age));
        }
    }
    let reason = if held.is_some() { Forward::Stale } else { Forward::Miss };
    let ticket = gateway.shelf.ticket();
    let generation = || (gateway.shelf.generation(), 0);
    let (collapsed, landed) = match fly(gateway, &call, &cache, generation).await? {
        Ok(flown) => flown,
        Err(answer) => return Ok(*answer),
    };
    if collapsed
        && !cache.tags.is_empty()
        && let Some(entry) = gateway.shelf.get(&cache.key)
    {
        gateway.shelf.add_tags(&entry, &cache.tags, Some(&ticket));
    }
    answer(gateway, &call, reason, collapsed, &landed).await
}

/// Whether the flight was another's, and what it came to; or an answer that was found meanwhile.
pub(super) type Flown = Result<(bool, Arc<Landed>), Box<Answer>>;

/// Joins the flight of an equal request, if it is of this generation, or leads one.
pub(super) async fn fly(
    gateway: &Arc<Gateway>,
    call: &Arc<Call>,
    cache: &CacheRequest,
    generation: impl Fn() -> Generation,
) -> Result<Flown, Failure> {
    let (since, mut again) = (Instant::now(), true);
    loop {
        let joined = gateway.flights.join(
            &cache.key,
            generation(),
            || gateway.hit(&call.database, cache),
            || fill(Arc::clone(gateway), Arc::clone(call), cache.clone()),
        );
        let joined = match joined {
            Ok(joined) => joined,
            Err(answer) => return Ok(Err(Box::new(answer))),
        };
        let leads = joined.leads;
        let landed = joined.landed().await;
        // Whoever has waited for as long as anybody may is told what came of it.
        again = again && since.elapsed() < call.database.limits().queue;
        if !std::mem::take(&mut again) || !deserves_another(landed.as_deref(), leads) {
            let Some(landed) = landed else { return Err(Failure::Internal) };
            return Ok(Ok((!leads, landed)));
        }
    }
}

/// Whether a follower should fly once more: its own try is not used up by what befell its leader, such as its place in
/// line or its task.
fn deserves_another(landed: Option<&Landed>, leads: bool) -> bool {
    // A connection lost is not among them: a read that ends its connection would end theirs, too.
    let of_the_leader_alone = matches!(
        landed,
        None | Some(Err(Failure::TooManyRequests { .. } | Failure::Unavailable { .. } | Failure::Internal))
    );
    !leads && of_the_leader_alone
}

/// Fetches a newer answer in the background, once however many ask. If that fails the stale one stays as long as it may.
fn refresh(gateway: &Arc<Gateway>, call: &Arc<Call>, cache: &CacheRequest) {
    let joined = gateway.flights.join(
        &cache.key,
        (gateway.shelf.generation(), 0),
        || gateway.shelf.get(&cache.key).filter(|entry| entry.age() < cache.max_age),
        || fill(Arc::clone(gateway), Arc::clone(call), cache.clone()),
    );
    if let Ok(joined) = joined
        && joined.leads
    {
        gateway.drain.spawn("cache refresh", async move {
            joined.landed().await;
        });
    }
}

pub(super) async fn answer(
    gateway: &Gateway,
    call: &Call,
    reason: Forward,
    collapsed: bool,
    landed: &Landed,
) -> Result<Answer, Failure> {
    match landed {
        Ok(Filled::Answer { entry, stored, seen, timing }) => {
            let word = match (collapsed, reason) {
                (true, _) => "collapsed",
                (_, Forward::Stale) => "expired",
                (_, Forward::Request) => "refreshed",
                _ => "miss",
            };
            call.database.metrics.cache_request(word);
            if collapsed {
                call.database.statements.hit(entry.sources());
            }
            let stored = *stored && !collapsed;
            let status = CacheStatus::Forward { reason, stored, collapsed, detail: None };
            let (body, entry) = (entry.body.clone(), Some(Arc::clone(entry)));
            Ok(Answer { body, cache: Some(status), entry, age: None, bookmark: *seen, timing: *timing })
        }
        // What must not be stored must not be shared either: each runs its own.
        Ok(Filled::Refused(detail)) => gateway.run_uncached(call, Some(CacheStatus::bypass(detail))).await,
        Err(failure) => Err(failure.clone()),
    }
}

/// Runs what is asked READ ONLY and stores its answer, if Postgres says that it is a pure read: for its time, and until it
/// changes where that can be known.
pub(super) async fn fill(gateway: Arc<Gateway>, call: Arc<Call>, cache: CacheRequest) -> Landed {
    let (entry, timing) = match read(&gateway, &call, &cache).await? {
        Ok(read) => read,
        Err(refusal) => return Ok(Filled::Refused(refusal)),
    };
    let (Reading { ticket, fill: _fill, seen }, entry) = entry;
    let may_stay = entry.fence.is_some() || !entry.lifetime.is_zero();
    let stored = may_stay && gateway.shelf.store(&ticket, Arc::clone(&entry));
    if let (false, Some(fence)) = (stored, &entry.fence) {
        fence.acknowledge();
    }
    Ok(Filled::Answer { entry, stored, seen, timing })
}

/// The cache counts the bytes it holds: no more than these. Cut down in its place, a small body would leave behind it a hole in
/// the heap that the next one's buffer does not fit into.
fn fitted(body: Vec<u8>) -> Bytes {
    const SMALL: usize = 64 << 10;
    if body.len() < SMALL { Bytes::copy_from_slice(&body) } else { body.into_boxed_slice().into() }
}

/// What makes sure that nothing is missed from before an answer is read until it is stored.
pub(super) struct Reading {
    ticket: Ticket,
    fill: Option<Fill>,
    /// The end of the log on disk behind what was read.
    pub(super) seen: Option<Lsn>,
}

/// The answer to what is asked, as it would be stored; or why it must not be.
pub(super) async fn read(
    gateway: &Arc<Gateway>,
    call: &Arc<Call>,
    cache: &CacheRequest,
) -> Result<Result<((Reading, Arc<Entry>), Timing), &'static str>, Failure> {
    let (lease, queue) = call.database.lease_for(&call.principal, &call.origin, Instant::now()).await?;
    let keeping = call.database.keeping.as_ref();
    let fill = keeping.map(|keeping| keeping.changes.begin());
    let mut reading = Reading { ticket: gateway.shelf.ticket(), fill, seen: None };
    let born = Instant::now();
    let (read, seen, sources) = match &call.work {
        Work::One(query, format) => {
            let mut execution = Execution::new(&call.principal, &call.database, lease, born);
            execution.is_for(&call.origin, queue);
            read_one(execution, query, format).await
        }
        Work::Script(script) => {
            let mut session = Session::new(&call.principal, &call.database, lease, Purpose::Store);
            let limit = call.database.limits().transaction;
            session.end_by(limit, born + limit);
            session.is_for(&call.origin, queue);
            let outcome = session.script(&**script).await;
            let (refusal, seen, sources) = (session.refusal(), session.take_seen(), session.take_sources());
            session.close(&gateway.drain).await;
            (refusal.map_or(outcome.map(Read::Body), |refusal| Ok(Read::Refused(refusal))), seen, sources)
        }
        Work::Batch(..) => return Err(Failure::Internal),
    };
    let timing = Timing { queue, database: born.elapsed() };
    if !matches!(read, Ok(Read::Refused(_))) {
        call.database.metrics.query(super::result_word(&read), timing.database);
    }
    let body: Bytes = match read {
        Ok(Read::Body(body)) => fitted(body),
        Ok(Read::Refused(refusal)) => return Ok(Err(refusal)),
        Err(failure) => {
            // A plan may make an error of what it has read, and be it that there is nothing.
            if let (Some(keeping), Some(seen)) = (keeping, seen) {
                keeping.changes.acknowledge(seen.flushed);
            }
            return Err(failure);
        }
    };
    let lifetime = cache.max_age.saturating_add(cache.stale_while_revalidate);
    let tags = cache.tags.iter().cloned().collect();
    let mut fence = None;
    if let (Some(keeping), Some(Seen { scope, snapshot, flushed })) = (keeping, seen) {
        reading.seen = Some(flushed);
        match (&reading.fill, scope) {
            (Some(fill), Some(scope)) => fence = Some(fill.fence(scope, snapshot, flushed)),
            // Its client knows of it all the same.
            _ => keeping.changes.acknowledge(flushed),
        }
    }
    let etag = ETag::of(&body).await;
    let entry = Entry::new(cache.key.clone(), Arc::clone(&call.database.name), body, born, lifetime, tags);
    Ok(Ok(((reading, Arc::new(entry.with_etag(etag).with_fence(fence).with_sources(sources))), timing)))
}

/// What a read that may be stored came to.
enum Read {
    Body(Vec<u8>),
    /// It must not be stored; nothing was changed.
    Refused(&'static str),
}

async fn read_one(
    mut execution: Execution,
    query: &Query,
    format: &Arc<dyn Format>,
) -> (Result<Read, Failure>, Option<Seen>, Box<[Arc<StatementMetrics>]>) {
    let outcome = loop {
        let outcome = execution.read(query, format).await;
        // What may be stored has changed nothing.
        match execution.begins_anew(outcome.as_ref().err()).await {
            Ok(true) => {}
            Ok(false) if execution.reads_again(outcome.as_ref().err()).await => {}
            Ok(false) => break outcome,
            Err(failure) => return (Err(failure), None, Box::default()),
        }
    };
    let (seen, sources) = (execution.take_seen(query), execution.take_sources());
    execution.finish().await;
    let read = outcome.map(|outcome| match outcome {
        Ok(sink) => Read::Body(format.finish(vec![sink])),
        Err(refusal) => Read::Refused(refusal),
    });
    (read, seen, sources)
}
