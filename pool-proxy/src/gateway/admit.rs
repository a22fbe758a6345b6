//! Who goes next: one turn per connection, first come first served within a key, round-robin across keys, so that a
//! greedy key delays only itself.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::error::Failure;

/// More calls of one key than this per connection do not wait but are refused at once.
const WAITING_PER_TURN: usize = 1000;

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
    /// One line per key that has somebody waiting; the front one is served next.
    lines: VecDeque<Line>,
}

#[derive(Debug)]
struct Line {
    key: Arc<str>,
    calls: VecDeque<oneshot::Sender<Turn>>,
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
            state: Mutex::new(State { free: turns, waiting: 0, lines: VecDeque::new() }),
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
    /// [`Failure::Unavailable`] when no turn came, or too many wait already.
    pub async fn turn(&self, key: &Arc<str>, patience: Duration) -> Result<Turn, Failure> {
        let (call, served) = oneshot::channel();
        {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn { queue: Some(self.clone()) });
            }
            match state.lines.iter_mut().find(|line| line.key == *key) {
                Some(line) => {
                    if line.calls.len() >= self.0.most_waiting {
                        line.calls.retain(|call| !call.is_closed());
                    }
                    if line.calls.len() >= self.0.most_waiting {
                        return Err(Failure::TooManyRequests("too many calls of this key wait for a connection"));
                    }
                    line.calls.push_back(call);
                }
                None => state.lines.push_back(Line { key: Arc::clone(key), calls: VecDeque::from([call]) }),
            }
        }
        self.state().waiting += 1;
        let _waiting = Waiting(self);
        match tokio::time::timeout(patience, served).await {
            Ok(Ok(turn)) => Ok(turn),
            _ => Err(Failure::unavailable("no connection to the database came free in time")),
        }
    }

    /// Gives a turn to the next who still waits.
    fn pass_on(&self) {
        let mut state = self.state();
        while let Some(mut line) = state.lines.pop_front() {
            let next = line.calls.pop_front();
            if !line.calls.is_empty() {
                state.lines.push_back(line);
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
