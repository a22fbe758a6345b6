//! A database the gateway serves: its pool, its queue, what is known of its statements.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::admit::{Place, Queue, Seat, Turn};
use super::call::Origin;
use super::keeping::Keeping;
use super::limits::Limits;
use super::once::Sweeps;
use super::spans;
use super::statistics::Statements;
use super::verdicts::{Definitions, Judged, Verdicts};
use crate::auth::Principal;
use crate::error::Failure;
use crate::pool::{Lease, Pool, Share};
use crate::statement::Safe;
use crate::telemetry::DatabaseMetrics;
use crate::telemetry::metrics::{PoolGauges, StreamGauges};

/// One database.
pub struct Database {
    /// What clients call it.
    pub name: Arc<str>,
    /// Its connections.
    pub pool: Pool,
    /// The schema its URL names, which clients that write their own SQL have to know.
    pub schema_name: Option<Arc<str>>,
    /// How answers are kept until they change, if they are.
    pub keeping: Option<Keeping>,
    /// Functions whose results follow from their arguments.
    pub safe: Safe,
    queue: Queue,
    /// How many transactions may be open that wait for their client, or for another connection.
    places: Arc<Semaphore>,
    limits: RwLock<Limits>,
    pub(super) verdicts: Verdicts,
    /// What its statements cost.
    pub(super) statements: Statements,
    /// One that takes longer is logged.
    pub(super) slow: Option<Duration>,
    /// Of keys that have expired.
    pub(super) sweeps: Sweeps,
    pub(super) metrics: Arc<DatabaseMetrics>,
}

/// What came in the last moment is still given this long.
const SECOND_CHANCE: Duration = Duration::from_millis(100);

