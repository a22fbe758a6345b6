//! A call that is done once: its outcome is stored in the transaction that does it, and found by whoever sends it again.
//!
//! The key is taken at the beginning of the transaction, by the row that is to hold the outcome, so an error of any kind leaves
//! no row, and a COMMIT leaves both or nothing. The table is the login role's own: that row is written before the role of the
//! statements is entered, and the outcome after that role has been left.

mod first;

use std::pin::pin;
use std::slice::{from_mut, from_ref};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::{Execution, refuse_keyword};
use crate::error::{DatabaseError, Failure, OnceError};
use crate::gateway::call::{Format, Mode, Query, Work};
use crate::gateway::identity::Nowhere;
use crate::gateway::once::Once;
use crate::gateway::once::table::{self, PORTION, TEXTS};
use crate::gateway::outcome::not_sent;
use crate::gateway::send::{Flight, Frame, Sent, send};
use crate::postgres::{Columns, Param, QueryError, Row, RowSink};

/// How often a call is tried: keys expire, and tables are dropped, in between.
const ATTEMPTS: usize = 4;

/// How long deleting a portion of keys may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What came of a call.
pub(in crate::gateway) struct Told {
    /// The answer.
    pub(in crate::gateway) body: Vec<u8>,
    /// It is the answer of another that came before.
    pub(in crate::gateway) is_repeated: bool,
}

/// What is to be done.
struct Asked<'a> {
    queries: &'a [Query],
    mode: Mode,
    is_batch: bool,
    format: &'a Arc<dyn Format>,
}

/// Why the key was not taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Denied {
    /// It is there.
    Taken,
    /// Another transaction has its lock.
    UnderWay,
    /// There is no table.
    NoTable,
    /// The table is not for this role.
    NotAllowed,
}

impl Denied {
    fn of(error: &DatabaseError) -> Option<Self> {
        match error.code.as_str() {
            "23505" => Some(Self::Taken),
            "22P02" => Some(Self::UnderWay),
            "42P01" | "3F000" => Some(Self::NoTable),
            "42501" => Some(Self::NotAllowed),
            _ => None,
        }
    }
}

impl Execution {
    /// Does what is asked if it has not been done, and otherwise gives what came of it.
    pub(in crate::gateway) async fn once(&mut self, once: &Once, work: &Work) -> Result<Told, Failure> {
        let asked = match work {
            Work::One(query, format) => {
                Asked { queries: from_ref(query), mode: Mode::default(), is_batch: false, format }
            }
            Work::Batch(batch, format) => Asked { queries: &batch.queries, mode: batch.mode, is_batch: true, format },
            Work::Script(_) => return Err(Failure::Internal),
        };
        for (index, query) in asked.queries.iter().enumerate() {
            refuse_keyword(&query.text).map_err(|failure| match failure {
                Failure::BadRequest(message) if asked.is_batch => {
                    Failure::BadRequest(format!("queries[{index}]: {message}"))
                }
                other => other,
            })?;
        }
        let mut has_made_table = false;
        for _ in 0..ATTEMPTS {
            let mut is_ours = false;
            let counting = self.count_all(asked.queries, Instant::now());
            let outcome = self.first(once, &asked, &mut is_ours).await;
            match &outcome {
                // What has failed is the key.
                Err(Failure::Database { .. }) if !is_ours => counting.discard(),
                outcome => self.counted(counting, outcome),
            }
            let failure = match outcome {
                Ok(body) => return Ok(Told { body, is_repeated: false }),
                Err(failure) => failure,
            };
            let Failure::Database { error, query } = &failure else { return Err(failure) };
            if is_ours {
                return Err(if asked.is_batch {
                    failure
                } else {
                    Failure::Database { error: error.clone(), query: None }
                });
            }
            // Nothing was run, and what it fails of may be what the first one did.
            self.roll_back().await;
            self.renew();
            let denied = if query.is_none() { Denied::of(error) } else { None };
            match denied {
                Some(Denied::NoTable) if !has_made_table => {
                    self.make_table().await?;
                    has_made_table = true;
                    continue;
                }
                Some(Denied::NoTable | Denied::NotAllowed) => return Err(no_table(error)),
                _ => {}
            }
            match self.look_up(once, asked.queries).await? {
                Some(told) => return told.map(|body| Told { body, is_repeated: true }),
                None if denied == Some(Denied::Taken) => self.discard(once).await?,
                None if denied == Some(Denied::UnderWay) => break,
                None if asked.is_batch => return Err(failure),
                None => return Err(Failure::Database { error: error.clone(), query: None }),
            }
        }
        Err(Failure::Once(OnceError::UnderWay))
    }

