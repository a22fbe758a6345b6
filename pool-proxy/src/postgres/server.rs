//! One connection to Postgres: its prepared statements, its executions, its reset.

use std::future::poll_fn;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use foldhash::quality::RandomState;
use futures_util::Stream;
use lru::LruCache;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::cancel::Canceller;
use super::prepared::Prepared;
use super::query::{Param, QueryError, RowSink};
use super::rest::Rest;
use super::rows::Row;
use super::schema::Schema;
use super::settings::{Current, Settings, has_literal};
use super::wire::{Completion, Passed, Taken, TransactionStatus, Wire};
use crate::error::DatabaseError;

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

/// Undoes whatever a request can do to its session, in one round trip; the prepared statements of the proxy stay.
/// It is `DISCARD ALL` (<https://www.postgresql.org/docs/current/sql-discard.html>) without `DEALLOCATE ALL`.
const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; CLOSE ALL; UNLISTEN *; \
    SELECT pg_catalog.pg_advisory_unlock_all(); DISCARD TEMP; DISCARD SEQUENCES; ";

/// What only closing the connection undoes: statements that SQL prepared, statements of ours that SQL has deallocated,
/// and extensions that keep something in the session.
const REMAINS: &str = "SELECT pg_catalog.count(*) FILTER (WHERE from_sql), pg_catalog.count(*) FILTER (WHERE NOT from_sql), \
    EXISTS (SELECT FROM pg_catalog.pg_extension WHERE extname = ANY ('{dblink,plperl,plperlu,plpython3u,plpython2u,\
    pltcl,pltclu,plv8,plr,pljava,pg_variables}')) FROM pg_catalog.pg_prepared_statements";

/// Anything but reading and writing rows and what concerns the session or transaction alone may; what a cursor gives is
/// part of what a FETCH is. A SELECT without columns is a CREATE TABLE AS, CREATE MATERIALIZED VIEW or SELECT INTO: their
/// tag is that of the query in them. EXPLAIN ANALYZE runs those, too.
pub(super) fn may_change_schema(tag: &str, has_columns: bool) -> bool {
    let end = tag.bytes().position(|byte| byte == b' ').unwrap_or(tag.len());
    let command = tag.get(..end).unwrap_or_default();
    let rows = matches!(command, "" | "INSERT" | "UPDATE" | "DELETE" | "MERGE") || (command == "SELECT" && has_columns);
    let session = matches!(command, "SHOW" | "SET" | "SAVEPOINT" | "RELEASE" | "ROLLBACK" | "LOCK" | "NOTIFY");
    !rows && !session
}

struct Held {
    statement: Prepared,
    version: u64,
    at: Instant,
    /// The settings its literals were read by, if it has any.
    settings: Option<Settings>,
}

