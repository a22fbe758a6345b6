//! Who goes next: one turn per connection, first come first served within a key, round-robin across keys, so that a
//! greedy key delays only itself. Whoever would wait in vain is told at once.
//!
//! Who may share a connection waits in the same line, for a turn or a seat, whichever comes first. Nobody is overtaken by that: while one
//! who needs a turn stands in front, no seats are given, and the connections that are shared come free.

mod pace;
mod places;

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::verdicts::Judged;
use crate::error::Failure;
use crate::pool::{self, Share};
use pace::Pace;
pub use places::{Place, Seat, Turn};

/// More calls of one key than this per connection do not wait but are refused at once.
const WAITING_PER_TURN: usize = 1000;

/// So many keys may wait with all they may. When so many calls wait, a key gets no more than its share of the room.
const FULL_LINES: usize = 4;

/// The pace is of the last second or so: whoever could be served in the last tenth of their patience might as well wait
/// through all of it for nothing.
const MARGIN: u32 = 10;

/// Nobody is told to stay away for longer than this.
const LONGEST_RETRY: Duration = Duration::from_secs(30);

/// After a seat was given up, none is given for this long: who sits there may have to wait for another, which is for the database to
/// say.
const MISTRUST: Duration = Duration::from_secs(1);

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
    /// Connections with seats.
    shares: Vec<Share>,
    /// No seats are given before.
    mistrusted_until: Option<Instant>,
}

impl State {
    /// The call that is served next; who gave up is not passed over but taken out.
    fn front(&mut self) -> Option<&Waiter> {
        loop {
            let key = self.order.front()?;
            if self.lines.get_mut(key).is_some_and(Line::find_front) {
                break;
            }
            self.lines.remove(key);
            self.order.pop_front();
        }
        self.lines.get(self.order.front()?)?.calls.front()
    }

    /// Takes it out of its line, and the lines take turns.
    fn next(&mut self) -> Option<Waiter> {
        self.front()?;
        let key = self.order.pop_front()?;
        let line = self.lines.get_mut(&key)?;
        let call = line.calls.pop_front();
        if line.calls.is_empty() {
            self.lines.remove(&key);
        } else {
            self.order.push_back(key);
        }
        call
    }

    /// A call stands in line from now on, where `push` puts it; counted until that is taken back.
    fn line_up(
        &mut self,
        key: &Arc<str>,
        read: Option<Arc<Judged>>,
        push: impl FnOnce(&mut Line, Waiter),
    ) -> (oneshot::Receiver<Place>, Arc<()>) {
        if !self.lines.contains_key(key) {
            self.order.push_back(Arc::clone(key));
        }
        self.waiting += 1;
        let line = self.lines.entry(Arc::clone(key)).or_default();
        let (call, served) = oneshot::channel();
        push(line, Waiter { served: call, read });
        (served, Arc::clone(&line.waiting))
    }

    /// A seat, if there is one.
    fn board(&mut self) -> Option<pool::Seat> {
        let now = Instant::now();
        if self.mistrusted_until.is_some_and(|until| until > now) {
            return None;
        }
        self.shares.iter().find_map(|share| share.board(now))
    }

    /// How long a call would wait behind so many of its own line, as far as can be told: lines take turns, so of each
    /// other one no more go before it.
    fn wait(&self, ahead_here: usize) -> Option<Duration> {
        let ahead = (ahead_here + 1).saturating_mul(self.lines.len().max(1)).min(self.waiting + 1);
        Some(self.pace.turn?.saturating_mul(u32::try_from(ahead).unwrap_or(u32::MAX)))
    }
}

#[derive(Debug)]
struct Waiter {
    served: oneshot::Sender<Place>,
    /// While this is light, a seat will do.
    read: Option<Arc<Judged>>,
}

impl Waiter {
    fn takes_seats(&self) -> bool {
        self.read.as_ref().is_some_and(|read| read.is_light())
    }
}

#[derive(Debug, Default)]
struct Line {
    /// Also of those who gave up, until it is noticed.
    calls: VecDeque<Waiter>,
    /// Each call that waits holds one of these, too.
    waiting: Arc<()>,
}

impl Line {
    fn waiting(&self) -> usize {
        Arc::strong_count(&self.waiting) - 1
    }

    /// Whether anybody waits; then who is in front does.
    fn find_front(&mut self) -> bool {
        while self.calls.front().is_some_and(|call| call.served.is_closed()) {
            self.calls.pop_front();
        }
        !self.calls.is_empty()
    }

