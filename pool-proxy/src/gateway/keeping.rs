//! Answers that are kept until they change, with no word from the client.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::types::{ToSql, Type};

use super::Database;
use super::call::{CacheRequest, Query};
use super::outcome::refused;
use crate::auth::Principal;
use crate::cache::message::{Message, PREFIX};
use crate::cache::{Changes, Entry, Fence, RowKey, SOMEWHERE, Scope, Tags, Told};
use crate::error::Failure;
use crate::postgres::{Lsn, Param};
use crate::statement::{Pin, Refusal, Source, Verdict, tells_time};

/// How a database's answers are kept beyond what clients ask for.
#[derive(Debug, Clone)]
pub struct Keeping {
    /// What is known of its changes.
    pub changes: Arc<Changes>,
    /// Whether what is kept is only compared with what the database answers.
    pub observes: bool,
    /// How long the stream is waited for before the database is asked instead.
    pub patience: Duration,
}

impl Keeping {
    /// Whether an answer that is kept may be given now, to a request that knows of what lies before its bookmark.
    pub(super) fn may_give(&self, entry: &Entry, cache: &CacheRequest) -> Result<(), NotNow> {
        let Some(fence) = &entry.fence else { return Err(NotNow::Never) };
        if !self.changes.is_proven() || !fence.holds() {
            return Err(NotNow::Never);
        }
        let needed = self.changes.needed(fence).max(cache.bookmark.unwrap_or_default());
        if self.changes.position() < needed || !self.changes.knows_definitions() {
            return Err(NotNow::Soon(needed));
        }
        // Once more, since it is only now that the stream is known to have come so far, and definitions to be the same.
        if fence.holds() { Ok(()) } else { Err(NotNow::Never) }
    }

    /// The same, once the stream has come so far, if that does not take too long. What clients come to know of meanwhile, this one
    /// does not: it has asked before.
    pub(super) async fn may_give_soon(&self, entry: &Entry, cache: &CacheRequest) -> bool {
        let may_give = || self.may_give(entry, cache);
        match may_give() {
            Ok(()) => true,
            Err(NotNow::Never) => false,
            Err(NotNow::Soon(needed)) if needed < SOMEWHERE && self.changes.knows_definitions() => {
                self.changes.passes(needed, self.patience).await
                    && self.changes.is_proven()
                    && self.changes.knows_definitions()
                    && entry.fence.as_ref().is_some_and(Fence::holds)
            }
            Err(NotNow::Soon(_)) => {
                let has_come = || !matches!(may_give(), Err(NotNow::Soon(_)));
                self.changes.comes(self.patience, has_come).await && may_give().is_ok()
            }
        }
    }

    /// Whether the changes of the database have ever been followed.
    pub(super) fn has_followed(&self) -> bool {
        !self.changes.followed().is_empty()
    }

    /// Tells the other proxies of a database to drop answers, by a message in the stream they follow. In a transaction, so
    /// that it is on its way at once.
    pub(super) async fn tell_others(
        &self,
        principal: &Principal,
        database: &Database,
        what: &Tags,
    ) -> Result<(), Failure> {
        let (mut lease, _) = database.lease(principal).await?;
        let message = Message::Invalidated { by: self.changes.number(), what: what.clone() }.to_string();
        let server = lease.server().ok_or(Failure::Internal)?;
        let params: [(&(dyn ToSql + Sync), Type); 2] = [(&PREFIX, Type::TEXT), (&message, Type::TEXT)];
        server.limit_rows(0);
        let told = server.client().query_typed(TELL, &params);
        match timeout(database.limits().query, told).await {
            Ok(told) => _ = told.map_err(|error| refused(error.into()))?,
            Err(_) => return Err(Failure::TimedOut(database.limits().query)),
        }
        lease.finish(false).await;
        Ok(())
    }

