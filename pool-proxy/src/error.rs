//! The ways a call can fail, free of any dialect. Doors turn a [`Failure`] into what their clients read, once.

use std::sync::Arc;
use std::time::Duration;

/// What Postgres itself said, field by field
/// (<https://www.postgresql.org/docs/current/protocol-error-fields.html>).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DatabaseError {
    /// `ERROR`, `FATAL` or `PANIC`, localized by the server.
    pub severity: String,
    /// The five-character SQLSTATE.
    pub code: String,
    /// The primary message.
    pub message: String,
    /// More about the problem, possibly several lines.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<u32>,
    /// Where in [`internal_query`](Self::internal_query), in characters from 1.
    pub internal_position: Option<u32>,
    /// A statement that Postgres generated itself, such as one in a function.
    pub internal_query: Option<String>,
    /// The call stack of functions.
    pub context: Option<String>,
    /// The schema the error is about.
    pub schema: Option<String>,
    /// The table the error is about.
    pub table: Option<String>,
    /// The column the error is about.
    pub column: Option<String>,
    /// The data type the error is about.
    pub data_type: Option<String>,
    /// The constraint the error is about.
    pub constraint: Option<String>,
    /// The file in Postgres's source.
    pub file: Option<String>,
    /// The line in Postgres's source.
    pub line: Option<u32>,
    /// The routine in Postgres's source.
    pub routine: Option<String>,
}

/// Why a call has no answer. Nothing in it holds a parameter's value, a credential or a connection string,
/// except what Postgres put into its own message for the client who sent the statement.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Failure {
    /// The request cannot be understood or may not be asked like this.
    #[error("{0}")]
    BadRequest(String),
    /// No credential, or one that does not hold.
    #[error("{reason}")]
    Unauthorized {
        /// What the client may read.
        reason: &'static str,
        /// Whether there was one.
        presented: bool,
    },
    /// A known principal asked for what it may not do.
    #[error("{0}")]
    Forbidden(String),
    /// A database that is not configured.
    #[error("no database named \"{0}\" is configured")]
    UnknownDatabase(String),
    /// The request did not arrive in time.
    #[error("{0}")]
    TooSlow(&'static str),
    /// The request body is over its limit, in bytes.
    #[error("the request body is over the limit of {0} bytes")]
    RequestTooLarge(u64),
    /// Postgres refused the statement. `query` is its index in a batch, from 0.
    #[error("{}", error.message)]
    Database {
        /// What Postgres said.
        error: Box<DatabaseError>,
        /// Which statement of a batch.
        query: Option<usize>,
    },
    /// This principal asks more than it may, or too many of its calls wait already.
    #[error("{reason}")]
    TooManyRequests {
        /// What the client may read.
        reason: &'static str,
        /// When to ask again.
        retry_after: Duration,
    },
    /// The database cannot be reached or no connection came free; nothing was run.
    #[error("{reason}")]
    Unavailable {
        /// What the client may read.
        reason: String,
        /// When to ask again.
        retry_after: Duration,
        /// All connections are at work, as opposed to the database being down.
        busy: bool,
    },
    /// The connection was lost after the statement had been sent.
    #[error("the connection to the database was lost after the statement had been sent; its outcome is unknown")]
    OutcomeUnknown,
    /// The time limit passed and Postgres confirmed the cancel.
    #[error("the query ran longer than its limit of {} ms and was cancelled", .0.as_millis())]
    TimedOut(Duration),
    /// The result is over the response limit, in bytes.
    #[error(
        "the result is over the limit of {limit} bytes; {}",
        if *committed { "the statement took effect all the same" } else { "the query was cancelled" }
    )]
    ResultTooLarge {
        /// The limit, in bytes of the encoded body.
        limit: u64,
        /// Whether what the statement did was committed all the same.
        committed: bool,
    },
    /// A query plan's own refusal, or a database's error in a plan's words.
    #[error("{}", .0.message)]
    Plan(Box<PlanError>),
    /// A transaction between its client's requests is not there, or cannot do this.
    #[error(transparent)]
    Transaction(TransactionError),
    /// What was to be done once was not done now.
    #[error(transparent)]
    Once(OnceError),
    /// A defect of ours. The cause is logged, never sent.
    #[error("internal error")]
    Internal,
}

