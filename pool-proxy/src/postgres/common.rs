//! What all who use a connection have in common: the way to it, and the statements that are prepared on it.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use foldhash::quality::RandomState;
use lru::LruCache;
use tokio::time::Instant;

use super::prepared::Prepared;
use super::query::QueryError;
use super::schema::Schema;
use super::settings::{Current, Settings, has_literal};
use super::wire::Wire;

/// How many statements stay prepared on one connection.
const PREPARED: NonZeroUsize = NonZeroUsize::new(256).unwrap();

/// A statement keeps the types its parameters had when it was prepared, even where a column has another type since.
/// Schema changes made through the proxy are known at once, others after this.
const LASTING: Duration = Duration::from_mins(1);

/// Longer texts, such as imports written out as literals, hardly come again; kept, they would fill the memory of both
/// sides. In bytes.
const LONGEST_KEPT: usize = 16 << 10;

/// How many names in a row a user's own PREPARE may have taken.
const MOST_NAMES_TAKEN: u32 = 1000;

struct Held {
    statement: Prepared,
    version: u64,
    at: Instant,
    /// The settings its literals were read by, if it has any.
    settings: Option<Settings>,
}

/// What all who use a connection have in common.
pub(super) struct Common {
    /// Shared with who waits for a sign of life.
    pub(super) client: Arc<ClientWrapper>,
    pub(super) wire: Wire,
    pub(super) schema: Schema,
    pub(super) current: Current,
    prepared: Mutex<LruCache<Arc<str>, Held, RandomState>>,
}

impl Common {
    pub(super) fn new(client: ClientWrapper, wire: Wire, schema: Schema) -> Self {
        let prepared = Mutex::new(LruCache::with_hasher(PREPARED, RandomState::default()));
        Self { client: Arc::new(client), wire, schema, current: Current::default(), prepared }
    }

    fn held(&self) -> MutexGuard<'_, LruCache<Arc<str>, Held, RandomState>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The statement, if it is prepared here and the schema has not changed since, as far as is known at that moment.
    pub(super) fn prepared_by(&self, text: &str, now: Instant) -> Option<Prepared> {
        let mut prepared = self.held();
        let held = prepared.get(text)?;
        let fits = held.settings.is_none_or(|settings| settings == self.current.get());
        if fits && held.version == self.schema.version() && now.duration_since(held.at) < LASTING {
            return Some(held.statement.clone());
        }
        prepared.pop(text);
        None
    }

    /// Whether the statement is one that was prepared here before that moment.
    pub(super) fn was_prepared_before(&self, text: &str, moment: Instant) -> bool {
        self.held().peek(text).is_some_and(|held| held.at < moment)
    }

    async fn prepare(&self, text: &Arc<str>, keep: bool) -> Result<Prepared, QueryError> {
        let version = self.schema.version();
        let mut attempts = 0;
        let statement = loop {
            match self.client.prepare(text).await.map_err(QueryError::from) {
                // A user's own PREPARE has taken the name; the next one is another.
                // In a transaction it has done its damage.
                Err(QueryError::Database(error))
                    if error.code == "42P05" && attempts < MOST_NAMES_TAKEN && !self.wire.is_in_transaction() =>
                {
                    attempts += 1;
                }
                outcome => break outcome?,
            }
        };
        if self.wire.speaks_another_encoding() {
            // Its text was read in that encoding.
            return Err(QueryError::Invalid("leave client_encoding as it is".to_owned()));
        }
        let statement = {
            let wire = self.wire.state();
            Prepared::new(statement, |type_oid| wire.type_length(type_oid))
        };
        if keep && text.len() <= LONGEST_KEPT {
            let settings = has_literal(text).then(|| self.current.get());
            let held = Held { statement: statement.clone(), version, at: Instant::now(), settings };
            self.held().put(Arc::clone(text), held);
        }
        Ok(statement)
    }

    /// Takes the prepared statement, or prepares it.
    pub(super) async fn prepare_once(&self, text: &Arc<str>, keep: bool) -> Result<Prepared, QueryError> {
        match self.prepared_by(text, Instant::now()) {
            Some(statement) => Ok(statement),
            None => self.prepare(text, keep).await,
        }
    }

    pub(super) fn forget(&self, text: &str) {
        self.held().pop(text);
    }

    pub(super) fn forget_all(&self) {
        self.held().clear();
    }

    /// How many statements are kept.
    pub(super) fn kept(&self) -> usize {
        self.held().len()
    }
}
