//! The one connection that a run uses, as refinery wants it: the proxy's own, so that a `DATABASE_URL` means the same
//! to both.

use std::time::Duration;

use async_trait::async_trait;
use pool_proxy::drain::Drain;
use pool_proxy::postgres::{QueryError, Server, Target, TransactionStatus};
use refinery_core::traits::r#async::{AsyncMigrate, AsyncQuery, AsyncTransaction};
use refinery_core::{Error, Migration};
use tokio::time::Instant;
use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

use crate::error::MigrationError;
use crate::history::{self, TABLE};

/// A run waits for a lock no longer than this, unless a file says `SET LOCAL lock_timeout`: whoever comes later waits
/// behind it. How long a statement may run is the files' business, not the role's.
const SETTINGS: &str = "SET lock_timeout = '5s'; SET statement_timeout = 0; SET client_min_messages = warning; \
    SELECT pg_catalog.set_config('application_name', 'edge-migrations', false) \
    WHERE pg_catalog.current_setting('application_name') = 'pool-proxy'";

/// The session's advisory lock, "migrate" in ASCII. Advisory locks are per database.
const LOCK: &str = "SELECT pg_catalog.pg_try_advisory_lock(x'6d69677261746500'::bigint)::text";

/// How often a run asks whether the others have ended. It does not wait inside Postgres, where a waiting statement
/// holds up `CREATE INDEX CONCURRENTLY`.
const LOOK: Duration = Duration::from_millis(200);

/// How long a closed connection may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(2);

/// A connection, and the tasks that drive it.
pub(crate) struct Session {
    server: Server,
    drain: Drain,
}

/// Why a transaction of a run failed.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Refused {
    /// Postgres or the connection failed.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The SQL has ended the transaction it ran in.
    #[error("the transaction was ended")]
    Ended,
    /// The history holds what refinery does not write.
    #[error("the history cannot be understood")]
    History,
}

impl Session {
    pub(crate) async fn open(target: &Target) -> Result<Self, MigrationError> {
        let drain = Drain::default();
        let server = target.connect(&drain, ()).await?;
        let session = Self { server, drain };
        let set = session.command(SETTINGS).await;
        set.map_err(|error| MigrationError::Database { doing: "preparing the session", error })?;
        Ok(session)
    }

    /// Says goodbye and waits until that was heard, which also gives the lock back.
    pub(crate) async fn close(self) {
        drop(self.server);
        self.drain.finish(GOODBYE).await;
    }

    /// Takes the lock that lets one run at a time work on a database; the session holds it until it ends.
    pub(crate) async fn lock(
        &self,
        patience: Duration,
        waiting: &mut (dyn FnMut() + Send),
    ) -> Result<(), MigrationError> {
        let begun = Instant::now();
        loop {
            let rows = self.rows(LOCK).await;
            let rows = rows.map_err(|error| MigrationError::Database { doing: "taking the lock", error })?;
            if rows.first().and_then(|row| row.get(0)) == Some("true") {
                return Ok(());
            }
            if begun.elapsed() >= patience {
                return Err(MigrationError::Busy(patience.as_secs()));
            }
            waiting();
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Makes the history's table unless it is there: `IF NOT EXISTS` takes the right to create tables all the same.
    pub(crate) async fn make_history(&mut self) -> Result<(), MigrationError> {
        if self.has_history().await? {
            return Ok(());
        }
        let sql = Self::assert_migrations_table_query(TABLE);
        let made = self.execute(std::iter::once(sql.as_str())).await;
        made.map_err(|refused| refused.doing("creating the table of applied migrations"))?;
        Ok(())
    }

    /// What was applied, in order; nothing before the first run.
    pub(crate) async fn applied(&mut self) -> Result<Vec<Migration>, MigrationError> {
        if !self.has_history().await? {
            return Ok(vec![]);
        }
        let applied = self.query(&Self::get_applied_migrations_query(TABLE)).await;
        applied.map_err(|refused| refused.doing("reading the table of applied migrations"))
    }

    async fn has_history(&self) -> Result<bool, MigrationError> {
        let rows = self.rows(&format!("SELECT pg_catalog.to_regclass('{TABLE}')")).await;
        let doing = "looking for the table of applied migrations";
        let rows = rows.map_err(|error| MigrationError::Database { doing, error })?;
        Ok(rows.first().and_then(|row| row.get(0)).is_some())
    }

    async fn command(&self, sql: &str) -> Result<(), QueryError> {
        self.server.command(sql).await
    }

    async fn rows(&self, sql: &str) -> Result<Vec<SimpleQueryRow>, QueryError> {
        let messages = self.server.client().simple_query(sql).await?;
        let row = |message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        };
        Ok(messages.into_iter().filter_map(row).collect())
    }

    async fn in_transaction<'a>(&self, queries: impl Iterator<Item = &'a str> + Send) -> Result<usize, Refused> {
        let mut count = 0;
        for query in queries {
            self.command(query).await?;
            if self.server.status() != Some(TransactionStatus::Open) {
                return Err(Refused::Ended);
            }
            count += 1;
        }
        self.command("COMMIT").await?;
        Ok(count)
    }
}

impl Refused {
    fn doing(self, doing: &'static str) -> MigrationError {
        match self {
            Self::Query(error) => MigrationError::Database { doing, error },
            Self::Ended | Self::History => MigrationError::History,
        }
    }

    /// What refinery has wrapped; nothing if it has an error of its own.
    pub(crate) fn within(error: &Error) -> Option<Self> {
        std::error::Error::source(error)?.downcast_ref().cloned()
    }
}

#[async_trait]
impl AsyncTransaction for Session {
    type Error = Refused;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send>(&mut self, queries: T) -> Result<usize, Refused> {
        self.command("BEGIN").await?;
        let outcome = self.in_transaction(queries).await;
        if outcome.is_err() {
            // If this cannot be said either, the connection is gone, and the transaction with it.
            let _ = self.command("ROLLBACK").await;
        }
        outcome
    }
}

#[async_trait]
impl AsyncQuery<Vec<Migration>> for Session {
    async fn query(&mut self, query: &str) -> Result<Vec<Migration>, Refused> {
        let rows = self.rows(query).await?;
        rows.iter().map(|row| history::read(row).ok_or(Refused::History)).collect()
    }
}

impl AsyncMigrate for Session {}