    /// What came of the first one, if it has come to its end; or that it was another one.
    async fn look_up(&mut self, once: &Once, queries: &[Query]) -> Result<Option<Result<Vec<u8>, Failure>>, Failure> {
        let params = once.of(&self.database.name, &self.principal).whole();
        let budget = self.budget();
        let deadline = self.deadline(false)?;
        let progress = Arc::clone(&self.progress);
        let work = async {
            let statement = self.question(&TEXTS.look_up).await?;
            let questions = self.questions(false).await?;
            // What was once within the limit takes twice as much here.
            self.server()?.limit_rows(0);
            let frame = Frame { questions, ..Frame::default() };
            let mut heard = Heard::default();
            let (question, statements) = (own(params), [statement]);
            let flight =
                Flight { first: 0, statements: &statements, queries: from_ref(&question), sinks: from_mut(&mut heard) };
            let sent = self.send_own(&frame, flight).await;
            of_none(sent.outcome.clone())?;
            // What the first one has touched may be new to this proxy.
            let touched = if matches!(heard, Heard::Outcome(_)) { queries } else { &[] };
            self.note_repeated(touched);
            self.leave_traces(touched, &frame, sent.witness, &sent.outcome);
            Ok(match heard {
                Heard::Nothing => None,
                Heard::Another => Some(Err(Failure::Once(OnceError::Another))),
                Heard::Outcome(body) => Some(Ok(body)),
            })
        };
        let outcome = deadline.watch(&budget, &progress, pin!(work)).await;
        self.settle_traces(&outcome);
        outcome
    }

    /// Frees a key that has expired.
    async fn discard(&mut self, once: &Once) -> Result<(), Failure> {
        let params = once.of(&self.database.name, &self.principal).name();
        let budget = self.budget();
        let deadline = self.deadline(false)?;
        let progress = Arc::clone(&self.progress);
        let work = async {
            let statement = self.question(&TEXTS.discard).await?;
            let server = &*self.server()?;
            let deleted = server.execute(server.executions(), &statement, &params, &mut Nowhere).await;
            deleted.map(drop).map_err(not_sent)
        };
        deadline.watch(&budget, &progress, pin!(work)).await
    }

    async fn make_table(&mut self) -> Result<(), Failure> {
        let budget = self.budget();
        let deadline = self.deadline(false)?;
        let progress = Arc::clone(&self.progress);
        let work = async {
            let server = self.server()?;
            for text in [&TEXTS.claim, &TEXTS.store, &TEXTS.look_up, &TEXTS.discard] {
                server.forget(text);
            }
            match server.command(&table::create()).await {
                Err(QueryError::Database(error)) if error.code == "42501" => Err(no_table(&error)),
                made => made.map_err(not_sent),
            }
        };
        deadline.watch(&budget, &progress, pin!(work)).await
    }

    /// Deletes a portion of the keys that have expired.
    pub(in crate::gateway) async fn sweep(&mut self) {
        let sweep = async {
            let statement = self.question(&TEXTS.sweep).await.ok()?;
            let server = &*self.server().ok()?;
            let tag = server.execute(server.executions(), &statement, &[], &mut Nowhere).await.ok()??;
            tag.rsplit(' ').next()?.parse::<u64>().ok()
        };
        match timeout(PATIENCE, sweep).await {
            Ok(Some(deleted)) if deleted >= PORTION => self.database.sweeps.go_on(),
            Ok(Some(_)) => {}
            Ok(None) => tracing::debug!("expired keys were not deleted"),
            Err(_) => self.lease.fate().spoil(),
        }
    }

    /// Sends what is none of the client's.
    async fn send_own<S: RowSink>(&mut self, frame: &Frame, flight: Flight<'_, S>) -> Sent {
        let tells = self.tells_behind(frame);
        let sent = send(&mut self.lease, (&self.progress, None), (frame, tells), flight).await;
        if frame.reset {
            self.database.metrics.reset();
            self.owes_reset &= !sent.was_reset;
        }
        sent
    }
}

fn own(params: Vec<Param>) -> Query {
    Query { text: "".into(), params, pattern: None }
}

/// It was no statement of the client's.
fn of_none(outcome: Result<(), Failure>) -> Result<(), Failure> {
    outcome.map_err(|failure| match failure {
        Failure::Database { error, .. } => Failure::Database { error, query: None },
        other => other,
    })
}

/// That is for the operator to mend.
fn no_table(error: &DatabaseError) -> Failure {
    tracing::error!(code = %error.code, "Idempotency-Key: pool_proxy.idempotency cannot be used: {}", error.message);
    Failure::Once(OnceError::NoTable)
}

/// What is stored under a key.
#[derive(Default)]
enum Heard {
    #[default]
    Nothing,
    /// The outcome of another request.
    Another,
    Outcome(Vec<u8>),
}

impl RowSink for Heard {
    fn is_own(&self) -> bool {
        true
    }

    fn begin(&mut self, _: &Columns) {}

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        let is_same = row.value(0).ok_or(QueryError::Closed)? == b"true";
        let outcome = row.value(1).map(|hex| bytes(hex).ok_or(QueryError::Closed)).transpose()?;
        *self = outcome.filter(|_| is_same).map_or(Self::Another, Self::Outcome);
        Ok(())
    }

    fn dropped(&mut self) -> QueryError {
        QueryError::Closed
    }

    fn end(&mut self, _: Option<&str>) {}
}

/// What was encoded as hexadecimal digits.
fn bytes(hex: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    hex.chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
            _ => None,
        })
        .collect()
}