/// Why a request with an `Idempotency-Key` was not done, nor answered as the first one was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OnceError {
    /// The first one has not come to its end.
    #[error("the first request with this Idempotency-Key still runs")]
    UnderWay,
    /// The first one was not the same.
    #[error(
        "the first request with this Idempotency-Key was another one: a key is used again only to repeat its request as it was"
    )]
    Another,
    /// There is nowhere to store an outcome.
    #[error(
        "Idempotency-Key needs the table pool_proxy.idempotency, which the proxy's role can neither use nor make: grant it CREATE \
        on the database and run `pool-proxy coherence apply`, or give it a schema pool_proxy of its own"
    )]
    NoTable,
}

/// Why a query plan failed, as Prisma's clients read it
/// (<https://www.prisma.io/docs/orm/reference/error-reference>).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError {
    /// Such as `P2002`; `None` for what should not happen, which clients report as they see fit.
    pub code: Option<&'static str>,
    /// For people.
    pub message: String,
    /// JSON of the error's own.
    pub meta: Option<Box<str>>,
    /// The SQLSTATE, where Postgres spoke.
    pub sqlstate: Option<String>,
}

/// Why a step of a transaction was not done: in the words of Prisma's clients where they have some, since programs look
/// for those.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// No connection came free for it.
    #[error("Unable to start a transaction in the given time.")]
    NotStarted,
    /// It never was, it is somebody else's or of another database, or it ended long ago.
    #[error(
        "Transaction not found. Transaction ID is invalid, refers to an old closed transaction Prisma doesn't have \
        information about anymore, or was obtained before disconnecting."
    )]
    NotFound,
    /// Another instance of the proxy holds it.
    #[error("The transaction is held by the instance {instance}; send its requests there.")]
    Elsewhere {
        /// Its name.
        instance: Arc<str>,
    },
    /// It has ended.
    #[error("{}", ending.refuse(operation, timeout, taken))]
    Ended {
        /// What was to be done: query, commit, rollback or start.
        operation: &'static str,
        /// How it ended.
        ending: Ending,
        /// How long it might have taken.
        timeout: Duration,
        /// How long ago it began.
        taken: Duration,
    },
    /// The step's number is none that is to be done now.
    #[error("The next step of the transaction has the number {expected}.")]
    OutOfOrder {
        /// The number that is.
        expected: u64,
    },
    /// The step's number is that of the last one, which was not the same.
    #[error(
        "The step with the number {number} was another one: a number is used again only to repeat its request as it was."
    )]
    Another {
        /// That number.
        number: u64,
    },
}

/// How a transaction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Committed.
    Committed,
    /// Rolled back.
    RolledBack,
    /// Rolled back when its time was over.
    Expired,
    /// Committed, or rolled back: the connection was lost with the COMMIT under way.
    Unknown,
}

impl Ending {
    fn refuse(self, operation: &str, timeout: &Duration, taken: &Duration) -> String {
        match self {
            Self::Committed => {
                format!("Transaction already closed: A {operation} cannot be executed on a committed transaction.")
            }
            Self::RolledBack => format!(
                "Transaction already closed: A {operation} cannot be executed on a transaction that was rolled back."
            ),
            Self::Unknown => format!(
                "Transaction already closed: A {operation} cannot be executed on a transaction whose outcome is unknown: the \
                connection to the database was lost while it was committed."
            ),
            Self::Expired => format!(
                "A {operation} cannot be executed on an expired transaction. The timeout for this transaction was {} \
                ms, however {} ms passed since the start of the transaction. Consider increasing the interactive \
                transaction timeout or doing less work in the transaction.",
                timeout.as_millis(),
                taken.as_millis()
            ),
        }
    }
}

impl Failure {
    /// The SQLSTATE, where Postgres spoke.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Database { error, .. } => Some(&error.code),
            Self::Plan(error) => error.sqlstate.as_deref(),
            _ => None,
        }
    }

    /// A credential that does not hold.
    pub const fn refused(reason: &'static str) -> Self {
        Self::Unauthorized { reason, presented: true }
    }

    /// The database is out of reach for now.
    pub fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), retry_after: Duration::from_secs(1), busy: false }
    }

    /// All connections are at work.
    pub fn busy(reason: impl Into<String>, retry_after: Duration) -> Self {
        Self::Unavailable { reason: reason.into(), retry_after, busy: true }
    }

    /// The same failure, naming the statement of the batch it belongs to.
    #[must_use]
    pub fn of_query(self, index: usize) -> Self {
        match self {
            Self::Database { error, query: None } => Self::Database { error, query: Some(index) },
            other => other,
        }
    }
}
