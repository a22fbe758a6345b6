//! Who goes next: one turn per connection, first come first served within a key, round-robin across keys, so that a
//! greedy key delays only itself.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::Failure;

/// More calls of one key than this per connection do not wait but are refused at once.
const WAITING_PER_TURN: usize = 1000;

/// So many keys may wait with all they may, before one more call of any key is refused at once.
const FULL_LINES: usize = 4;

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
    /// One line per key that has somebody waiting.
    lines: HashMap<Arc<str>, VecDeque<oneshot::Sender<Turn>>>,
    /// The keys of the lines; the front one is served next.
    order: VecDeque<Arc<str>>,
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

/// Takes a call that gave up out of the count of those who wait.
struct Waiting<'a>(&'a Queue);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.state().waiting -= 1;
    }
}

impl Queue {
    /// For `turns` connections, at least one.
    pub fn new(turns: usize) -> Self {
        let turns = turns.max(1);
        Self(Arc::new(Shared {
            state: Mutex::new(State { free: turns, waiting: 0, lines: HashMap::new(), order: VecDeque::new() }),
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
    /// [`Failure::Unavailable`] when no turn came, [`Failure::TooManyRequests`] when too many of this key wait already.
    pub async fn turn(&self, key: &Arc<str>, patience: Duration) -> Result<Turn, Failure> {
        let (call, served) = oneshot::channel();
        {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn { queue: Some(self.clone()) });
            }
            if state.waiting >= self.0.most_waiting.saturating_mul(FULL_LINES) {
                return Err(Failure::unavailable("too many calls wait for a connection to the database"));
            }
            if let Some(line) = state.lines.get_mut(key) {
                if line.len() >= self.0.most_waiting {
                    line.retain(|call| !call.is_closed());
                }
                if line.len() >= self.0.most_waiting {
                    let reason = "too many calls of this key wait for a connection";
                    return Err(Failure::TooManyRequests { reason, retry_after: Duration::from_secs(1) });
                }
                line.push_back(call);
            } else {
                state.lines.insert(Arc::clone(key), VecDeque::from([call]));
                state.order.push_back(Arc::clone(key));
            }
            state.waiting += 1;
        }
        let _waiting = Waiting(self);
        match tokio::time::timeout(patience, served).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Failure::unavailable("no connection to the database came free in time")),
        }
    }

    /// Gives a turn to the next who still waits.
    fn pass_on(&self) {
        let mut state = self.state();
        while let Some(key) = state.order.pop_front() {
            let Some(line) = state.lines.get_mut(&key) else { continue };
            let next = line.pop_front();
            if line.is_empty() {
                state.lines.remove(&key);
            } else {
                state.order.push_back(key);
            }
            let Some(call) = next else { continue };
            match call.send(Turn { queue: Some(self.clone()) }) {
                Ok(()) => return,
                // It gave up; its turn must not pass itself on from within this very call.
                Err(mut turn) => turn.queue = None,
            }
        }
        state.free += 1;
    }
}

#[cfg(test)]
mod tests;
