//! A connection on loan for several statements of one client, which may depend on each other.

use std::future::Future;
use std::pin::Pin;

use super::call::{Budget, Query};
use crate::error::Failure;
use crate::postgres::RowSink;

/// Makes the places where results go.
pub trait Sinks: Send + Sync {
    /// Such a place.
    type Sink: RowSink;

    /// A place for the result of one query, by its index. What is written is charged to the budget. A statement that has
    /// to be run again gets a new one.
    fn sink(&self, query: usize, budget: Budget) -> Self::Sink;
}

/// Several statements of which each may depend on what came before it. A door's own: it is run on a session, and may be
/// run again from the start when nothing it did has come to stay.
pub trait Script: Send + Sync {
    /// Runs it; what comes out is the answer's body.
    fn run<'a>(&'a self, session: &'a mut Session)
    -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Failure>> + Send + 'a>>;
}

/// A connection on loan, and the transaction that is open on it.
pub struct Session(());

impl Session {
    /// Runs statements that do not depend on each other, in one flight where that can be. In a transaction they run in this
    /// order; outside of one, several run in one of their own.
    ///
    /// # Errors
    /// That of the first that failed.
    #[allow(clippy::unused_async)]
    pub async fn run<S: Sinks>(&mut self, _queries: &[Query], _sinks: &S) -> Result<Vec<S::Sink>, Failure> {
        Err(Failure::Internal)
    }

    /// Runs a text of several statements, without parameters or results.
    ///
    /// # Errors
    /// What Postgres says.
    #[allow(clippy::unused_async)]
    pub async fn run_text(&mut self, _text: &str) -> Result<(), Failure> {
        Err(Failure::Internal)
    }

    /// Whether a transaction is open.
    pub fn is_in_transaction(&self) -> bool {
        false
    }

    /// Opens a transaction; it goes to the server with the first statement.
    ///
    /// # Errors
    /// When it cannot be opened.
    #[allow(clippy::unused_async)]
    pub async fn begin(&mut self) -> Result<(), Failure> {
        Err(Failure::Internal)
    }

    /// Commits it.
    ///
    /// # Errors
    /// What Postgres says; it is rolled back then.
    #[allow(clippy::unused_async)]
    pub async fn commit(&mut self) -> Result<(), Failure> {
        Err(Failure::Internal)
    }

    /// Rolls it back.
    #[allow(clippy::unused_async)]
    pub async fn roll_back(&mut self) {}
}