    /// Whether answers to a statement may be kept until they change, whatever its parameters are; else why not.
    pub(super) fn may_keep(&self, verdict: &Verdict) -> Result<(), &'static str> {
        verdict.derivable.map_err(Refusal::as_str)?;
        let followed = self.changes.followed();
        let is_followed = |relation: &u32| followed.get(*relation).is_some();
        if verdict.reads.iter().all(is_followed) { Ok(()) } else { Err(UNPUBLISHED) }
    }

    /// What an answer is read from, if it may be kept until that changes; else why not.
    pub(super) fn scope(&self, verdict: &Verdict, query: &Query) -> Result<Scope, &'static str> {
        verdict.derivable.map_err(Refusal::as_str)?;
        let told = |index: &usize| match query.params.get(*index) {
            Some(Param::Text(text) | Param::Array { literal: text, .. }) => tells_time(text),
            Some(Param::Null) => false,
            _ => true,
        };
        let tells = if as_judged(verdict, query) {
            verdict.timed.iter().any(told)
        } else {
            !verdict.timed.is_empty() && (0..query.params.len()).any(|index| told(&index))
        };
        if tells {
            return Err(Refusal::Changing.as_str());
        }
        let followed = self.changes.followed();
        let mut scope = Scope::default();
        for relation in &verdict.reads {
            let told = followed.get(*relation).ok_or(UNPUBLISHED)?;
            add(&mut scope, told, rows(verdict, *relation, told, query));
        }
        Ok(scope)
    }
}

/// Whether a statement may have written anything, as far as that is known.
pub(super) fn writes(verdict: Option<&Verdict>) -> bool {
    verdict.is_none_or(|verdict| !verdict.contained || !verdict.writes.is_empty())
}

/// Whether an answer may show anything that somebody has written, as far as that is known.
pub(super) fn shows(verdict: Option<&Verdict>) -> bool {
    verdict.is_none_or(|verdict| !verdict.contained || verdict.cacheable.is_err() || !verdict.reads.is_empty())
}

fn add(scope: &mut Scope, told: &Told, rows: Option<Vec<RowKey>>) {
    match rows {
        Some(rows) => rows.into_iter().for_each(|row| scope.add_row(told.relation, row)),
        None => scope.add(told.relation),
    }
}

/// Whether a statement has the parameters of the one that was judged in its place: that has shorter lists.
fn as_judged(verdict: &Verdict, query: &Query) -> bool {
    verdict.params == query.params.len()
}

/// Rows named one by one at most; with more it is all of them.
const MOST: usize = 64;

/// The only rows of a relation that a statement can touch with these parameters, if it says so at every place where it
/// touches the relation.
fn rows(verdict: &Verdict, relation: u32, told: &Told, query: &Query) -> Option<Vec<RowKey>> {
    let places = verdict.rows.get(&relation).filter(|_| as_judged(verdict, query))?;
    if told.relation != relation || told.identity.is_empty() {
        return None;
    }
    let mut rows = Vec::new();
    for place in places {
        // Another identity makes it another row.
        if place.changes.iter().any(|column| told.identity.contains(column)) {
            return None;
        }
        let mut keys: Vec<Vec<String>> = vec![Vec::new()];
        for column in &told.identity {
            let pin = place.pins.iter().find(|pin| pin.column == *column)?;
            let values =
                pin.values.iter().map(|source| value(pin, source, &query.params)).collect::<Option<Vec<_>>>()?;
            if keys.len() * values.len() + rows.len() > MOST {
                return None;
            }
            let with = |key: &Vec<String>, value: &String| key.iter().chain([value]).cloned().collect();
            keys = keys.iter().flat_map(|key| values.iter().map(move |value| with(key, value))).collect();
        }
        rows.extend(keys.iter().map(|key| RowKey::new(key.iter().map(String::as_str))));
    }
    Some(rows)
}

fn value(pin: &Pin, source: &Source, params: &[Param]) -> Option<String> {
    match source {
        Source::Text(text) => Some(text.clone()),
        Source::Param(index) => match params.get(*index)? {
            Param::Text(text) => pin.kind.canonical(text),
            _ => None,
        },
    }
}

const TELL: &str = "SELECT pg_catalog.pg_logical_emit_message(true, $1, $2)::text";

/// It is read from what the stream does not tell of.
pub(super) const UNPUBLISHED: &str = "unpublished";

/// Why an answer that is kept may not be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotNow {
    /// It is too old for its client, or for another, unless the stream says otherwise, which has not come so far; or what
    /// statements mean is being looked at.
    Soon(Lsn),
    /// It is not known to be true.
    Never,
}

#[cfg(test)]
mod tests;
