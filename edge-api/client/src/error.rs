//! One error for every call. It answers questions; what it is inside stays inside.

mod class;
mod database;
mod describe;

use std::fmt;
use std::time::Duration;

pub use database::DatabaseError;

use crate::decode::Misfit;
use crate::transport::{Response, TransportError};

/// Why a call did not give what was asked of it.
///
/// `Display` and `Debug` are fit for logs: they never hold a parameter, a column's value or the key. Of an error of
/// Postgres's they give the SQLSTATE and the names it is about; its message may quote values, whatever its class, and
/// only [`message`](Self::message) and [`database`](Self::database) give that.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    query_index: Option<usize>,
    outcome_unknown: bool,
    repeatable: bool,
}

/// What happened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Kind {
    /// It was not sent.
    #[error("the call cannot be sent: {0}")]
    Invalid(String),
    /// Postgres refused the statement.
    #[error(transparent)]
    Database(Box<DatabaseError>),
    /// The proxy itself refused.
    #[error("the proxy answered {status}: {message}")]
    Refused { status: u16, message: String, committed: Option<bool> },
    /// Somebody between us and the proxy answered, or the proxy is none.
    #[error("the answer, with status {status}, is not the proxy's: {problem}")]
    Foreign { status: u16, problem: &'static str },
    /// It was not sent, because it would have been too late.
    #[error("the deadline passed before the call was sent")]
    NoTime,
    /// There was no answer.
    #[error(transparent)]
    Transport(TransportError),
    /// The rows do not fit the type asked for. The statement has run.
    #[error("{0}")]
    Misfit(Misfit),
    /// One row was asked for.
    #[error("the query returned no row")]
    NoRow,
    /// One row was asked for.
    #[error("the query returned {0} rows where at most one was asked for")]
    ManyRows(usize),
    /// A result was asked for that the batch has not.
    #[error("the batch has {count} results; there is no result {index}")]
    NoResult { index: usize, count: usize },
}

/// What may be done again, by what the caller said of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Safety {
    /// It changes nothing.
    pub(crate) read: bool,
    /// The caller says that doing it twice is as good as once.
    pub(crate) idempotent: bool,
    /// An error of Postgres's means that all of it was undone.
    pub(crate) atomic: bool,
}

impl Safety {
    fn may_repeat(self) -> bool {
        self.read || self.idempotent
    }
}

impl From<Kind> for Error {
    fn from(kind: Kind) -> Self {
        Self(Box::new(Inner {
            kind,
            request_id: None,
            retry_after: None,
            query_index: None,
            outcome_unknown: false,
            repeatable: false,
        }))
    }
}

impl From<Misfit> for Error {
    fn from(misfit: Misfit) -> Self {
        Kind::Misfit(misfit).into()
    }
}

impl Error {
    /// Of an answer that is not 2xx.
    pub(crate) fn of_answer(response: &Response, safety: Safety) -> Self {
        let status = response.status;
        let after = response.header("retry-after").and_then(|text| text.trim().parse().ok());
        let told = database::read(status, &response.body);
        let from_proxy = told.is_some();
        let (kind, query_index, unknown) = match told {
            Some(told) => (told.kind, told.query_index, told.outcome_unknown),
            // A gateway may have passed the request on before it gave up. Some statuses of some gateways (521, 525)
            // say that it did not, but they are registered nowhere: of the next gateway they may mean something else.
            None => (Kind::Foreign { status, problem: foreign(status) }, None, status >= 500),
        };
        let again = match (&kind, status) {
            (Kind::Database(error), _) => {
                (error.is_serialization_failure() || error.is_deadlock()) && (safety.atomic || safety.may_repeat())
            }
            // Nothing was run, says the proxy; a gateway says nothing of the kind.
            (Kind::Refused { .. }, 429 | 503) => true,
            // The first with its idempotency key still runs; without one the proxy says nothing of when to come again.
            (Kind::Refused { .. }, 409) => safety.may_repeat() && after.is_some(),
            (Kind::Foreign { .. }, 429) => safety.may_repeat(),
            _ => unknown && safety.may_repeat(),
        };
        let header = response.header("x-request-id").filter(|_| from_proxy).map(str::to_owned);
        let mut error = Self::from(kind);
        error.0.request_id = header;
        error.0.retry_after = after.map(Duration::from_secs);
        error.0.query_index = query_index;
        error.0.outcome_unknown = unknown && !safety.read;
        error.0.repeatable = again;
        error
    }

