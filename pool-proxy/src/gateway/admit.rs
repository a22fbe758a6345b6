//! Who goes next: one turn per connection, first come first served within a key, round-robin across keys, so that a
//! greedy key delays only itself. Whoever would wait in vain is told at once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::error::Failure;

/// More calls of one key than this per connection do not wait but are refused at once.
const WAITING_PER_TURN: usize = 1000;

/// So many keys may wait with all they may. When so many calls wait, a key gets no more than its share of the room.
const FULL_LINES: usize = 4;

/// The pace is of the last second or so: whoever could be served in the last tenth of their patience might as well wait
/// through all of it for nothing.
const MARGIN: u32 = 10;

/// Nobody is told to stay away for longer than this.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// Hands out turns. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    most_waiting: usize,
}

#[derive(Debug)]
struct State {
    free: usize,
    waiting: usize,
    pace: Pace,
    /// One line per key that has somebody waiting.
    lines: HashMap<Arc<str>, Line>,
    /// The keys of the lines; the front one is served next.
    order: VecDeque<Arc<str>>,
}

impl State {
    /// How long a call would wait behind so many of its own line, as far as can be told: lines take turns, so of each
    /// other one no more go before it.
    fn wait(&self, ahead_here: usize) -> Option<Duration> {
        let ahead = (ahead_here + 1).saturating_mul(self.lines.len().max(1)).min(self.waiting + 1);
        Some(self.pace.turn?.saturating_mul(u32::try_from(ahead).unwrap_or(u32::MAX)))
    }
}

/// How fast turns are handed to those who wait, while somebody does. By many of them: one that takes long says little.
#[derive(Debug, Default)]
struct Pace {
    last: Option<Instant>,
    /// The time between those that were served.
    elapsed: Duration,
    stood_still: bool,
    served: u32,
    /// The time between two turns, once it is known.
    turn: Option<Duration>,
}

impl Pace {
    /// So many turns, in no less than this time, tell how fast it goes.
    const MANY: u32 = 64;
    const WHILE: Duration = Duration::from_secs(1);

    fn serve(&mut self) {
        let now = Instant::now();
        let gap = now.saturating_duration_since(self.last.replace(now).unwrap_or(now));
        // The database or this machine stood still: that says nothing of how fast it goes now. More than once, it is how it goes.
        if gap > Self::WHILE && !std::mem::replace(&mut self.stood_still, true) {
            return;
        }
        self.elapsed += gap;
        if self.served >= Self::MANY && self.elapsed >= Self::WHILE {
            let turn = Some(self.elapsed / self.served);
            *self = Self { last: Some(now), turn, ..Self::default() };
        }
        self.served += 1;
    }

    /// Nobody waits any more.
    fn rest(&mut self) {
        *self = Self::default();
    }
}

#[derive(Debug, Default)]
struct Line {
    /// Also of those who gave up, until it is noticed.
    calls: VecDeque<oneshot::Sender<Turn>>,
    /// Each call that waits holds one of these, too.
    waiting: Arc<()>,
}

impl Line {
    fn waiting(&self) -> usize {
        Arc::strong_count(&self.waiting) - 1
    }

    /// Takes out who gave up, now and then, so that they are never more than those who wait.
    fn push(&mut self, call: oneshot::Sender<Turn>) {
        if self.calls.len() >= 32 && self.calls.len() > self.waiting().saturating_mul(2) {
            self.calls.retain(|call| !call.is_closed());
        }
        self.calls.push_back(call);
    }
}

/// The right to one connection, until dropped.
#[derive(Debug)]
pub struct Turn {
    queue: Option<Queue>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.pass_on();
        }
    }
}

/// Takes a call out of the count of those who wait.
struct Waiting<'a> {
    queue: &'a Queue,
    _place: Arc<()>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.state().waiting -= 1;
    }
}

impl Queue {
    /// For `turns` connections, at least one.
    pub fn new(turns: usize) -> Self {
        let turns = turns.max(1);
        Self(Arc::new(Shared {
            state: Mutex::new(State {
                free: turns,
                waiting: 0,
                pace: Pace::default(),
                lines: HashMap::new(),
                order: VecDeque::new(),
            }),
            most_waiting: turns.saturating_mul(WAITING_PER_TURN),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many calls wait now.
    pub fn waiting(&self) -> usize {
        self.state().waiting
    }

    /// Waits for a turn, in the line of `key`, for at most `patience`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when no turn came or none can be expected to come in time, [`Failure::TooManyRequests`]
    /// when too many of this key wait already.
    pub async fn turn(&self, key: &Arc<str>, patience: Duration) -> Result<Turn, Failure> {
        let (served, _waiting) = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn { queue: Some(self.clone()) });
            }
            let most = self.0.most_waiting;
            let waiting_here = state.lines.get(key).map_or(0, Line::waiting);
            if waiting_here >= most {
                let reason = "too many calls of this key wait for a connection";
                return Err(Failure::TooManyRequests { reason, retry_after: Duration::from_secs(1) });
            }
            let room = most.saturating_mul(FULL_LINES);
            if state.waiting >= room && waiting_here >= room / (state.lines.len() + 1) {
                let reason = "too many calls wait for a connection to the database";
                return Err(Failure::busy(reason, Duration::from_secs(1)));
            }
            if let Some(wait) =
                state.wait(waiting_here).filter(|wait| wait.saturating_add(patience / MARGIN) > patience)
            {
                // The queue would only be longer for it, and those in it later: what the database can bear goes first.
                let reason = "too many calls wait for a connection to the database: this one would wait in vain";
                return Err(Failure::busy(reason, wait.min(LONGEST_RETRY)));
            }
            if !state.lines.contains_key(key) {
                state.order.push_back(Arc::clone(key));
            }
            state.waiting += 1;
            let line = state.lines.entry(Arc::clone(key)).or_default();
            let (call, served) = oneshot::channel();
            line.push(call);
            (served, Waiting { queue: self, _place: Arc::clone(&line.waiting) })
        };
        match tokio::time::timeout(patience, served).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Failure::busy("no connection to the database came free in time", Duration::from_secs(1))),
        }
    }

    /// Gives a turn to the next who still waits: the first of the line whose turn it is.
    fn pass_on(&self) {
        let mut guard = self.state();
        let state = &mut *guard;
        while let Some(key) = state.order.pop_front() {
            let Some(line) = state.lines.get_mut(&key) else { continue };
            while let Some(call) = line.calls.pop_front() {
                match call.send(Turn { queue: Some(self.clone()) }) {
                    Ok(()) => {
                        state.pace.serve();
                        if line.calls.is_empty() {
                            state.lines.remove(&key);
                        } else {
                            state.order.push_back(key);
                        }
                        return;
                    }
                    // It gave up; its turn must not pass itself on from within this very call.
                    Err(mut turn) => turn.queue = None,
                }
            }
            state.lines.remove(&key);
        }
        state.pace.rest();
        state.free += 1;
    }
}

#[cfg(test)]
mod tests;
