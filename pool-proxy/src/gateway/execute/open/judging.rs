//! What a statement of an open transaction is: nothing can be asked of Postgres within it, so it is asked before, behind it, or
//! on another connection.

use crate::gateway::verdicts::Judged;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, timeout};

use super::super::{Care, Execution};
use super::PATIENCE;
use crate::error::Failure;
use crate::gateway::call::Query;
use crate::gateway::judge::judge;
use crate::pool::Lease;

/// So many texts are asked about behind a transaction; its connection is wanted elsewhere.
const MOST_JUDGED: usize = 30;

/// How long whoever can begin anew waits for another connection, to ask about a statement there.
const SHORTLY: Duration = Duration::from_millis(500);

impl Execution {
    /// A statement that was not run since it is not known.
    pub(in crate::gateway) fn take_unknown(&mut self) -> Option<Arc<str>> {
        self.open.unknown.take()
    }

    /// Asks Postgres about such a statement, outside of a transaction.
    pub(in crate::gateway) async fn ask_about(&mut self, text: &Arc<str>) -> Result<Option<Arc<Judged>>, Failure> {
        let budget = self.budget();
        let deadline = self.deadline(true)?;
        let progress = Arc::clone(&self.progress);
        let work = judge(&self.database, &mut self.lease, &self.principal, text, true);
        deadline.watch(&budget, &progress, pin!(work)).await
    }

    /// Whether nothing of what ran in the transaction is to be asked about.
    pub(in crate::gateway) fn is_judged(&self) -> bool {
        self.open.unjudged.is_empty()
    }

    /// Makes up for what could not be asked in the transaction, once it has ended. What is too much for now is asked when
    /// it comes again.
    pub(in crate::gateway) async fn judge_what_ran(&mut self) {
        let texts = std::mem::take(&mut self.open.unjudged);
        if texts.is_empty() || self.lease.server().is_none_or(|server| !server.is_idle()) {
            return;
        }
        let fate = self.lease.fate();
        let asked = timeout(PATIENCE, async {
            if std::mem::take(&mut self.owes_reset) {
                self.database.metrics.reset();
                self.lease.server()?.reset().await.ok()?;
            }
            let mut asked = 0;
            for text in texts {
                if asked == MOST_JUDGED {
                    break;
                }
                if self.database.known_verdict(&self.principal, &text).is_none() {
                    // What is wrong with a text its client has been told.
                    let judged = judge(&self.database, &mut self.lease, &self.principal, &text, false).await;
                    asked += usize::from(!matches!(judged, Ok(None)));
                }
            }
            Some(())
        });
        if !matches!(asked.await, Ok(Some(()))) {
            fate.spoil();
        }
    }

    /// What a statement may do to the session; `within` a transaction Postgres cannot be asked on this connection.
    pub(super) async fn care_within(&mut self, query: &Query, within: bool) -> Result<Care, Failure> {
        let restricted = self.principal.is_restricted();
        let verdict = match self.database.known_verdict(&self.principal, query.judged()) {
            // Boxed: it is rare, and every other step would carry its size.
            None if restricted && within => Box::pin(self.judge_elsewhere(query.judged())).await?,
            None if restricted => Box::pin(self.ask_about(query.judged())).await?,
            known => known,
        };
        if verdict.is_none() {
            self.open.unjudged.push(Arc::clone(query.judged()));
        }
        Care::of(verdict.as_deref(), restricted)
    }

    /// Asks about a statement on another connection, since its transaction goes on here.
    async fn judge_elsewhere(&mut self, text: &Arc<str>) -> Result<Option<Arc<Judged>>, Failure> {
        let (_place, mut other) = match self.other().await {
            Ok(other) => other,
            Err(failure) if self.open.is_held => return Err(still_open(failure)),
            Err(failure) => {
                self.open.unknown = Some(Arc::clone(text));
                self.open.is_alone = true;
                return Err(failure);
            }
        };
        let limit = self.database.limits().query;
        let judged = judge(&self.database, &mut other, &self.principal, text, true);
        // Left in the middle, the other connection is looked after by its lease.
        let verdict = timeout(self.left(limit), judged).await.map_err(|_| Failure::TimedOut(limit))?;
        other.finish(false).await;
        verdict
    }

    /// Another connection, for a moment. Whoever waits for it has a place among few, so that there mostly is one.
    async fn other(&mut self) -> Result<(Option<OwnedSemaphorePermit>, Lease), Failure> {
        if self.database.pool.max() == 1 {
            return Err(Failure::busy("pool.max is 1", Duration::from_secs(1)));
        }
        let mut patience = self.database.limits().queue;
        if !self.open.is_held && !self.stays {
            // It can begin anew.
            patience = if self.open.is_alone { Duration::ZERO } else { patience.min(SHORTLY) };
        }
        let patience = self.left(patience);
        let mut place = None;
        if !self.open.is_held {
            place = self.database.place(patience).await;
            if place.is_none() {
                let reason = "too many transactions wait for a connection to the database";
                return Err(Failure::busy(reason, Duration::from_secs(1)));
            }
        }
        let (other, _) = self.database.lease_within(&self.principal, patience).await?;
        Ok((place, other))
    }

    /// No longer than there is time for all of it.
    fn left(&self, limit: Duration) -> Duration {
        match self.ends {
            Some((_, ends)) => limit.min(ends.saturating_duration_since(Instant::now())),
            None => limit,
        }
    }
}

/// Why a statement was not run for which there was no second connection.
fn still_open(failure: Failure) -> Failure {
    let Failure::Unavailable { reason, retry_after, busy } = failure else { return failure };
    let reason = format!(
        "{reason}: a statement that is new to a key like this is looked at on a second connection first; nothing was run, \
         and the transaction is still open"
    );
    Failure::Unavailable { reason, retry_after, busy }
}
