//! What the change stream of a database has told, and which answers are still true by it.
//!
//! An answer is true as long as no change that its own snapshot did not see has come to what it was read from. The order
//! of the stream says nothing about that: a commit reaches it before new snapshots see it. So each answer keeps its
//! snapshot, and each change is held against it, whichever came first.
//!
//! Positions in the log (LSNs) serve another purpose: a client that knows of a change is given nothing that was kept
//! before the stream has told of it.

mod acknowledged;
mod clocks;
mod definitions;
mod fence;
mod log;
mod proof;
mod published;
mod visible;
mod waiting;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

pub use acknowledged::SOMEWHERE;
pub use fence::{Fence, Fill};
pub use published::{Published, Told};

use super::entry::Entry;
use super::scope::{Places, Scope};
use crate::postgres::{Lsn, Snapshot};
use acknowledged::Acknowledged;
use clocks::Clocks;
use definitions::Definitions;
use fence::Dependents;
use log::Log;
use proof::Proof;
use visible::Visible;
use waiting::Waiting;

/// A transaction that has committed, as the stream tells it.
#[derive(Debug)]
pub struct Transaction {
    /// The lower half of its id.
    pub xid: u32,
    /// What it changed.
    pub scope: Scope,
    /// It changed what statements mean, such as a table's columns or rights.
    pub defines: bool,
}

/// How old the last look at definitions may well be: there are two in that time.
const LOOKED: Duration = Duration::from_secs(1);

/// What somebody is to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// Whether definitions and rights are what they were.
    Definitions,
    /// Where the log ends: clients know of something that lies before that.
    Place,
}

/// What is known of one database's changes. Those who follow its stream tell it, the gateway asks it.
#[derive(Debug)]
pub struct Changes {
    state: Mutex<State>,
    /// Everything that was committed before this place in the log has been told and applied.
    position: AtomicU64,
    /// The last position that anybody waits for.
    awaited: AtomicU64,
    /// When it was last true that everything committed by then had been told: milliseconds since `origin`, and 1.
    proven: AtomicU64,
    definitions: Definitions,
    /// When definitions were looked at last, in the same way.
    looked: AtomicU64,
    clocks: Clocks,
    origin: Instant,
    bound: Duration,
    moved: Notify,
    waiting: Waiting,
    /// Somebody is to look where the log ends.
    lost: Notify,
    is_fenced: bool,
    /// To tell this proxy from others of the database.
    number: u64,
}

#[derive(Debug, Default)]
struct State {
    is_open: bool,
    dependents: Places<Dependents>,
    log: Log,
    acknowledged: Acknowledged,
    proof: Proof,
    published: Arc<Published>,
    /// Transactions below it may have changed what the stream does not tell.
    floor: u64,
    /// An id in use, to tell the upper half of others.
    newest: Option<Snapshot>,
    /// What a query sees at least that begins now, and since when that is known.
    visible: Option<Visible>,
}

impl Changes {
    /// Nothing is known yet. What is not proven for longer than `bound` is not to be relied on.
    pub fn new(bound: Duration) -> Self {
        Self {
            state: Mutex::default(),
            position: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
            proven: AtomicU64::new(0),
            definitions: Definitions::default(),
            looked: AtomicU64::new(0),
            clocks: Clocks::new(),
            origin: Instant::now(),
            bound,
            moved: Notify::new(),
            waiting: Waiting::default(),
            lost: Notify::new(),
            is_fenced: true,
            number: rand::random(),
        }
    }