    /// Of an answer with status 2xx to a call that only a pool-proxy answers in its own way, which this is not.
    pub(crate) fn no_proxy(response: &Response) -> Self {
        const PROBLEM: &str = "what answered is no pool-proxy; look whether the URL is the proxy's";
        Kind::Foreign { status: response.status, problem: PROBLEM }.into()
    }

    /// Of a request without an answer.
    pub(crate) fn of_transport(cause: TransportError, safety: Safety) -> Self {
        let unsent = matches!(cause, TransportError::NotSent(_) | TransportError::NotSentInTime);
        let mut error = Self::from(Kind::Transport(cause));
        error.0.outcome_unknown = !unsent && !safety.read;
        error.0.repeatable = unsent || safety.may_repeat();
        error
    }

    /// Of an answer with status 200 that cannot be read. If it was the proxy's, the statement has run.
    pub(crate) fn unreadable(response: &Response, problem: &'static str) -> Self {
        let mut error = Self::from(Kind::Foreign { status: response.status, problem });
        error.0.request_id = response.header("x-request-id").map(str::to_owned);
        error.0.outcome_unknown = true;
        error
    }

    /// The same error, with the id of its request unless the proxy told one.
    pub(crate) fn of_request(mut self, id: Option<&str>) -> Self {
        let known = self.0.request_id.take();
        self.0.request_id = known.or_else(|| id.map(str::to_owned));
        self
    }

    /// The same error, of a call of which an earlier try may have taken effect.
    pub(crate) fn after_unknown(mut self, unknown: bool) -> Self {
        self.0.outcome_unknown |= unknown;
        self
    }

    /// The same error; if it is of a read, nothing is unknown of what that left behind.
    pub(crate) fn unless_read(mut self, read: bool) -> Self {
        self.0.outcome_unknown &= !read;
        self
    }

    /// The same error, of one statement of a batch.
    pub(crate) fn of_query(mut self, index: usize) -> Self {
        self.0.query_index = Some(index);
        self
    }

    /// No row, where [`one`](crate::QueryAs::one) asked for one.
    pub fn is_not_found(&self) -> bool {
        matches!(self.0.kind, Kind::NoRow)
    }

    /// A value that must be unique is there already (SQLSTATE 23505); see [`constraint`](Self::constraint).
    pub fn is_unique_violation(&self) -> bool {
        self.sqlstate() == Some("23505")
    }

    /// A row is referred to that is not there, or one is still referred to (23503).
    pub fn is_foreign_key_violation(&self) -> bool {
        self.sqlstate() == Some("23503")
    }

    /// A check constraint said no (23514).
    pub fn is_check_violation(&self) -> bool {
        self.sqlstate() == Some("23514")
    }

    /// NULL where the column takes none (23502).
    pub fn is_not_null_violation(&self) -> bool {
        self.sqlstate() == Some("23502")
    }

    /// Concurrent transactions got in each other's way (40001), and this one was rolled back. Of a `CALL` or another
    /// command that commits in the midst of its work, that is what it did since.
    pub fn is_serialization_failure(&self) -> bool {
        self.sqlstate() == Some("40001")
    }

    /// It took too long: the call's deadline passed, the proxy's limit for queries (504), Postgres's own
    /// `statement_timeout` (57014), or the patience of a gateway in between (504, and Cloudflare's 522 and 524).
    pub fn is_timeout(&self) -> bool {
        match &self.0.kind {
            Kind::Transport(TransportError::TimedOut | TransportError::NotSentInTime) | Kind::NoTime => true,
            Kind::Database(error) => error.code == "57014",
            Kind::Foreign { status, .. } => matches!(status, 504 | 522 | 524),
            _ => self.status() == Some(504),
        }
    }

