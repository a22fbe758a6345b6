//! What is known of statements, by text and role.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use foldhash::quality::RandomState;
use moka::sync::Cache;

use crate::auth::Principal;
use crate::statement::{Kind, Verdict};

/// Until the change stream tells of schema changes, a verdict is asked again after this.
const LASTING: Duration = Duration::from_mins(1);
/// Texts remembered, in bytes.
const REMEMBERED: u64 = 32 << 20;

/// Numbers of the schema: as this proxy has seen it change, and as the change stream has told.
pub(super) type Definitions = (u64, u64);

/// The schema is part of it: after a change of the schema a statement may be another one.
type Key = (Definitions, Arc<str>, Option<Arc<str>>);

/// A statement whose answer comes sooner is light, ...
const SOON: Duration = Duration::from_millis(5);
/// ... if it is no longer than this, in bytes.
const SHORT: usize = 16 << 10;

/// What a statement is, and how its last answer was.
#[derive(Debug)]
pub(super) struct Judged {
    verdict: Verdict,
    is_light: AtomicBool,
}

impl Judged {
    pub(super) fn new(verdict: Verdict) -> Self {
        Self { verdict, is_light: AtomicBool::new(false) }
    }

    /// What it is.
    pub(super) fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Takes note of how long an answer took, and how long it is in bytes.
    pub(super) fn note(&self, took: Duration, bytes: usize) {
        let is_light = took < SOON && bytes <= SHORT;
        if is_light != self.is_light.load(Ordering::Relaxed) {
            self.is_light.store(is_light, Ordering::Relaxed);
        }
    }

    /// The same of one that may have waited for others.
    pub(super) fn note_length(&self, bytes: usize) {
        if bytes > SHORT {
            self.doubt();
        }
    }

    /// It is not to be trusted to be light.
    pub(super) fn doubt(&self) {
        self.is_light.store(false, Ordering::Relaxed);
    }

    /// Whether its last answer came soon, and was short.
    pub(super) fn is_light(&self) -> bool {
        self.is_light.load(Ordering::Relaxed)
    }

    /// Whether it could run through a connection that others read through at the same time: it writes nothing, and nothing of it
    /// stays in the session.
    pub(super) fn is_read(&self) -> bool {
        let Verdict { kind, cacheable, contained, clean, reads_sequence_state, .. } = &self.verdict;
        *kind == Kind::Select && cacheable.is_ok() && *contained && *clean && !reads_sequence_state
    }
}

impl Deref for Judged {
    type Target = Verdict;

    fn deref(&self) -> &Verdict {
        &self.verdict
    }
}

/// What is known of statements, by text and role.
#[derive(Debug)]
pub(super) struct Verdicts {
    /// `None` for a text that was seen but not judged.
    pub(super) known: Cache<Key, Option<Arc<Judged>>, RandomState>,
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
    pub(super) fn get(&self, schema: Definitions, principal: &Principal, text: &Arc<str>) -> Option<Arc<Judged>> {
        self.known.get(&(schema, Arc::clone(text), principal.role.clone())).flatten()
    }
}