/// What a call that may share a connection has got, and how long it has waited.
pub(super) enum Placed {
    Lease(Lease, Duration),
    Seat(Seat, Duration),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Database {
    /// With as many turns as the pool has connections.
    pub fn new(name: Arc<str>, pool: Pool, limits: Limits, metrics: Arc<DatabaseMetrics>) -> Self {
        let queue = Queue::new(pool.max());
        let places = Arc::new(Semaphore::new(pool.places()));
        Self {
            name,
            pool,
            schema_name: None,
            keeping: None,
            safe: Safe::default(),
            queue,
            places,
            limits: RwLock::new(limits),
            verdicts: Verdicts::new(),
            statements: Statements::new(0, false),
            slow: None,
            sweeps: Sweeps::default(),
            metrics,
        }
    }

    /// Counts what statements cost, and tells so many apart; with none nothing is counted. Logs those that take longer than `slow`.
    /// Where they are recorded, too, their names are needed in any case.
    #[must_use]
    pub fn with_statements(self, most: usize, slow: Option<Duration>, are_recorded: bool) -> Self {
        Self { statements: Statements::new(most, slow.is_some() || are_recorded), slow, ..self }
    }

    /// The limits in force.
    pub fn limits(&self) -> Limits {
        *self.limits.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts other limits in force, for calls to come.
    pub fn set_limits(&self, limits: Limits) {
        *self.limits.write().unwrap_or_else(PoisonError::into_inner) = limits;
    }

    /// How the pool stands.
    pub fn gauges(&self) -> PoolGauges {
        let transactions = self.pool.places().saturating_sub(self.places.available_permits());
        PoolGauges { waiting: self.queue.waiting(), transactions, ..self.pool.gauges() }
    }

    /// How the stream of its changes stands, if it is followed.
    pub fn stream_gauges(&self) -> Option<StreamGauges> {
        let changes = &self.keeping.as_ref()?.changes;
        Some(StreamGauges {
            age: changes.age(),
            is_proven: changes.is_proven(),
            relations: changes.followed().len(),
            dependents: changes.dependents(),
        })
    }

    /// What is known of a statement already.
    pub(super) fn known_verdict(&self, principal: &Principal, text: &Arc<str>) -> Option<Arc<Judged>> {
        self.verdicts.get(self.definitions(), principal, text)
    }

    /// What statements mean: other numbers, and they may mean something else.
    pub(super) fn definitions(&self) -> Definitions {
        let told = self.keeping.as_ref().map_or(0, |keeping| keeping.changes.definitions());
        (self.pool.schema_version(), told)
    }

    /// Waits for a turn and takes a connection; also says how long that took.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when none came free in time; nothing was run then.
    pub async fn lease(&self, principal: &Principal) -> Result<(Lease, Duration), Failure> {
        self.lease_within(principal, self.limits().queue).await
    }

    /// The same for a request that has asked for it at a moment, and is told of it where it is recorded.
    pub(super) async fn lease_for(
        &self,
        principal: &Principal,
        origin: &Origin,
        asked: Instant,
    ) -> Result<(Lease, Duration), Failure> {
        let leased = self.lease_since(asked, principal, self.limits().queue).await;
        spans::waited(origin, asked, &leased);
        leased
    }

    /// The same, within `patience`.
    pub(super) async fn lease_within(
        &self,
        principal: &Principal,
        patience: Duration,
    ) -> Result<(Lease, Duration), Failure> {
        self.lease_since(Instant::now(), principal, patience).await
    }

    async fn lease_since(
        &self,
        asked: Instant,
        principal: &Principal,
        patience: Duration,
    ) -> Result<(Lease, Duration), Failure> {
        let turn = self.queue.turn(&principal.line, patience).await?;
        self.checkout(turn, asked, patience).await
    }

    /// A connection, or a seat in one.
    pub(super) async fn place_for(
        &self,
        principal: &Principal,
        read: &Arc<Judged>,
        asked: Instant,
    ) -> Result<Placed, Failure> {
        let patience = self.limits().queue;
        match self.queue.place(&principal.line, patience, Some(read)).await? {
            Place::Turn(turn) => {
                let (lease, waited) = self.checkout(turn, asked, patience).await?;
                Ok(Placed::Lease(lease, waited))
            }
            Place::Seat(seat) => Ok(Placed::Seat(seat, asked.elapsed())),
        }
    }

    /// A connection for a call whose seat has brought it nothing.
    pub(super) async fn lease_again(
        &self,
        principal: &Principal,
        asked: Instant,
    ) -> Result<(Lease, Duration), Failure> {
        let patience = self.limits().queue;
        let left = patience.saturating_sub(asked.elapsed()).max(SECOND_CHANCE);
        let turn = self.queue.turn_again(&principal.line, left).await?;
        self.checkout(turn, asked, patience).await
    }

    /// Whether whoever comes now has to wait for a connection.
    pub(super) fn is_full(&self) -> bool {
        self.queue.is_full()
    }

    /// Lets others in who have to wait otherwise.
    pub(super) fn open(&self, share: Share) {
        self.queue.open(share);
    }

    async fn checkout(&self, turn: Turn, asked: Instant, patience: Duration) -> Result<(Lease, Duration), Failure> {
        // A turn that came in the last moment is still worth a checkout.
        let left = || patience.saturating_sub(asked.elapsed()).max(SECOND_CHANCE);
        let mut lease = self.pool.checkout(left).await?;
        lease.hold(turn);
        let waited = asked.elapsed();
        self.metrics.queued(waited);
        Ok((lease, waited))
    }

    /// A place among the transactions that are open; `None` if none came free in time.
    pub(super) async fn place(&self, patience: Duration) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.places).acquire_owned();
        tokio::time::timeout(patience, place).await.ok()?.ok()
    }

    /// Whether a connection can be had, for readiness. Takes no turn and runs nothing.
    ///
    /// # Errors
    /// Why not.
    pub async fn probe(&self, patience: Duration) -> Result<(), Failure> {
        let gauges = self.pool.gauges();
        let mute = || Failure::unavailable("the database does not answer");
        if gauges.active == gauges.max && gauges.max > 0 {
            // All are at work, or wait for a server that hangs.
            return if self.pool.server_answers(patience).await { Ok(()) } else { Err(mute()) };
        }
        let mut lease = match self.pool.checkout(|| patience).await {
            Ok(lease) => lease,
            // The server may have no room for more, and those there are may all be at work.
            Err(_) if gauges.active > 0 && self.pool.server_answers(patience).await => return Ok(()),
            Err(failure) => return Err(failure),
        };
        let answers = match lease.server() {
            Some(server) => tokio::time::timeout(patience, server.client().check_connection()).await,
            None => return Err(Failure::Internal),
        };
        if !matches!(answers, Ok(Ok(()))) {
            return Err(mute());
        }
        lease.finish(false).await;
        Ok(())
    }
}