    /// There was no use in asking now: the proxy or its database was not reached, was too busy (503, 429), did not
    /// answer in time, the connection broke (502), or a gateway in between answered for the proxy with any status from
    /// 500 on, such as Cloudflare's 520 to 530. Another time it may be different.
    pub fn is_unavailable(&self) -> bool {
        match self.0.kind {
            Kind::Transport(_) => true,
            Kind::Foreign { status, .. } if status >= 500 => true,
            _ => matches!(self.status(), Some(429 | 502 | 503)) || self.is_timeout(),
        }
    }

    /// What answered is not the proxy, or not in its own words: a gateway in between, or something else at the URL.
    /// [`status`](Self::status) is then theirs. A 3xx mostly means that the URL says `http` where it should say
    /// `https`: redirects are not followed.
    pub fn is_foreign(&self) -> bool {
        matches!(self.0.kind, Kind::Foreign { .. })
    }

    /// Repeating the same call may help, and is safe: it was not carried out, or was rolled back, or twice is as good
    /// as once. The client has done so already, as often as it was allowed to and as time permitted.
    pub fn is_retryable(&self) -> bool {
        self.0.repeatable
    }

    /// The statement may have taken effect, or may still do so: a write that was sent, and nothing came back that
    /// tells. Of a gateway's answer with a status from 500 on this is always assumed, though some (Cloudflare's 521,
    /// 523, 525, 526 and 530) mostly mean that it was not passed on. Never of what the client takes for a read, nor of a
    /// deadline that passed while the transport was still connecting, where it knows.
    pub fn outcome_unknown(&self) -> bool {
        self.0.outcome_unknown
    }

    /// Whether a statement whose result was over the proxy's limit (507) took effect all the same.
    pub fn committed(&self) -> Option<bool> {
        match &self.0.kind {
            Kind::Refused { committed, .. } => *committed,
            _ => None,
        }
    }

    /// The five characters by which Postgres names what is wrong
    /// (<https://www.postgresql.org/docs/current/errcodes-appendix.html>).
    pub fn sqlstate(&self) -> Option<&str> {
        self.database().map(|error| error.code.as_str())
    }

    /// The constraint that was violated.
    pub fn constraint(&self) -> Option<&str> {
        self.database().and_then(|error| error.constraint.as_deref())
    }

    /// All that Postgres said.
    pub fn database(&self) -> Option<&DatabaseError> {
        match &self.0.kind {
            Kind::Database(error) => Some(error),
            _ => None,
        }
    }

    /// The HTTP status, where there was an answer; a gateway's or a redirect's, too.
    pub fn status(&self) -> Option<u16> {
        match &self.0.kind {
            Kind::Database(error) => Some(error.status),
            Kind::Refused { status, .. } | Kind::Foreign { status, .. } => Some(*status),
            Kind::Misfit(_) | Kind::NoRow | Kind::ManyRows(_) | Kind::NoResult { .. } => Some(200),
            Kind::Invalid(_) | Kind::NoTime | Kind::Transport(_) => None,
        }
    }

    /// How long the proxy asks to wait before the next try.
    pub fn retry_after(&self) -> Option<Duration> {
        self.0.retry_after
    }

    /// The id under which the proxy logged the request, or else the one it was sent with.
    pub fn request_id(&self) -> Option<&str> {
        self.0.request_id.as_deref()
    }

    /// Which statement of a batch it was, from 0.
    pub fn query_index(&self) -> Option<usize> {
        self.0.query_index
    }

    /// What Postgres, the proxy or this client says of it. Postgres may quote values in it: not for logs.
    pub fn message(&self) -> String {
        match &self.0.kind {
            Kind::Database(error) => error.message.clone(),
            Kind::Refused { message, .. } => message.clone(),
            kind => kind.to_string(),
        }
    }

    /// For the sentence around what happened.
    fn kind(&self) -> &Kind {
        &self.0.kind
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({self})")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.0.kind {
            Kind::Transport(cause) => Some(cause),
            _ => None,
        }
    }
}

/// What is wrong with an answer that is not the proxy's JSON.
fn foreign(status: u16) -> &'static str {
    match status {
        300..=399 => "it is a redirect, which is not followed; look whether the URL is the proxy's, with http or https",
        _ => "it is not JSON with a requestId",
    }
}

#[cfg(test)]
mod tests;
