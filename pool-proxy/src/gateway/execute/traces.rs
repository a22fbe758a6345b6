//! What statements leave for the cache to know: what they have touched, and until where in the log.

use crate::gateway::verdicts::Judged;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::Execution;
use crate::cache::Scope;
use crate::error::Failure;
use crate::gateway::call::Query;
use crate::gateway::keeping::{shows, writes};
use crate::gateway::outcome::not_sent;
use crate::gateway::send::{Frame, tell};
use crate::gateway::witness::{Hearing, Questions, Witness};
use crate::postgres::{Lsn, Prepared, Snapshot, TransactionStatus};
use crate::statement::{Kind, may_define, shows_nothing};

/// How long the moment behind a text may take to be told.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was touched and is not acknowledged yet.
// Independent facts, not a state.
#[allow(clippy::struct_excessive_bools)]
#[derive(Default)]
pub(super) struct Traces {
    writes: bool,
    /// Definitions or rights may be others afterwards.
    defines: bool,
    /// Other proxies are to be told so.
    tells: bool,
    /// The client is about to be told what it may not know yet, be it by an error.
    shows: bool,
    /// What the last read that may be kept saw, and where the log ended on disk.
    witness: Option<(Snapshot, Lsn)>,
    /// The last place in the log that an answer must be known to cover.
    bookmark: Option<Lsn>,
}

/// What a read that may be kept has seen.
#[derive(Debug)]
pub(in crate::gateway) struct Seen {
    /// What it was read from, if its answer may be kept until that changes.
    pub(in crate::gateway) scope: Option<Scope>,
    /// What was visible at least.
    pub(in crate::gateway) snapshot: Snapshot,
    /// The end of the log on disk.
    pub(in crate::gateway) flushed: Lsn,
}

impl Execution {
    /// What the database is asked about the moment of statements, where anybody wants to know; `may_be_kept` if it is an
    /// answer that may be.
    pub(super) async fn questions(&mut self, may_be_kept: bool) -> Result<Questions, Failure> {
        let Some(keeping) = &self.database.keeping else { return Ok(Questions::default()) };
        let era = keeping.changes.era();
        let visible = if may_be_kept { keeping.changes.visible() } else { None };
        let (before, behind) = Questions::texts();
        let before = if may_be_kept && visible.is_none() { Some(self.question(before).await?) } else { None };
        Ok(Questions { before, behind: Some(self.question(behind).await?), visible, era })
    }

    /// The same for statements of a transaction that goes on: one that has failed answers no questions.
    pub(super) async fn questions_within(&mut self, queries: &[Query]) -> Result<Questions, Failure> {
        let (_, behind) = Questions::texts();
        let may_ask = self.server()?.prepared(behind).is_some()
            || matches!(self.standing().await?, Some(TransactionStatus::Idle | TransactionStatus::Open));
        if may_ask && queries.iter().any(|query| self.may_show(query)) {
            return self.questions(false).await;
        }
        Ok(Questions::default())
    }

    pub(super) async fn question(&mut self, text: &Arc<str>) -> Result<Prepared, Failure> {
        let server = self.server()?;
        match server.prepared(text) {
            Some(statement) => Ok(statement),
            None => server.prepare(text, true).await.map_err(not_sent),
        }
    }

