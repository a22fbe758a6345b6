//! What a statement came to, as the caller may learn it.

use crate::error::Failure;
use crate::postgres::QueryError;

/// Of a statement that was sent: a lost connection leaves its outcome unknown.
pub(super) fn refused(error: QueryError) -> Failure {
    match error {
        // The session was ended in the middle: a procedure may have committed some of its work.
        QueryError::Database(error) if error.is_shutdown() => Failure::OutcomeUnknown,
        QueryError::Database(error) => Failure::Database { error, query: None },
        QueryError::Closed => Failure::OutcomeUnknown,
        QueryError::Full { limit, completed } => Failure::ResultTooLarge { limit, committed: completed },
        QueryError::Invalid(message) => Failure::BadRequest(message),
    }
}

/// Of what was asked before the statement itself: a lost connection means that nothing was run.
pub(super) fn not_sent(error: QueryError) -> Failure {
    match error {
        QueryError::Closed => Failure::unavailable("the connection to the database was lost before anything was run"),
        QueryError::Database(error) if error.is_shutdown() => Failure::unavailable("the database is shutting down"),
        other => refused(other),
    }
}
