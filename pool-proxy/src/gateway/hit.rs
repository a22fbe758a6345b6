//! An answer that is there: found from a request's raw bytes, and given if it may be.

use std::sync::Arc;
use std::time::Duration;

use super::Gateway;
use super::call::{Answer, CacheMode, CacheRequest, CacheStatus, Timing};
use super::keeping::NotNow;
use crate::cache::{Entry, Fence, Shelf};

impl Gateway {
    /// An answer that may be given, found without parsing the request, as soon as the stream of changes has come so far that it
    /// may. `None` when there is none, it was not asked for, or that takes too long.
    pub async fn hit_soon(&self, database: &super::Database, cache: &CacheRequest) -> Option<Answer> {
        match self.find(database, cache) {
            Ok((entry, age)) => self.give(database, cache, &entry, age),
            Err(None) => None,
            Err(Some(entry)) => {
                // Boxed, so that others do not carry its size.
                let waits = Box::pin(database.keeping.as_ref()?.may_give_soon(&entry, cache));
                if waits.await { self.give(database, cache, &entry, entry.age()) } else { None }
            }
        }
    }

    /// The same, if it may be given now.
    pub(super) fn hit(&self, database: &super::Database, cache: &CacheRequest) -> Option<Answer> {
        let (entry, age) = self.find(database, cache).ok()?;
        self.give(database, cache, &entry, age)
    }

    /// An answer that may be given now, and how old it is; in vain, one for which the stream must come further first.
    fn find(
        &self,
        database: &super::Database,
        cache: &CacheRequest,
    ) -> Result<(Arc<Entry>, Duration), Option<Arc<Entry>>> {
        if !matches!(cache.mode, CacheMode::Use | CacheMode::Auto) {
            return Err(None);
        }
        let entry = self.shelf.get(&cache.key).ok_or(None)?;
        let keeping = database.keeping.as_ref();
        let kept = || keeping.map_or(Err(NotNow::Never), |keeping| keeping.may_give(&entry, cache));
        let unasked = || keeping.filter(|keeping| !keeping.observes).map_or(Err(NotNow::Never), |_| kept());
        let age = entry.age();
        let given = match cache.mode {
            CacheMode::Use if age >= cache.max_age => Err(NotNow::Never),
            CacheMode::Use if cache.bookmark.is_some() => kept(),
            CacheMode::Use if entry.lifetime > age => Ok(()),
            // What has outlived its time may still be there because it is true.
            _ => unasked(),
        };
        match given {
            Ok(()) => Ok((entry, age)),
            Err(NotNow::Soon(_)) => Err(Some(entry)),
            Err(NotNow::Never) => Err(None),
        }
    }

    /// The answer, unless it has no room for the tags of the request.
    fn give(
        &self,
        database: &super::Database,
        cache: &CacheRequest,
        entry: &Arc<Entry>,
        age: Duration,
    ) -> Option<Answer> {
        if !Shelf::carries(entry, &cache.tags) {
            if Shelf::is_full_of_tags(entry, &cache.tags) {
                return None;
            }
            self.shelf.add_tags(entry, &cache.tags, None);
        }
        database.metrics.cache_hit();
        Some(from_entry(database, entry, cache, age))
    }
}

/// An answer from an entry; its `ttl` is what the request's own max-age leaves.
pub(super) fn from_entry(
    database: &super::Database,
    entry: &Arc<Entry>,
    cache: &CacheRequest,
    age: Duration,
) -> Answer {
    let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let ttl = seconds(cache.max_age).saturating_sub(seconds(age));
    let (ttl, age) = match cache.mode {
        // The database has just said that it is true.
        CacheMode::Auto => (None, Duration::ZERO),
        // Whatever is stale is negative, also in its first second.
        _ if age >= cache.max_age => (Some(ttl.min(-1)), age),
        _ => (Some(ttl), age),
    };
    database.statements.hit(entry.sources());
    let bookmark = match (&database.keeping, cache.mode) {
        // It may show what the stream has not told yet.
        (Some(keeping), CacheMode::Auto) => {
            let seen = entry.fence.as_ref().map(Fence::seen).unwrap_or_default();
            Some(keeping.changes.position().max(seen))
        }
        _ => None,
    };
    Answer {
        body: entry.body.clone(),
        cache: Some(CacheStatus::Hit { ttl }),
        entry: Some(Arc::clone(entry)),
        age: Some(age),
        bookmark,
        timing: Timing::default(),
    }
}
