//! What Postgres or the connection to it says when a statement fails.

use tokio_postgres::error::{DbError, ErrorPosition};

use super::query::QueryError;
use crate::error::DatabaseError;

impl From<&DbError> for DatabaseError {
    fn from(error: &DbError) -> Self {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let (position, internal_position, internal_query) = match error.position() {
            Some(ErrorPosition::Original(position)) => (Some(*position), None, None),
            Some(ErrorPosition::Internal { position, query }) => (None, Some(*position), Some(query.clone())),
            None => (None, None, None),
        };
        Self {
            severity: error.severity().to_owned(),
            code: error.code().code().to_owned(),
            message: error.message().to_owned(),
            detail: owned(error.detail()),
            hint: owned(error.hint()),
            position,
            internal_position,
            internal_query,
            context: owned(error.where_()),
            schema: owned(error.schema()),
            table: owned(error.table()),
            column: owned(error.column()),
            data_type: owned(error.datatype()),
            constraint: owned(error.constraint()),
            file: owned(error.file()),
            line: error.line(),
            routine: owned(error.routine()),
        }
    }
}

impl From<tokio_postgres::Error> for QueryError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(error) = error.as_db_error() {
            return Self::Database(Box::new(error.into()));
        }
        tracing::debug!(%error, "a connection to postgres is lost");
        Self::Closed
    }
}

impl DatabaseError {
    /// The wrong number of parameters, in Postgres's words: tokio-postgres does not send them.
    pub fn parameter_count(supplied: usize, wanted: usize) -> Self {
        Self {
            severity: "ERROR".to_owned(),
            code: "08P01".to_owned(),
            message: format!(
                "bind message supplies {supplied} parameters, but prepared statement \"\" requires {wanted}"
            ),
            ..Self::default()
        }
    }

    /// The transaction had failed before it was to be committed, in Postgres's words: it takes such a COMMIT, and rolls back.
    pub fn aborted() -> Self {
        Self {
            severity: "ERROR".to_owned(),
            code: "25P02".to_owned(),
            message: "current transaction is aborted, commands ignored until end of transaction block".to_owned(),
            ..Self::default()
        }
    }

    /// A parameter could not be read as the type the statement was prepared with.
    fn is_of_bind(&self) -> bool {
        self.context.as_deref().is_some_and(|context| context.contains("unnamed portal parameter"))
    }

    /// The statement was prepared under another schema, or the server lost it: preparing it again may mend it. Only what
    /// Postgres says before it runs anything counts: whatever is said from within a function has a context.
    pub fn is_stale_statement(&self) -> bool {
        if self.is_of_bind() {
            return true;
        }
        if self.context.is_some() {
            return false;
        }
        match self.code.as_str() {
            // "cached plan must not change result type"
            "0A000" => self.routine.as_deref() == Some("RevalidateCachedQuery"),
            // A type it knew is gone.
            "XX000" => self.message.starts_with("cache lookup failed"),
            // It does not exist (DEALLOCATE ALL); its name is taken (a user's own PREPARE).
            "26000" => self.routine.as_deref() == Some("FetchPreparedStatement"),
            "42P05" => true,
            // What it names is another thing now, and does not fit the types it was prepared with.
            code => code.starts_with("42"),
        }
    }

    /// A stale statement that the call itself may have made stale: it changed the schema, or took the next name.
    pub fn is_of_this_call(&self) -> bool {
        matches!(self.code.as_str(), "0A000" | "42P05")
    }

    /// The server ended the session, or is about to: 57P01 `admin_shutdown` to 57P03 `cannot_connect_now`.
    pub fn is_shutdown(&self) -> bool {
        matches!(self.code.as_str(), "57P01" | "57P02" | "57P03")
    }

    /// The statement was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.code == "57014"
    }

    /// A write in a read-only transaction.
    pub fn is_read_only(&self) -> bool {
        self.code == "25006"
    }
}