    /// Takes note of what a flight has touched and shown, and tells the cache where that lies in the log, if the flight has
    /// asked: before its client is told anything.
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
            // Constraints may have triggers that wait for the end of the transaction.
            let may_write = frame.in_transaction || !shows_nothing(&query.text);
            self.traces.writes |= may_write && writes(verdict.as_deref().map(Judged::verdict));
            self.traces.shows |= self.may_show(query);
        }
        self.traces.shows |= matches!(outcome, Err(failure) if !matches!(failure, Failure::Unavailable { .. }));
        if let Some(ends) = &witness.ends {
            keeping.changes.learn(ends.asked, ends.end);
        }
        if let Some(snapshot) = &witness.behind {
            keeping.changes.see(frame.questions.era, snapshot);
        }
        if frame.questions.are_of_one_to_keep()
            && outcome.is_ok()
            && let Some(visible) = witness.before.or_else(|| frame.questions.visible.clone())
            && let Some(ends) = &witness.ends
        {
            // What it saw is the answer's own, and told with it.
            self.leave_no_traces();
            (self.traces.shows, self.traces.witness) = (false, Some((visible, ends.flushed)));
            return;
        }
        let has_ended = frame.commit || !frame.in_transaction;
        let writes = has_ended && std::mem::take(&mut self.traces.writes);
        if has_ended && frame.questions.behind.is_some() && std::mem::take(&mut self.traces.defines) {
            self.traces.tells = false;
            keeping.changes.doubt_definitions();
        }
        match witness.ends {
            Some(ends) => {
                // What has failed has changed nothing.
                let has_failed = matches!(outcome, Err(Failure::Database { .. }));
                let position = if writes && !has_failed { ends.end } else { ends.flushed };
                self.traces.shows = false;
                keeping.changes.acknowledge(position);
                self.traces.bookmark = self.traces.bookmark.max(Some(position));
            }
            None => self.traces.shows |= writes,
        }
    }

    /// At the end of a call: what its client is told now, and no flight has asked about, lies somewhere.
    pub(super) fn settle_traces<T>(&mut self, outcome: &Result<T, Failure>) {
        let Some(keeping) = &self.database.keeping else { return };
        // If it has come to nothing else, nobody knows what it did.
        let is_lost = matches!(outcome, Err(Failure::OutcomeUnknown));
        if is_lost {
            keeping.changes.doubt_definitions();
        }
        if let (Err(_), Some((_, flushed))) = (outcome, &self.traces.witness) {
            // Nobody takes what it saw: that it is too large, say.
            keeping.changes.acknowledge(*flushed);
            self.traces.witness = None;
        }
        if std::mem::take(&mut self.traces.shows) || is_lost {
            keeping.changes.acknowledge_somewhere();
        }
    }

    /// Behind a text: what it has defined stays if it has ended its transaction, though that is an error.
    pub(super) fn doubt_definitions(&self) {
        if let Some(keeping) = self.database.keeping.as_ref().filter(|_| self.traces.defines) {
            keeping.changes.doubt_definitions();
        }
    }

    /// Takes note of statements that may change definitions or rights, by their commands: what a function or a trigger
    /// does of that kind is found by looking, like what others do.
    pub(super) fn note_definitions(&mut self, statements: &[Prepared], queries: &[Query]) {
        if self.database.keeping.is_none() {
            return;
        }
        let mut flight = statements.iter().zip(queries);
        let defines = flight.any(|(statement, query)| self.may_define(query, !statement.columns().is_empty()));
        self.traces.defines |= defines;
        self.traces.tells |= defines;
    }

    /// The same of statements that were done before, perhaps by a proxy that could not tell others.
    pub(super) fn note_repeated(&mut self, queries: &[Query]) {
        self.traces.defines |= queries.iter().any(|query| self.may_define(query, false));
    }

    fn may_define(&self, query: &Query, has_columns: bool) -> bool {
        let verdict = self.database.known_verdict(&self.principal, query.judged());
        let is_of_rows = verdict.is_some_and(|verdict| !matches!(verdict.kind, Kind::Utility | Kind::Unknown));
        !is_of_rows && may_define(&query.text, has_columns)
    }

    /// What other proxies are to be told behind a flight, where definitions may be others.
    pub(super) fn tells_behind(&self, frame: &Frame) -> Option<String> {
        let has_ended = frame.questions.behind.is_some() && (frame.commit || !frame.in_transaction);
        if has_ended { self.tells() } else { None }
    }

    fn tells(&self) -> Option<String> {
        let keeping = self.database.keeping.as_ref().filter(|_| self.traces.tells)?;
        Some(tell(keeping.changes.number()))
    }

    /// Whether the answer to a statement may show, or be, a change: where in the log that lies is asked then.
    pub(super) fn may_show(&self, query: &Query) -> bool {
        if self.database.keeping.is_none() {
            return false;
        }
        let verdict = self.database.known_verdict(&self.principal, query.judged());
        shows(verdict.as_deref().map(Judged::verdict)) && !shows_nothing(&query.text)
    }

    /// What was touched in a way that nobody knows, such as by a text of several statements. Whether `defines` something is
    /// seen as it runs.
    pub(super) fn touch_everything(&mut self, defines: bool) {
        if self.database.keeping.is_some() {
            (self.traces.writes, self.traces.defines, self.traces.shows) = (true, true, true);
            self.traces.tells |= defines;
        }
    }

    /// Asks for a moment behind what has run outside of a transaction without being asked for one.
    pub(super) async fn look_behind(&mut self) {
        if self.database.keeping.is_none() || !matches!(self.standing().await, Ok(Some(TransactionStatus::Idle))) {
            return;
        }
        let tells = self.tells();
        let look = async {
            let questions = self.questions(false).await.ok()?;
            let server = &*self.server().ok()?;
            if let Some(tell) = tells {
                let _ = server.command(&tell).await;
            }
            let mut heard = Hearing::new();
            server.execute(server.executions(), questions.behind.as_ref()?, &[], &mut heard).await.ok()?;
            Some((questions, Hearing::witness(Hearing::new(), heard)))
        };
        if let Some((questions, witness)) = timeout(PATIENCE, look).await.ok().flatten() {
            self.leave_traces(&[], &Frame { questions, ..Frame::default() }, witness, &Ok(()));
        }
    }

    /// What was touched is undone. What was shown is not.
    pub(super) fn leave_no_traces(&mut self) {
        let Traces { shows, witness, bookmark, .. } = std::mem::take(&mut self.traces);
        self.traces = Traces { shows, witness, bookmark, ..Traces::default() };
    }

    /// What the last read saw, if that is known: who takes it has to tell the cache before a client is told.
    pub(in crate::gateway) fn take_seen(&mut self, query: &Query) -> Option<Seen> {
        let (snapshot, flushed) = self.traces.witness.take()?;
        let keeping = self.database.keeping.as_ref()?;
        let verdict = self.database.known_verdict(&self.principal, query.judged());
        // A session that has other settings than those to come may have read something else.
        let verdict = verdict.filter(|_| !self.lease.is_outdated());
        let scope = verdict.and_then(|verdict| keeping.scope(&verdict, query).ok());
        Some(Seen { scope, snapshot, flushed })
    }

    /// A place in the log that everything it has done so far lies before, if that is known.
    pub(in crate::gateway) fn bookmark(&self) -> Option<Lsn> {
        self.traces.bookmark
    }
}
