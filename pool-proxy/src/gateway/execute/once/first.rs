//! The first time: takes the key, does what is asked, stores the outcome, commits. That is one flight more than without a key,
//! since an outcome must be known before it can be stored.

use std::pin::pin;
use std::sync::Arc;

use tokio::time::timeout;

use super::super::batch::{Sending, is_stale};
use super::super::{Execution, identity_refused, is_read_anew, within};
use super::{Asked, of_none, own};
use crate::error::Failure;
use crate::gateway::call::{Budget, Mode};
use crate::gateway::identity::{self, Claim, Nowhere};
use crate::gateway::once::Once;
use crate::gateway::once::table::TEXTS;
use crate::gateway::outcome::not_sent;
use crate::gateway::send::{Flight, Frame};
use crate::gateway::witness::Questions;
use crate::postgres::{Param, Prepared};
use crate::statement;

/// What is needed of the table in the course of it.
struct Seal {
    claim: Claim,
    store: Prepared,
    /// Leaves the role of the statements, and enters it again.
    role: Option<(Prepared, Prepared)>,
}

impl Execution {
    /// Does it, if nobody has; `is_ours` says that the key was taken.
    pub(super) async fn first(
        &mut self,
        once: &Once,
        asked: &Asked<'_>,
        is_ours: &mut bool,
    ) -> Result<Vec<u8>, Failure> {
        let recovers = asked.queries.iter().any(|query| statement::rolls_back_to_savepoint(&query.text));
        let mut sending = if recovers { Sending::Stepwise } else { Sending::Pipelined };
        let server = self.server()?;
        let reused: Vec<bool> = asked.queries.iter().map(|query| server.prepared(&query.text).is_some()).collect();
        let mut retried = false;
        loop {
            *is_ours = false;
            let budget = self.budget();
            let deadline = self.deadline(asked.is_batch)?;
            let progress = Arc::clone(&self.progress);
            let work = self.first_once(once, asked, sending, &budget, is_ours);
            let outcome = deadline.watch(&budget, &progress, pin!(work)).await;
            match outcome {
                Err(Failure::Database { error, query })
                    if !retried && *is_ours && !progress.is_over() && is_stale(&error, query, &reused) =>
                {
                    retried = true;
                    sending = Sending::Stepwise;
                    let limit = self.database.limits().query;
                    if !timeout(limit, self.start_over(asked.queries)).await.unwrap_or(false) {
                        self.lease.fate().spoil();
                        let outcome = Err(Failure::Database { error, query });
                        self.settle_traces(&outcome);
                        return outcome;
                    }
                }
                outcome => {
                    self.settle_traces(&outcome);
                    return outcome;
                }
            }
        }
    }

    async fn first_once(
        &mut self,
        once: &Once,
        &Asked { queries, mode, is_batch: _, format }: &Asked<'_>,
        sending: Sending,
        budget: &Budget,
        is_ours: &mut bool,
    ) -> Result<Vec<u8>, Failure> {
        let settings = self.settings;
        self.server()?.settle(settings).await.map_err(not_sent)?;
        let mut seal = self.seal(once).await?;
        let mut cares = Vec::with_capacity(queries.len());
        for (index, query) in queries.iter().enumerate() {
            cares.push(self.care(query, index, queries.len() == 1).await?);
            self.progress.step();
        }
        let reset = cares.iter().any(|care| care.reset);
        let restricted = self.principal.is_restricted();
        if reset || restricted {
            seal.role = Some((self.question(&TEXTS.leave_role).await?, self.question(&TEXTS.enter_role).await?));
        }
        let questions = self.questions(false).await?;
        self.progress.begin();
        let mut sinks: Vec<_> = (0..queries.len()).map(|index| format.sink(index, budget.clone())).collect();
        let server = self.server()?;
        server.limit_rows(budget.limit());
        // What is not prepared must wait until the key is taken: if this is a repetition, it may not fit what there is now.
        let has_comment = self.comment(0).is_some();
        let server = self.server()?;
        let is_known = !has_comment
            && queries
                .first()
                .is_some_and(|query| server.prepared(&query.text).is_some() && !is_read_anew(&query.text, false));
        let mut begin = Some(Frame {
            discard_sequences: cares.iter().any(|care| care.discard_sequences),
            begin: Some(mode.begin()),
            claim: Some(seal.claim),
            in_transaction: true,
            ..Frame::default()
        });
        if restricted && let Some(Frame { claim: Some(claim), .. }) = begin.take() {
            self.enter_with(mode, &claim).await?;
            *is_ours = true;
        } else if !is_known && let Some(frame) = begin.take() {
            let flight = Flight { first: 0, statements: &[], queries: &[], sinks: &mut [] as &mut [Nowhere] };
            self.send(false, &frame, flight).await?;
            *is_ours = true;
        }
        let (mut next, mut changed) = (0, false);
        while next < queries.len() {
            let first = next;
            let statements = self.next_flight(queries, &cares, first, (sending, first == 0), &mut changed).await?;
            next += statements.len();
            let frame = begin.take().unwrap_or_else(|| Frame { in_transaction: true, ..Frame::default() });
            let (queries, sinks) = (&queries[first..next], &mut sinks[first..next]);
            let sent = self.send(reset, &frame, Flight { first, statements: &statements, queries, sinks }).await;
            // One that failed by itself has come behind the key.
            *is_ours |= matches!(sent, Ok(()) | Err(Failure::Database { query: Some(_), .. }));
            sent?;
        }
        within(budget).map_err(|_| Failure::ResultTooLarge { limit: budget.limit(), committed: false })?;
        let body = format.finish(sinks);
        let store = (seal.store, once.of(&self.database.name, &self.principal).outcome(&body));
        self.store(store, seal.role, reset, questions).await?;
        Ok(body)
    }

    async fn seal(&mut self, once: &Once) -> Result<Seal, Failure> {
        let params = once.of(&self.database.name, &self.principal).claim();
        let claim = Claim { statement: self.question(&TEXTS.claim).await?, params };
        Ok(Seal { claim, store: self.question(&TEXTS.store).await?, role: None })
    }

    async fn enter_with(&mut self, mode: Mode, claim: &Claim) -> Result<(), Failure> {
        let principal = &self.principal;
        let fate = self.lease.fate();
        let server = self.lease.server().ok_or(Failure::Internal)?;
        let entered = identity::enter_with(server, &fate, (principal, mode), claim).await;
        entered.map_err(|error| identity_refused(principal, error))?.map_err(not_sent)
    }

    /// Stores the outcome, and commits.
    async fn store(
        &mut self,
        (store, params): (Prepared, Vec<Param>),
        role: Option<(Prepared, Prepared)>,
        reset: bool,
        questions: Questions,
    ) -> Result<(), Failure> {
        let (mut statements, mut queries) = (vec![store], vec![own(params)]);
        if let Some((leave, enter)) = role {
            statements = vec![leave, statements.remove(0), enter];
            queries = vec![own(vec![]), queries.remove(0), own(vec![])];
        }
        let frame = Frame { in_transaction: true, commit: true, reset, questions, ..Frame::default() };
        let mut nowhere: Vec<Nowhere> = statements.iter().map(|_| Nowhere).collect();
        let flight = Flight { first: 0, statements: &statements, queries: &queries, sinks: &mut nowhere };
        let sent = self.send_own(&frame, flight).await;
        self.leave_traces(&[], &frame, sent.witness, &sent.outcome);
        of_none(sent.outcome)
    }
}
