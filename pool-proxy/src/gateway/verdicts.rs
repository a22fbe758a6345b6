//! What is known of statements, by text and role.

use std::sync::Arc;
use std::time::Duration;

use foldhash::quality::RandomState;
use moka::sync::Cache;

use crate::auth::Principal;
use crate::statement::Verdict;

/// Until the change stream tells of schema changes, a verdict is asked again after this.
const LASTING: Duration = Duration::from_mins(1);
/// Texts remembered, in bytes.
const REMEMBERED: u64 = 32 << 20;

/// Numbers of the schema: as this proxy has seen it change, and as the change stream has told.
pub(super) type Definitions = (u64, u64);

/// The schema is part of it: after a change of the schema a statement may be another one.
type Key = (Definitions, Arc<str>, Option<Arc<str>>);

/// What is known of statements, by text and role.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// `None` for a text that was seen but not judged.
    pub(super) known: Cache<Key, Option<Arc<Verdict>>, RandomState>,
}

impl Verdicts {
    pub(super) fn new() -> Self {
        let known = Cache::builder()
            .max_capacity(REMEMBERED)
            .weigher(|key: &Key, _| u32::try_from(key.1.len() + 256).unwrap_or(u32::MAX))
            .time_to_live(LASTING)
            .build_with_hasher(RandomState::default());
        Self { known }
    }

    /// What is known already.
    pub(super) fn get(&self, schema: Definitions, principal: &Principal, text: &Arc<str>) -> Option<Arc<Verdict>> {
        self.known.get(&(schema, Arc::clone(text), principal.role.clone())).flatten()
    }
}
