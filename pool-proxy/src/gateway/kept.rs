//! A call whose client has not asked for caching, where answers are kept until they change.

use std::sync::Arc;

use super::Gateway;
use super::cached::{self, answer, fill, fly};
use super::call::{Answer, CacheRequest, CacheStatus, Call, Forward, Work};
use super::hit::from_entry;
use super::keeping::{Keeping, UNPUBLISHED};
use crate::cache::Entry;
use crate::error::Failure;
use crate::statement::normalize;

/// Runs it, or answers with what is kept.
pub(super) async fn run(gateway: &Arc<Gateway>, call: Arc<Call>, cache: CacheRequest) -> Result<Answer, Failure> {
    let Some(keeping) = &call.database.keeping else { return gateway.run_uncached(&call, None).await };
    match is_derivable(&call, keeping) {
        Ok(()) => {}
        // Whatever it is: nothing is known to be published.
        Err(UNPUBLISHED) if !keeping.changes.is_proven() => {
            return gateway.run_uncached(&call, Some(CacheStatus::bypass("incoherent"))).await;
        }
        Err(word) => return gateway.run_uncached(&call, Some(CacheStatus::bypass(word))).await,
    }
    if !keeping.changes.is_proven() {
        return gateway.run_uncached(&call, Some(CacheStatus::bypass("incoherent"))).await;
    }
    let held = gateway.shelf.get(&cache.key);
    if keeping.observes {
        return observe(gateway, &call, keeping, &cache, held).await;
    }
    // The stream was waited for already.
    if let Some(entry) = held
        && keeping.may_give(&entry, &cache).is_ok()
    {
        call.database.metrics.cache_hit();
        return Ok(from_entry(&call.database, &entry, &cache, entry.age()));
    }
    if cache.bookmark.is_some() {
        // What others have under way may be older than what its client knows of.
        let landed = fill(Arc::clone(gateway), Arc::clone(&call), cache).await;
        return answer(gateway, &call, Forward::Miss, false, &landed).await;
    }
    let generation = || (gateway.shelf.generation(), keeping.changes.generation());
    match fly(gateway, &call, &cache, generation).await? {
        Ok((collapsed, landed)) => answer(gateway, &call, Forward::Miss, collapsed, &landed).await,
        Err(answer) => Ok(*answer),
    }
}

/// Why the answer is not kept, where that is known.
fn is_derivable(call: &Call, keeping: &Keeping) -> Result<(), &'static str> {
    match &call.work {
        Work::One(query, _) => match call.database.known_verdict(&call.principal, query.judged()) {
            Some(verdict) => keeping.scope(&verdict, query).map(|_| ()),
            // A text that is seen once may never come again.
            None => Err("unseen"),
        },
        // It is seen as it runs.
        Work::Script(script) if script.may_be_kept() => Ok(()),
        Work::Script(_) => Err("writes"),
        Work::Batch(..) => Err("batch"),
    }
}

/// Answers from the database, and compares with what would have been given.
async fn observe(
    gateway: &Arc<Gateway>,
    call: &Arc<Call>,
    keeping: &Keeping,
    cache: &CacheRequest,
    held: Option<Arc<Entry>>,
) -> Result<Answer, Failure> {
    let would = match held {
        Some(entry) if keeping.may_give_soon(&entry, cache).await => entry,
        _ => {
            call.database.metrics.cache_request("observed_miss");
            let landed = fill(Arc::clone(gateway), Arc::clone(call), cache.clone()).await;
            return answer(gateway, call, Forward::Miss, false, &landed).await;
        }
    };
    let (read, timing) = match cached::read(gateway, call, cache).await? {
        Ok(read) => read,
        Err(refusal) => return gateway.run_uncached(call, Some(CacheStatus::bypass(refusal))).await,
    };
    let (reading, now) = read;
    let bookmark = reading.seen;
    drop(reading);
    call.database.metrics.cache_request("observed_hit");
    if now.body != would.body
        && let (Some(seen), true) = (bookmark, now.fence.is_some())
    {
        let (gateway, call) = (Arc::clone(gateway), Arc::clone(call));
        let drain = gateway.drain.clone();
        drain.spawn("compare answers", async move { compare(&gateway, &call, &would, seen).await });
    }
    let status =
        CacheStatus::Forward { reason: Forward::Request, stored: false, collapsed: false, detail: Some("observed") };
    Ok(Answer { body: now.body.clone(), cache: Some(status), entry: None, age: None, bookmark, timing })
}

/// An answer that would have been given differs from the database's own. If a change has come between the two, that is as it
/// should be: the stream tells of it at the latest when it has come to where the database was. Otherwise it would have been
/// stale.
async fn compare(gateway: &Gateway, call: &Call, would: &Arc<Entry>, seen: crate::postgres::Lsn) {
    let Some(keeping) = &call.database.keeping else { return };
    if keeping.changes.reached(seen, call.database.limits().query).await && would.holds() {
        call.database.metrics.cache_request("observed_stale");
        let Work::One(query, _) = &call.work else { return };
        tracing::error!(
            database = %call.database.name,
            statement = normalize(query.judged()).text.as_deref(),
            "an answer that would have been given from the cache differs from the database's: does its statement order its rows?"
        );
        gateway.shelf.discard(std::slice::from_ref(would));
    }
}
