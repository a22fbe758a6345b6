//! Who tells the cache that data changed: the database itself.
//!
//! For each database whose answers are kept until they change, it follows the stream of committed changes, looks at the
//! catalogue for changes of definitions, and asks how far the log is, so that silence is known to mean that nothing
//! happened. What that means for answers, [`Changes`] knows.

mod follow;
mod guard;
pub mod install;
mod look;

use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};

use crate::cache::{Changes, Shelf, Tags};
use crate::drain::Drain;
use crate::error::Failure;
use crate::gateway::Database;
use crate::postgres::Target;
use crate::postgres::replication::{Replication, StreamError};
use look::Eye;

/// How long until the next attempt, at first and at most.
const FIRST: Duration = Duration::from_millis(100);
const LAST: Duration = Duration::from_secs(10);
/// What has lasted so long has not failed at once.
const LASTED: Duration = Duration::from_secs(1);
/// How long a slot is waited for until somebody looks why, and how often that is done: the log that is written meanwhile is
/// kept for it.
const SLOT: Duration = Duration::from_secs(10);
const LOOKS: u32 = 6;

/// How a database's answers are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeepConfig {
    /// For whom.
    pub mode: Mode,
    /// How old the last proof may be that nothing has changed which the stream has not told.
    pub bound: Duration,
    /// How long a request waits for the stream before it asks the database instead.
    pub patience: Duration,
    /// The publication that says which tables' changes are followed.
    pub publication: Arc<str>,
    /// Functions of the user's, by their full names, whose results follow from their arguments and from what a cache key holds.
    pub safe_functions: Vec<String>,
    /// For the test of the tests: answers are not held against what changed while they were read.
    pub unfenced: bool,
}

impl Default for KeepConfig {
    fn default() -> Self {
        Self {
            mode: Mode::Ask,
            bound: Duration::from_secs(1),
            patience: Duration::from_millis(50),
            publication: "pool_proxy".into(),
            safe_functions: Vec::new(),
            unfenced: false,
        }
    }
}

/// For whom answers are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// For those that ask for it, as long as they say.
    Ask,
    /// As with `Auto`, but what is kept is only compared with what the database answers.
    Observe,
    /// For everybody, until they change.
    Auto,
}

/// Why the changes of a database are not followed, or no more.
#[derive(Debug, thiserror::Error)]
enum Stop {
    /// No stream.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The database cannot be asked.
    #[error("{0}")]
    Asked(Failure),
    /// It is asked, and answers something else than it should.
    #[error("{0}")]
    Answered(String),
    /// The stream comes from another server than the one that is asked, such as one that was in its place before.
    #[error("the stream and the connections lead to servers with different histories")]
    Elsewhere,
    /// Nobody has said which tables are to be followed.
    #[error("no publication named {0} has a table whose changes it tells; `pool-proxy coherence apply` makes one")]
    Unpublished(Arc<str>),
    /// The slot waits for transactions, of these processes of the server.
    #[error("a transaction that stays open holds the stream up (pid {0} in pg_stat_activity)")]
    HeldUp(String),
    /// It is connected, and tells nothing.
    #[error("the stream has fallen silent")]
    Silent,
}

/// Follows the changes of one database.
pub struct Coherence {
    /// Where it is.
    pub target: Target,
    /// Its connections, one of which is used to ask.
    pub database: Arc<Database>,
    /// What is told.
    pub changes: Arc<Changes>,
    /// What is dropped.
    pub shelf: Shelf,
    /// The publication that says which tables are followed.
    pub publication: Arc<str>,
    /// Spawns the session.
    pub drain: Drain,
}

impl Coherence {
    /// Follows them for as long as the process serves, from anew whenever that fails.
    pub async fn keep(self) {
        let mut pause = FIRST;
        let mut eye = Eye::new(Arc::clone(&self.database));
        loop {
            let began = tokio::time::Instant::now();
            let stop = self.follow_once(&mut eye).await;
            self.shelf.discard(&self.changes.close());
            eye.close();
            if began.elapsed() > LASTED {
                pause = FIRST;
                if !matches!(stop, Stop::HeldUp(_)) {
                    eye.told = None;
                }
            }
            self.tell(&mut eye, &stop);
            let jitter = rand::random_range(0.5..1.0);
            tokio::time::sleep(pause.mul_f64(jitter)).await;
            pause = (pause * 2).min(LAST);
        }
    }

    /// Why nothing is kept: said once, not with every attempt.
    fn tell(&self, eye: &mut Eye, stop: &Stop) {
        let reason = stop.to_string();
        if eye.told.as_ref() != Some(&reason) {
            warn!(database = %self.database.name, "answers are not kept until they change: {reason} (`pool-proxy check` tells what is missing)");
            eye.told = Some(reason);
        }
    }

    async fn follow_once(&self, eye: &mut Eye) -> Stop {
        match self.open(eye).await {
            Ok(stream) => {
                let followed = self.changes.followed().len();
                info!(database = %self.database.name, tables = followed, "answers are kept until they change");
                tokio::select! {
                    stop = self.follow(stream) => stop,
                    stop = self.watch(eye) => stop,
                }
            }
            Err(stop) => stop,
        }
    }

    /// The stream first: what is read after it has begun is not older than what it tells.
    async fn open(&self, eye: &mut Eye) -> Result<Replication, Stop> {
        // A server that is not there is noticed here, before a slot is asked for.
        let timeline = eye.look().await?.timeline;
        // Whether a stream is to be had or not, the publication stands in the way of writes.
        self.clear(eye).await?;
        if eye.published(&self.publication).await?.is_empty() {
            return Err(Stop::Unpublished(Arc::clone(&self.publication)));
        }
        let slot = format!("pool_proxy_{:016x}", rand::random::<u64>());
        let stream = match self.stream(eye, &slot).await {
            Err(stop) if !matches!(stop, Stop::Stream(_)) => {
                // A session that waits on the server does not notice that nobody waits for it any more.
                eye.close();
                let _ = eye.end_slot(&slot).await;
                return Err(stop);
            }
            stream => stream?,
        };
        if stream.timeline != timeline {
            return Err(Stop::Elsewhere);
        }
        // What other proxies were told to drop meanwhile was not heard here.
        self.shelf.invalidate(&self.database.name, &Tags::Tagged);
        let (doubts, asked) = (self.changes.definitions_doubted(), tokio::time::Instant::now());
        let definitions = eye.definitions().await?;
        let published = eye.published(&self.publication).await?;
        let seen = eye.look().await?;
        // Definitions may be others than before, with nobody to see it.
        self.database.pool.redefined();
        self.changes.open(seen.snapshot, published);
        self.changes.settle_definitions(doubts, asked);
        eye.known = Some(definitions);
        Ok(stream)
    }

    /// The stream, once every transaction has ended that has written something.
    async fn stream(&self, eye: &mut Eye, slot: &str) -> Result<Replication, Stop> {
        let mut opened = std::pin::pin!(self.target.replicate(&self.publication, slot, &self.drain));
        let mut held = None;
        for _ in 0..LOOKS {
            if let Ok(stream) = tokio::time::timeout(SLOT, opened.as_mut()).await {
                return Ok(stream?);
            }
            // The publication stands in the way of writes all the while.
            self.clear(eye).await?;
            held = eye.holder(slot).await?.map(Stop::HeldUp);
            if let Some(held) = &held {
                self.tell(eye, held);
            }
        }
        Err(held.unwrap_or(Stop::Silent))
    }
}
