//! One connection that several read through at once, each behind the other, none waiting for another's answer to ask.
//!
//! Which answer is whose follows from their order alone, which tokio-postgres keeps; nothing here counts them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;

use futures_util::Stream;
use tokio::task::yield_now;
use tokio::time::Instant;

use super::common::Common;
use super::prepared::Prepared;
use super::query::{Param, QueryError, RowSink, check_count};
use super::rows::Row;
use super::server::Server;

/// After so many bytes of rows others get their turn.
const PORTION: usize = 64 << 10;

/// Such a connection. Cheap to clone.
#[derive(Clone)]
pub struct Multiplex(Arc<Common>);

impl std::fmt::Debug for Multiplex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Multiplex").finish_non_exhaustive()
    }
}

impl Server {
    /// The connection as several read through it.
    pub fn multiplex(&self) -> Multiplex {
        Multiplex(Arc::clone(&self.common))
    }
}

impl Multiplex {
    /// The statement, if it is prepared here, as of a moment.
    pub fn prepared_by(&self, text: &str, now: Instant) -> Option<Prepared> {
        self.0.prepared_by(text, now)
    }

    /// Takes the prepared statement, or prepares it, and keeps it where that is wanted.
    ///
    /// # Errors
    /// What Postgres says of it, or that the connection is gone.
    pub async fn prepare(&self, text: &Arc<str>, keep: bool) -> Result<Prepared, QueryError> {
        self.0.prepare_once(text, keep).await
    }

    /// Executes a SELECT that has columns, and that writes nothing, into a sink. Sent when first polled. Wherever it fails, or is
    /// dropped before its end, nobody knows when its answer is over.
    ///
    /// # Errors
    /// What Postgres or the sink says, or that the connection is gone.
    pub async fn select(
        &self,
        statement: &Prepared,
        params: &[Param],
        sink: &mut dyn RowSink,
    ) -> Result<(), QueryError> {
        check_count(statement, params)?;
        let stream = self.0.client.query_raw(&**statement, params).await.map_err(QueryError::from)?;
        sink.begin(statement.columns());
        let mut stream = pin!(stream);
        let (mut room, mut rows, mut portion, mut refused) = (Vec::new(), 0_u64, 0, None);
        while let Some(row) = poll_fn(|cx| stream.as_mut().poll_next(cx)).await {
            match row {
                Ok(row) => {
                    rows += 1;
                    portion += row.raw_size_bytes();
                    if refused.is_none() {
                        refused =
                            Row::of(&row, &mut room).ok_or(QueryError::Closed).and_then(|row| sink.row(row)).err();
                    }
                }
                Err(error) => return Err(QueryError::from(error).after(refused)),
            }
            if portion > PORTION {
                portion = 0;
                yield_now().await;
            }
        }
        if refused.is_none() && stream.as_ref().get_ref().rows_affected() != Some(rows) {
            // One over the limit is not handed on.
            refused = Some(sink.dropped());
        }
        if self.0.wire.speaks_another_encoding() {
            return Err(QueryError::foreign_encoding());
        }
        match refused {
            Some(QueryError::Full { limit, .. }) => Err(QueryError::Full { limit, completed: true }),
            Some(error) => Err(error),
            None => {
                sink.end(Some(&format!("SELECT {rows}")));
                Ok(())
            }
        }
    }
}