    /// Takes out who gave up, now and then, so that they are never more than those who wait.
    fn push(&mut self, call: Waiter) {
        if self.calls.len() >= 32 && self.calls.len() > self.waiting().saturating_mul(2) {
            self.calls.retain(|call| !call.served.is_closed());
        }
        self.calls.push_back(call);
    }

    fn push_front(&mut self, call: Waiter) {
        self.calls.push_front(call);
    }
}

/// Takes a call out of the count of those who wait.
struct Waiting<'a> {
    queue: &'a Queue,
    is_served: bool,
    _place: Arc<()>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.queue.state().waiting -= 1;
        if !self.is_served {
            // Who stands behind it may be content with a seat.
            self.queue.seat();
        }
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
                shares: Vec::new(),
                mistrusted_until: None,
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

    /// Whether whoever comes now would have to wait.
    pub fn is_full(&self) -> bool {
        self.state().free == 0
    }

    /// Waits for a turn, in the line of `key`, for at most `patience`.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when no turn came or none can be expected to come in time, [`Failure::TooManyRequests`]
    /// when too many of this key wait already.
    pub async fn turn(&self, key: &Arc<str>, patience: Duration) -> Result<Turn, Failure> {
        self.place(key, patience, None).await?.turn()
    }

    /// The same for a call that has had its place: it goes first in its line, and is not refused for who waits there.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when no turn came.
    pub async fn turn_again(&self, key: &Arc<str>, patience: Duration) -> Result<Turn, Failure> {
        let waiting = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Turn { queue: Some(self.clone()) });
            }
            state.line_up(key, None, Line::push_front)
        };
        self.wait(waiting, patience).await?.turn()
    }

    /// For a turn or, with a read, for a seat if that comes first.
    ///
    /// # Errors
    /// As of [`turn`](Self::turn).
    pub(super) async fn place(
        &self,
        key: &Arc<str>,
        patience: Duration,
        read: Option<&Arc<Judged>>,
    ) -> Result<Place, Failure> {
        let waiting = {
            let mut state = self.state();
            if state.free > 0 {
                state.free -= 1;
                return Ok(Place::Turn(Turn { queue: Some(self.clone()) }));
            }
            if read.is_some()
                && state.front().is_none()
                && let Some(seat) = state.board()
            {
                return Ok(Place::Seat(Seat::new(seat, self)));
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
            state.line_up(key, read.cloned(), Line::push)
        };
        self.wait(waiting, patience).await
    }

    async fn wait(
        &self,
        (served, place): (oneshot::Receiver<Place>, Arc<()>),
        patience: Duration,
    ) -> Result<Place, Failure> {
        let mut waiting = Waiting { queue: self, is_served: false, _place: place };
        match tokio::time::timeout(patience, served).await {
            Ok(Ok(place)) => {
                waiting.is_served = true;
                Ok(place)
            }
            _ => Err(Failure::busy("no connection to the database came free in time", Duration::from_secs(1))),
        }
    }

    /// Lets others read through a connection, if any have to wait.
    pub fn open(&self, share: Share) {
        let mut state = self.state();
        state.shares.retain(Share::is_open);
        state.shares.push(share);
        drop(state);
        self.seat();
    }

    /// Gives a turn to the next who still waits: the first of the line whose turn it is.
    fn pass_on(&self) {
        let mut state = self.state();
        let mut turn = Turn { queue: Some(self.clone()) };
        while let Some(call) = state.next() {
            match call.served.send(Place::Turn(turn)) {
                Ok(()) => {
                    state.pace.serve();
                    drop(state);
                    // Who is in front now may be content with a seat.
                    return self.seat();
                }
                Err(Place::Turn(same)) => turn = same,
                Err(Place::Seat(_)) => return,
            }
        }
        // It must not pass itself on from within this very call.
        turn.queue = None;
        state.pace.rest();
        state.free += 1;
    }

    /// Gives seats to those in front.
    fn seat(&self) {
        // Of those who gave up. They are not dropped while the state is held.
        let mut left = Vec::new();
        let mut state = self.state();
        while state.front().is_some_and(Waiter::takes_seats) {
            let Some(seat) = state.board() else { break };
            let seat = Seat::new(seat, self);
            let Some(call) = state.next() else {
                left.push(seat);
                break;
            };
            match call.served.send(Place::Seat(seat)) {
                Ok(()) => state.pace.serve(),
                Err(Place::Seat(seat)) => left.push(seat),
                Err(Place::Turn(_)) => {}
            }
        }
        drop(state);
    }
}

#[cfg(test)]
mod tests;
