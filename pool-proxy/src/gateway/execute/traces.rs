//! What statements leave for the cache to know: what they have touched, and until where in the log.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Statement;

use super::Execution;
use crate::cache::Scope;
use crate::error::Failure;
use crate::gateway::call::Query;
use crate::gateway::keeping::{shows, writes};
use crate::gateway::outcome::not_sent;
use crate::gateway::send::Frame;
use crate::gateway::witness::{Hearing, Questions, Witness};
use crate::postgres::{Lsn, Snapshot, TransactionStatus};
use crate::statement::{Kind, may_define};

/// How long the moment behind a text may take to be told.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was touched and is not acknowledged yet.
#[derive(Default)]
pub(super) struct Traces {
    writes: bool,
    /// Definitions or rights may be others afterwards.
    defines: bool,
    /// What the last read that may be kept saw, and where the log ended on disk.
    witness: Option<(Snapshot, Lsn)>,
    /// The last place in the log that an answer must be known to cover.
    bookmark: Option<Lsn>,
}

/// What a read that may be kept has seen.
#[derive(Debug)]
pub(in crate::gateway) struct Seen {
    /// What it was read from.
    pub(in crate::gateway) scope: Scope,
    /// What was visible at least.
    pub(in crate::gateway) snapshot: Snapshot,
    /// The end of the log on disk.
    pub(in crate::gateway) flushed: Lsn,
}

impl Execution {
    /// What the database is asked about the moment of statements, where anybody wants to know; `may_be_kept` if it is an
    /// answer that may be.
    pub(super) async fn questions(&mut self, may_be_kept: bool) -> Result<Questions, Failure> {
        if self.database.keeping.is_none() {
            return Ok(Questions::default());
        }
        let (before, behind) = Questions::texts();
        let before = if may_be_kept { Some(self.question(before).await?) } else { None };
        Ok(Questions { before, behind: Some(self.question(behind).await?) })
    }

    pub(super) async fn question(&mut self, text: &Arc<str>) -> Result<Statement, Failure> {
        let server = self.server()?;
        match server.prepared(text) {
            Some(statement) => Ok(statement),
            None => server.prepare(text, true).await.map_err(not_sent),
        }
    }

    /// Takes note of what a flight has touched, and tells the cache where that lies in the log once it has come to stay:
    /// before its client is told anything.
    pub(super) fn leave_traces(
        &mut self,
        queries: &[Query],
        frame: &Frame,
        witness: Witness,
        outcome: &Result<(), Failure>,
    ) {
        let Some(keeping) = &self.database.keeping else { return };
        for query in queries {
            let verdict = self.database.known_verdict(&self.principal, query.judged());
            self.traces.writes |= writes(verdict.as_deref());
        }
        if let Some(ends) = &witness.ends {
            keeping.changes.learn(ends.asked, ends.end);
        }
        if frame.questions.before.is_some() {
            // What it saw is the answer's own, and told with it.
            (self.traces.writes, self.traces.defines) = (false, false);
            self.traces.witness = witness.snapshot.zip(witness.ends.map(|ends| ends.flushed));
        } else if let Some(ends) = witness.ends {
            let traces = std::mem::take(&mut self.traces);
            let position = if traces.writes { ends.end } else { ends.flushed };
            if traces.defines {
                keeping.changes.doubt_definitions();
            }
            keeping.changes.acknowledge(position);
            self.traces.bookmark = Some(position);
        } else if frame.questions.behind.is_some() {
            let writes = std::mem::take(&mut self.traces).writes;
            // What has failed has changed nothing.
            if writes && !matches!(outcome, Err(Failure::Unavailable { .. } | Failure::Database { .. })) {
                keeping.changes.doubt();
            }
        }
        // Else its transaction goes on; if it has failed, it has changed nothing.
    }

    /// Takes note of statements that may change definitions or rights, by their commands: what a function or a trigger
    /// does of that kind is found by looking, like what others do.
    pub(super) fn note_definitions(&mut self, statements: &[Statement], queries: &[Query]) {
        if self.database.keeping.is_none() {
            return;
        }
        self.traces.defines |= statements.iter().zip(queries).any(|(statement, query)| {
            let verdict = self.database.known_verdict(&self.principal, query.judged());
            let is_of_rows = verdict.is_some_and(|verdict| !matches!(verdict.kind, Kind::Utility | Kind::Unknown));
            !is_of_rows && may_define(&query.text, !statement.columns().is_empty())
        });
    }

    /// Whether the answer to a statement may show, or be, a change: where in the log that lies is asked then.
    pub(super) fn may_show(&self, query: &Query) -> bool {
        let verdict = self.database.known_verdict(&self.principal, query.judged());
        self.database.keeping.is_some() && shows(verdict.as_deref())
    }

    /// What was touched in a way that nobody knows, such as by a text of several statements.
    pub(super) fn touch_everything(&mut self) {
        if self.database.keeping.is_some() {
            (self.traces.writes, self.traces.defines) = (true, true);
        }
    }

    /// Asks for a moment behind what has run outside of a transaction without being asked for one.
    pub(super) async fn look_behind(&mut self) {
        if self.database.keeping.is_none() || !matches!(self.standing().await, Ok(Some(TransactionStatus::Idle))) {
            return;
        }
        let look = async {
            let questions = self.questions(false).await.ok()?;
            let mut heard = Hearing::new();
            let server = &*self.server().ok()?;
            server.execute(server.executions(), questions.behind.as_ref()?, &[], &mut heard).await.ok()?;
            Some((questions, heard.ends()?))
        };
        let Some((questions, ends)) = timeout(PATIENCE, look).await.ok().flatten() else {
            return self.note_loss(&Err::<(), _>(Failure::OutcomeUnknown));
        };
        let witness = Witness { snapshot: None, ends: Some(ends) };
        self.leave_traces(&[], &Frame { questions, ..Frame::default() }, witness, &Ok(()));
    }

    /// What was touched is undone.
    pub(super) fn leave_no_traces(&mut self) {
        self.traces =
            Traces { witness: self.traces.witness.take(), bookmark: self.traces.bookmark, ..Traces::default() };
    }

    /// Whatever was under way is lost: if it has come to nothing else, nobody knows what it did.
    pub(super) fn note_loss<T>(&mut self, outcome: &Result<T, Failure>) {
        if matches!(outcome, Err(Failure::OutcomeUnknown))
            && let Some(keeping) = &self.database.keeping
        {
            self.traces = Traces::default();
            keeping.changes.doubt();
        }
    }

    /// What the last read saw, if its answer may be kept until that changes.
    pub(in crate::gateway) fn take_seen(&mut self, query: &Query) -> Option<Seen> {
        let (snapshot, flushed) = self.traces.witness.take()?;
        let keeping = self.database.keeping.as_ref()?;
        let verdict = self.database.known_verdict(&self.principal, query.judged())?;
        let scope = keeping.scope(&verdict, query).ok()?;
        Some(Seen { scope, snapshot, flushed })
    }

    /// A place in the log that everything it has done so far lies before, if that is known.
    pub(in crate::gateway) fn bookmark(&self) -> Option<Lsn> {
        self.traces.bookmark
    }
}
