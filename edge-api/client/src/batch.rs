//! Several statements as one transaction.

use std::time::Duration;

use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::answer::Results;
use crate::client::Client;
use crate::error::{Error, Kind, Safety};
use crate::query::{AsJson, keyed, sql_request};
use crate::statement::Statement;

/// How much a transaction may see of others (<https://www.postgresql.org/docs/current/transaction-iso.html>).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Isolation {
    /// In Postgres the same as the next.
    ReadUncommitted,
    /// Each statement sees what was committed when it began. Postgres's default.
    ReadCommitted,
    /// All statements see what was committed when the first began.
    RepeatableRead,
    /// As if transactions ran one after another.
    Serializable,
}

/// Statements that take effect together or not at all; made by [`Client::batch`].
#[derive(Debug, Clone)]
#[must_use = "a batch does nothing until it is run"]
pub struct Batch {
    client: Client,
    statements: Vec<Statement>,
    isolation: Option<Isolation>,
    read_only: bool,
    deferrable: bool,
    deadline: Option<Duration>,
    idempotent: bool,
    key: Option<String>,
}

impl Batch {
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            statements: Vec::new(),
            isolation: None,
            read_only: false,
            deferrable: false,
            deadline: None,
            idempotent: false,
            key: None,
        }
    }

    /// Adds a statement, made by [`sql`](crate::sql) or given as text alone.
    // Not the sum of two batches.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, statement: impl Into<Statement>) -> Self {
        self.statements.push(statement.into());
        self
    }

    /// The isolation level, instead of the database's default.
    pub fn isolation(mut self, level: Isolation) -> Self {
        self.isolation = Some(level);
        self
    }

    /// Lets Postgres refuse changes of tables, sequences and the schema (SQLSTATE 25006). Such a batch counts as a read:
    /// it is repeated when it was lost, and leaves nothing unknown.
    ///
    /// The caller vouches that it does nothing of what a read-only transaction may do all the same: `NOTIFY`, temporary
    /// tables, locks, large objects (before Postgres 16), and what functions do elsewhere, such as `dblink`.
    pub fn read_only(mut self) -> Self {
        self.read_only = true;
        self
    }

    /// Lets a serializable, read-only batch wait until it cannot fail.
    pub fn deferrable(mut self) -> Self {
        self.deferrable = true;
        self
    }

    /// How long this call may take, instead of the client's deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Says that doing all of it twice is as good as once, so that it may be repeated when its outcome is unknown.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Has the proxy do all of it once for this key, however often it is sent; see
    /// [`Query::idempotency_key`](crate::Query::idempotency_key).
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Runs the statements in order and commits.
    ///
    /// # Errors
    /// If Postgres refused one of them, which [`Error::query_index`] then names, or the commit; if the proxy refused;
    /// if there was no answer within the deadline.
    pub async fn run(self) -> Result<Results, Error> {
        let mut request = sql_request(&self.client, &self.statements)?;
        if let Some(level) = self.isolation {
            request = request.with("neon-batch-isolation-level", format!("{level:?}"));
        }
        if self.read_only {
            request = request.with("neon-batch-read-only", "true");
        }
        if self.deferrable {
            request = request.with("neon-batch-deferrable", "true");
        }
        let body = serde_json::to_vec(&AsJsonList(&self.statements));
        request.body = body.map_err(|_| Kind::Invalid("it cannot be written as JSON".to_owned()))?;
        let request = keyed(request, self.key.as_deref())?;
        let idempotent = self.idempotent || self.key.is_some();
        let safety = Safety { read: self.read_only, idempotent, atomic: true };
        let response = self.client.send(&request, self.deadline, safety).await?;
        let sent = self.client.request_id();
        Results::read(response, self.read_only, sent)
            .map_err(|error| error.unless_read(self.read_only).of_request(sent))
    }
}

struct AsJsonList<'s>(&'s [Statement]);

impl Serialize for AsJsonList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let queries: Vec<AsJson<'_>> = self.0.iter().map(AsJson).collect();
        let mut object = serializer.serialize_struct("Queries", 1)?;
        object.serialize_field("queries", &queries)?;
        object.end()
    }
}