    /// For the test of the tests: what has changed while an answer was read is not looked for.
    pub fn unfenced(bound: Duration) -> Self {
        Self { is_fenced: false, ..Self::new(bound) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // What those tell who follow the stream.

    /// The stream has begun, at a place that nothing committed from now on lies before. `snapshot` was taken after that.
    pub fn open(&self, snapshot: Snapshot, published: Published) {
        // Definitions were read before that.
        self.looked.store(self.mark(Instant::now()), Ordering::Release);
        let mut state = self.state();
        state.is_open = true;
        // It may be another server, whose transactions have lower ids.
        state.floor = snapshot.xmax();
        state.log.forget_all();
        state.settle(snapshot, published);
        // Nobody has looked while it was closed.
        self.definitions.changed();
    }

    /// The stream has ended: what was kept may be wrong from now on. Returns what is to be dropped.
    #[must_use]
    pub fn close(&self) -> Vec<Arc<Entry>> {
        let mut state = self.state();
        state.is_open = false;
        state.visible = None;
        state.proof = Proof::default();
        self.proven.store(0, Ordering::Release);
        self.position.store(0, Ordering::Release);
        state.acknowledged.forget();
        // In vain: nothing is kept any more.
        self.waiting.wake(Lsn(u64::MAX));
        self.awaited.store(0, Ordering::Release);
        state.give_up()
    }

    /// Other relations are in the stream, or statements mean something else; `snapshot` was taken after that was seen.
    /// Returns what is to be dropped.
    #[must_use]
    pub fn redefine(&self, snapshot: Snapshot, published: Published) -> Vec<Arc<Entry>> {
        let mut state = self.state();
        // A relation may have left the stream and come back since somebody looked: who has changed it meanwhile is not told.
        state.floor = state.floor.max(snapshot.xmax());
        state.settle(snapshot, published);
        self.definitions.changed();
        state.give_up()
    }

    /// The stream tells of a transaction. Returns what is to be dropped; nobody is given it any more.
    #[must_use]
    pub fn apply(&self, transaction: &Transaction) -> Vec<Arc<Entry>> {
        let mut state = self.state();
        let xid = state.newest.as_ref().map_or(u64::from(transaction.xid), |newest| newest.widen(transaction.xid));
        if transaction.defines {
            state.log.add_definition(xid);
            self.definitions.changed();
            // Another publication may be among them.
            self.definitions.doubt();
            return state.give_up();
        }
        state.log.add(xid, &transaction.scope);
        state.drop_unseen(xid, &transaction.scope)
    }

    /// Everything that was committed before this position has been applied.
    pub fn advance(&self, position: Lsn) {
        let before = self.position.fetch_max(position.0, Ordering::AcqRel);
        if position.0 <= before {
            return;
        }
        let mut state = self.state();
        self.prove(&mut state, None);
        drop(state);
        self.waiting.wake(position);
        self.moved.notify_waiters();
    }

    /// What was asked of the database at `sent`, beside the stream: the end of its log then. As soon as the stream has
    /// come so far, it is proven that it had told everything by then.
    pub fn learn(&self, sent: Instant, end: Lsn) {
        let mut state = self.state();
        let is_found = state.acknowledged.locate(sent, end);
        if is_found {
            self.await_acknowledged(&state);
        }
        self.prove(&mut state, Some((sent, end)));
        drop(state);
        if is_found {
            self.moved.notify_waiters();
        }
    }

    /// A snapshot was taken just now. What it sees need not be remembered for queries that begin from now on.
    pub fn forget(&self, snapshot: Snapshot) {
        let mut state = self.state();
        if state.log.forget(&snapshot) {
            // Whoever asks what a statement means has the new meaning from now on, and perhaps not before.
            self.definitions.changed();
            state.log.refuse_all();
        }
        state.newest = Some(snapshot);
    }

    /// Definitions and rights were looked at, at `asked`, since they had been doubted so often, and what was seen has been dealt
    /// with.
    pub fn settle_definitions(&self, doubted: u64, asked: Instant) {
        self.looked.fetch_max(self.mark(asked), Ordering::AcqRel);
        self.definitions.settle(doubted);
        self.moved.notify_waiters();
    }

    /// How often they have been doubted.
    pub fn definitions_doubted(&self) -> u64 {
        self.definitions.doubted()
    }

    /// Waits until something is in doubt.
    pub async fn in_doubt(&self) -> Doubt {
        let lost = async {
            loop {
                let lost = self.lost.notified();
                if self.state().acknowledged.is_lost() {
                    return;
                }
                lost.await;
            }
        };
        tokio::select! {
            () = self.definitions.in_doubt() => Doubt::Definitions,
            () = lost => Doubt::Place,
        }
    }

    fn prove(&self, state: &mut State, asked: Option<(Instant, Lsn)>) {
        if let Some((sent, end)) = asked
            && state.is_open
        {
            state.proof.add(sent, end);
        }
        if let Some(sent) = state.proof.reached(self.position()) {
            self.proven.fetch_max(self.mark(sent), Ordering::AcqRel);
        }
    }

    /// A moment as it is remembered: milliseconds since `origin`, and 1.
    fn mark(&self, moment: Instant) -> u64 {
        let millis = moment.saturating_duration_since(self.origin).as_millis();
        u64::try_from(millis).unwrap_or(u64::MAX).saturating_add(1)
    }

    fn since(&self, mark: &AtomicU64) -> Option<Duration> {
        let millis = mark.load(Ordering::Acquire).checked_sub(1)?;
        Some((self.origin + Duration::from_millis(millis)).elapsed())
    }

    // What the gateway asks and tells.

    /// A number that no other proxy of the database has.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Where the stream stands.
    pub fn position(&self) -> Lsn {
        Lsn(self.position.load(Ordering::Acquire))
    }

    /// How long ago the stream is known to have told everything.
    pub fn age(&self) -> Option<Duration> {
        self.since(&self.proven)
    }

    /// Whether that is no longer ago than the bound, by any clock, and definitions were looked at within twice that.
    pub fn is_proven(&self) -> bool {
        if self.clocks.are_apart() {
            let mut state = self.state();
            state.proof.begin_anew(Instant::now());
            self.proven.store(0, Ordering::Release);
            self.clocks.set();
        }
        let is_recent = |mark, bound| self.since(mark).is_some_and(|age| age <= bound);
        is_recent(&self.proven, self.bound) && is_recent(&self.looked, 2 * self.bound.max(LOOKED))
    }

    /// A number for what statements mean: another one, and they may mean something else.
    pub fn definitions(&self) -> u64 {
        self.definitions.number()
    }

    /// What the stream tells of.
    pub fn followed(&self) -> Arc<Published> {
        Arc::clone(&self.state().published)
    }

    /// To be taken before the query runs whose answer may be kept until it changes.
    pub fn begin(self: &Arc<Self>) -> Fill {
        Fill::new(self)
    }

    /// A statement may have changed definitions or rights, of which the stream does not tell: nothing that was kept is given
    /// until they have been looked at.
    pub fn doubt_definitions(&self) {
        self.definitions.doubt();
    }

    /// Whether no such statement is left to be looked for.
    pub fn knows_definitions(&self) -> bool {
        self.definitions.are_settled()
    }

    /// What the index of answers by what they were read from takes, in entries and places.
    pub fn dependents(&self) -> usize {
        let mut count = 0;
        self.state().dependents.meet(&Scope::everything(), |dependents| count += dependents.len());
        count
    }
}

impl State {
    fn settle(&mut self, snapshot: Snapshot, published: Published) {
        if *self.published != published {
            // Who began before may have changed a relation that the stream did not tell of then.
            self.floor = self.floor.max(snapshot.xmax());
            self.published = Arc::new(published);
        }
        self.newest = Some(snapshot);
        // Whoever has seen less is not to be kept.
        self.visible = None;
    }

    /// Nothing that is kept is true any more, and nothing that is being read now is to be kept.
    fn give_up(&mut self) -> Vec<Arc<Entry>> {
        self.log.refuse_all();
        let mut dropped = Vec::new();
        self.dependents.each(|dependents| dropped.extend(dependents.take()));
        dropped.retain(|entry| entry.fence.as_ref().is_some_and(Fence::fall));
        dropped
    }

    fn drop_unseen(&mut self, xid: u64, scope: &Scope) -> Vec<Arc<Entry>> {
        let mut dropped = Vec::new();
        self.dependents.meet(scope, |dependents| {
            for entry in dependents.iter() {
                if let Some(fence) = &entry.fence
                    && !fence.snapshot.sees(xid)
                    && fence.fall()
                {
                    dropped.push(Arc::clone(entry));
                }
            }
        });
        for entry in &dropped {
            self.leave(entry);
        }
        dropped
    }

    /// Takes an entry out of the index.
    fn leave(&mut self, entry: &Arc<Entry>) {
        if let Some(fence) = &entry.fence {
            self.dependents.change(&fence.scope, |dependents| dependents.remove(entry));
        }
    }
}

#[cfg(test)]
mod tests;
