//! One connection to Postgres: its prepared statements, its executions, its reset.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use deadpool_postgres::ClientWrapper;
use futures_util::Stream;
use tokio::task::yield_now;
use tokio::time::Instant;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::cancel::Canceller;
use super::common::Common;
use super::prepared::Prepared;
use super::query::{Param, QueryError, RowSink, check_count};
use super::rest::Rest;
use super::rows::Row;
use super::schema::Schema;
use super::settings::Settings;
use super::wire::{Completion, Passed, Taken, TransactionStatus, Wire};

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

/// A connection to Postgres.
pub struct Server {
    pub(super) common: Arc<Common>,
    canceller: Arc<Canceller>,
    /// Whether the transaction under way has changed the schema.
    changes_schema: AtomicBool,
    pub(super) rest: Rest,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

impl Server {
    pub(super) fn new(client: ClientWrapper, wire: Wire, canceller: Canceller, schema: Schema, rest: Rest) -> Self {
        Self {
            common: Arc::new(Common::new(client, wire, schema)),
            canceller: Arc::new(canceller),
            changes_schema: AtomicBool::new(false),
            rest,
        }
    }

    /// Whether the connection has ended.
    pub fn is_closed(&self) -> bool {
        self.common.client.is_closed()
    }

    /// Outside of a transaction and with nothing under way.
    pub fn is_idle(&self) -> bool {
        !self.is_closed() && self.common.wire.status() == Some(TransactionStatus::Idle)
    }

    /// Where the session stands, once nothing is under way.
    pub fn status(&self) -> Option<TransactionStatus> {
        self.common.wire.status()
    }

    /// What has passed since somebody asked last.
    pub fn passed(&self) -> Passed {
        self.common.wire.passed()
    }

    /// How many requests are to be answered yet, of those that were sent.
    pub fn under_way(&self) -> usize {
        self.common.wire.under_way()
    }

    /// How often something was sent; the same as before means that nothing was.
    pub fn departures(&self) -> u64 {
        self.common.wire.departures()
    }

    /// For what must be asked in ways of its own, such as the analysis of a statement.
    pub fn client(&self) -> &Client {
        &self.common.client
    }

    /// Cancels what this connection runs.
    pub fn canceller(&self) -> Arc<Canceller> {
        Arc::clone(&self.canceller)
    }

    /// A row of the executions to come that is longer than this, in bytes, is dropped as it comes in, and refused by its sink, unless
    /// that is the proxy's own. 0 for no limit.
    pub fn limit_rows(&self, bytes: u64) {
        self.common.wire.limit_rows(usize::try_from(bytes).unwrap_or(usize::MAX));
    }

    /// The statement, if it is prepared here and the schema has not changed since, as far as is known.
    pub fn prepared(&self, text: &str) -> Option<Prepared> {
        self.prepared_by(text, Instant::now())
    }

    /// The same, as of a moment.
    pub fn prepared_by(&self, text: &str, now: Instant) -> Option<Prepared> {
        self.common.prepared_by(text, now)
    }

    /// Whether the statement is one that was prepared here before that moment.
    pub fn was_prepared_before(&self, text: &str, moment: Instant) -> bool {
        self.common.was_prepared_before(text, moment)
    }

    /// Prepares a statement, or takes the prepared one. With `keep` false it is prepared for this once.
    ///
    /// # Errors
    /// What Postgres says of it, or that the connection is gone.
    pub async fn prepare(&self, text: &Arc<str>, keep: bool) -> Result<Prepared, QueryError> {
        self.common.prepare_once(text, keep).await
    }

    /// Drops a prepared statement that no longer fits the schema.
    pub fn forget(&self, text: &str) {
        self.common.forget(text);
    }

    /// Drops all prepared statements.
    pub fn forget_all(&self) {
        self.common.forget_all();
    }

    /// The number of the next execution. To be taken when nothing is under way; executions that are then sent in
    /// order have consecutive numbers.
    pub fn executions(&self) -> u64 {
        self.common.wire.executions()
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
        check_count(statement, params)?;
        let reader = self.common.wire.read_rows(number, !sink.is_own());
        let stream = self.common.client.query_raw(&**statement, params).await.map_err(QueryError::from)?;
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
                Some(Some(Err(error))) => return Err(QueryError::from(error).after(refused)),
            }
        }
        let Completion { tag, foreign_encoding } = self.common.wire.completion(number).ok_or(QueryError::Closed)?;
        if may_change_schema(tag.as_deref().unwrap_or_default(), !columns.is_empty()) {
            self.common.schema.changed();
            self.changes_schema.store(true, Ordering::Relaxed);
        }
        if foreign_encoding && !columns.is_empty() {
            return Err(QueryError::foreign_encoding());
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
        self.common.client.batch_execute(sql).await.map_err(QueryError::from)
    }

    /// Commits. What others prepared between a change of the schema and its commit still has the old one.
    ///
    /// # Errors
    /// What Postgres says, or that the connection is gone.
    pub async fn commit(&self) -> Result<(), QueryError> {
        let committed = self.command("COMMIT").await;
        if self.changes_schema.swap(false, Ordering::Relaxed) {
            self.common.schema.changed();
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
        let messages = self.common.client.simple_query(&sql).await.map_err(QueryError::from)?;
        let rows = messages.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(row),
            _ => None,
        });
        self.common.current.set(Settings::Own);
        let remains = rows.last().map(|row| (row.get(0), row.get(1).and_then(|count| count.parse().ok()), row.get(2)));
        match remains {
            Some((Some("0"), Some(ours), Some("f"))) if self.common.kept() <= ours => Ok(()),
            Some((sql, ours, extensions)) => {
                let kept = self.common.kept();
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