/// A connection to Postgres.
pub struct Server {
    /// Shared with who waits for a sign of life.
    pub(super) client: Arc<ClientWrapper>,
    wire: Wire,
    canceller: Arc<Canceller>,
    prepared: LruCache<Arc<str>, Held, RandomState>,
    schema: Schema,
    /// Whether the transaction under way has changed the schema.
    changes_schema: AtomicBool,
    pub(super) rest: Rest,
    pub(super) current: Current,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(client: ClientWrapper, wire: Wire, canceller: Canceller, schema: Schema, rest: Rest) -> Self {
        Self {
            client: Arc::new(client),
            wire,
            canceller: Arc::new(canceller),
            prepared: LruCache::with_hasher(PREPARED, RandomState::default()),
            schema,
            changes_schema: AtomicBool::new(false),
            rest,
            current: Current::default(),
        }
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Outside of a transaction and with nothing under way.
    pub fn is_idle(&self) -> bool {
        !self.is_closed() && self.wire.status() == Some(TransactionStatus::Idle)
    }

    /// Where the session stands, once nothing is under way.
    pub fn status(&self) -> Option<TransactionStatus> {
        self.wire.status()
    }

    /// What has passed since somebody asked last.
    pub fn passed(&self) -> Passed {
        self.wire.passed()
    }

    /// How often something was sent; the same as before means that nothing was.
    pub fn departures(&self) -> u64 {
        self.wire.departures()
    }

    /// For what must be asked in ways of its own, such as the analysis of a statement.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Cancels what this connection runs.
    pub fn canceller(&self) -> Arc<Canceller> {
        Arc::clone(&self.canceller)
    }

    /// A row of the executions to come that is longer than this, in bytes, is dropped as it comes in, and refused by its sink, unless
    /// that is the proxy's own. 0 for no limit.
    pub fn limit_rows(&self, bytes: u64) {
        self.wire.limit_rows(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// The statement, if it is prepared here and the schema has not changed since, as far as is known.
    pub fn prepared(&mut self, text: &str) -> Option<Prepared> {
        self.prepared_by(text, Instant::now())
    }

    /// The same, as of a moment.
    pub fn prepared_by(&mut self, text: &str, now: Instant) -> Option<Prepared> {
        let held = self.prepared.get(text)?;
        let fits = held.settings.is_none_or(|settings| settings == self.current.get());
        if fits && held.version == self.schema.version() && now.duration_since(held.at) < LASTING {
            return Some(held.statement.clone());
        }
        self.prepared.pop(text);
        None
    }

    /// Whether the statement is one that was prepared here before that moment.
    pub fn was_prepared_before(&self, text: &str, moment: Instant) -> bool {
        self.prepared.peek(text).is_some_and(|held| held.at < moment)
    }

    /// Prepares a statement, or takes the prepared one. With `keep` false it is prepared for this once.
    ///
    /// # Errors
    /// What Postgres says of it, or that the connection is gone.
    pub async fn prepare(&mut self, text: &Arc<str>, keep: bool) -> Result<Prepared, QueryError> {
        if let Some(statement) = self.prepared(text) {
            return Ok(statement);
        }
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
            self.prepared.put(Arc::clone(text), held);
        }
        Ok(statement)
    }

    /// Drops a prepared statement that no longer fits the schema.
    pub fn forget(&mut self, text: &str) {
        self.prepared.pop(text);
    }

    /// Drops all prepared statements.
    pub fn forget_all(&mut self) {
        self.prepared.clear();
    }

    /// The number of the next execution. To be taken when nothing is under way; executions that are then sent in
    /// order have consecutive numbers.
    pub fn executions(&self) -> u64 {
        self.wire.executions()
    }

    /// Executes a prepared statement into a sink. The request is sent when the future is first polled, so several
    /// of them polled in order are pipelined.
    ///
    /// # Errors
    /// What Postgres or the sink says, or that the connection is gone.
    pub async fn execute(
        &self,
        number: u64,
        statement: &Prepared,
        params: &[Param],
        sink: &mut dyn RowSink,
    ) -> Result<Option<String>, QueryError> {
        let wanted = statement.params().len();
        if params.len() != wanted {
            return Err(QueryError::Database(Box::new(DatabaseError::parameter_count(params.len(), wanted))));
        }
        let reader = self.wire.read_rows(number, !sink.is_own());
        let stream = self.client.query_raw(&**statement, params).await.map_err(QueryError::from)?;
        let columns = statement.columns();
        sink.begin(columns);
        let mut stream = pin!(stream);
        // A sink that takes no more is no reason to stop reading: Postgres's last word says whether the statement
        // was cancelled or completed.
        let (mut rows, mut refused) = (Vec::new(), None);
        loop {
            // The stream has no rows, since they are set aside, but an end.
            let step = poll_fn(|cx| match stream.as_mut().poll_next(cx) {
                Poll::Ready(end) => Poll::Ready((reader.take(&mut rows, cx), Some(end))),
                Poll::Pending => match reader.take(&mut rows, cx) {
                    Taken::Nothing => Poll::Pending,
                    taken => Poll::Ready((taken, None)),
                },
            });
            let (taken, end) = step.await;
            if refused.is_none() {
                refused = write(&rows, columns.len(), sink).err();
                if refused.is_none() && taken == Taken::Last {
                    refused = Some(sink.dropped());
                }
                if refused.is_some() {
                    reader.stop();
                }
            }
            match end {
                // A server that is faster than its reader leaves others their turn.
                None => yield_now().await,
                Some(None) => break,
                Some(Some(Ok(_))) => return Err(QueryError::Closed),
                Some(Some(Err(error))) => {
                    return Err(match (QueryError::from(error), refused) {
                        // It was cancelled because of the refusal; a lost connection would leave that open.
                        (QueryError::Database(said), Some(refused)) if !said.is_shutdown() => refused,
                        (error, _) => error,
                    });
                }
            }
        }
        let Completion { tag, foreign_encoding } = self.wire.completion(number).ok_or(QueryError::Closed)?;
        if may_change_schema(tag.as_deref().unwrap_or_default(), !columns.is_empty()) {
            self.schema.changed();
            self.changes_schema.store(true, Ordering::Relaxed);
        }
        if foreign_encoding && !columns.is_empty() {
            let message = "the result is not UTF-8: the statement has run, but leave client_encoding as it is";
            return Err(QueryError::Invalid(message.to_owned()));
        }
        match refused {
            Some(QueryError::Full { limit, .. }) => Err(QueryError::Full { limit, completed: true }),
            Some(error) => Err(error),
            None => {
                sink.end(tag.as_deref());
                Ok(tag)
            }
        }
    }

    /// Runs commands of the proxy's own, without parameters or results.
    ///
    /// # Errors
    /// What Postgres says, or that the connection is gone.
    pub async fn command(&self, sql: &str) -> Result<(), QueryError> {
        self.client.batch_execute(sql).await.map_err(QueryError::from)
    }

    /// Commits. What others prepared between a change of the schema and its commit still has the old one.
    ///
    /// # Errors
    /// What Postgres says, or that the connection is gone.
    pub async fn commit(&self) -> Result<(), QueryError> {
        let committed = self.command("COMMIT").await;
        if self.changes_schema.swap(false, Ordering::Relaxed) {
            self.schema.changed();
        }
        committed
    }

    /// Undoes what a request did to the session. Sent when first polled, like an execution.
    ///
    /// # Errors
    /// When the session could not be made clean: the connection must be closed.
    pub async fn reset(&self) -> Result<(), QueryError> {
        // Whoever sets the seed must not know what is random to others.
        let seed: f64 = rand::random_range(-1.0..1.0);
        let sql = format!("{RESET} SELECT pg_catalog.setseed({seed}); {REMAINS}");
        let messages = self.client.simple_query(&sql).await.map_err(QueryError::from)?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        self.current.set(Settings::Own);
        let remains = rows.last().map(|row| (row.get(0), row.get(1).and_then(|count| count.parse().ok()), row.get(2)));
        match remains {
            Some((Some("0"), Some(ours), Some("f"))) if self.prepared.len() <= ours => Ok(()),
            Some((sql, ours, extensions)) => {
                let kept = self.prepared.len();
                tracing::debug!(?sql, ?ours, kept, ?extensions, "a session cannot be reset");
                Err(QueryError::Closed)
            }
            None => Err(QueryError::Closed),
        }
    }
}

/// Hands rows that stand one behind the other to a sink, each with as many columns as the statement.
fn write(mut rows: &[u8], columns: usize, sink: &mut dyn RowSink) -> Result<(), QueryError> {
    while !rows.is_empty() {
        let row = Row::next(&mut rows).filter(|row| row.columns() == columns).ok_or(QueryError::Closed)?;
        sink.row(row)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{QueryError, RowSink, write};
    use crate::postgres::{Columns, Row, row};

    /// Counts.
    struct Count(usize);

    impl RowSink for Count {
        fn begin(&mut self, _: &Columns) {}

        fn row(&mut self, _: Row<'_>) -> Result<(), QueryError> {
            self.0 += 1;
            Ok(())
        }

        fn dropped(&mut self) -> QueryError {
            QueryError::Closed
        }

        fn end(&mut self, _: Option<&str>) {}
    }

    #[test]
    fn what_is_no_row_of_the_statement_ends_it_wherever_it_stands() {
        let (one, two) = (row(&[Some(b"1")]), row(&[Some(b"1"), None]));
        let without_columns = b"D\0\0\0\x05\0".to_vec();
        let mut count = Count(0);
        assert!(write(&one.repeat(3), 1, &mut count).is_ok());
        assert_eq!(count.0, 3);
        assert!(matches!(write(&one[..9], 1, &mut count), Err(QueryError::Closed)));
        for broken in [two, without_columns, b"x".to_vec()] {
            for (before, behind) in [(0, 0), (0, 2), (2, 0), (1, 1)] {
                let mut count = Count(0);
                let rows = [one.repeat(before), broken.clone(), one.repeat(behind)].concat();
                assert!(matches!(write(&rows, 1, &mut count), Err(QueryError::Closed)), "{rows:?}");
                assert_eq!(count.0, before);
            }
        }
    }
}
