//! A connection on loan that others read through, too, while its borrower does and after: the last of them brings it back.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::lease::Lease;
use crate::postgres::Multiplex;

/// So many read through one connection at once, besides its borrower.
const ABOARD: usize = 8;

/// So many may before it is brought back.
const BOARDED: usize = 256;

/// Where no answer has come for this long, whoever reads there may have to wait.
const SILENCE: Duration = Duration::from_millis(10);

/// Such a connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Share(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    /// While there will be seats: it would keep a connection open that is given up.
    connection: Option<Multiplex>,
    aboard: usize,
    boarded: usize,
    /// When an answer came last, or the first was asked for.
    heard: Instant,
    /// Nobody knows whether all that was asked is answered.
    is_doubtful: bool,
    /// What its borrower has left behind.
    lease: Option<Lease>,
}

/// What became of a loan that others had a share in.
pub(super) enum Left {
    /// The last of them brings it back.
    Behind,
    /// There are none any more.
    Clean(Lease),
    /// Nor are there, but something may still be under way.
    Doubtful(#[expect(dead_code, reason = "dropped, which has it seen to")] Lease),
}

impl Share {
    pub(super) fn of(connection: Multiplex) -> Self {
        let connection = Some(connection);
        let heard = Instant::now();
        Self(Arc::new(Mutex::new(State { connection, aboard: 0, boarded: 0, heard, is_doubtful: false, lease: None })))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there will be seats.
    pub fn is_open(&self) -> bool {
        self.state().connection.is_some()
    }

    /// A seat, if one is free now, and nothing there seems to take long.
    pub fn board(&self, now: Instant) -> Option<Seat> {
        let mut state = self.state();
        if state.aboard >= ABOARD || now.saturating_duration_since(state.heard) > SILENCE {
            return None;
        }
        let connection = state.connection.clone()?;
        state.aboard += 1;
        state.boarded += 1;
        if state.boarded >= BOARDED {
            state.connection = None;
        }
        Some(Seat { share: self.clone(), connection, is_waiting: false, arrived: None })
    }

    /// The borrower goes.
    pub(super) fn leave(&self, lease: Lease, is_clean: bool) -> Left {
        let mut state = self.state();
        state.is_doubtful |= !is_clean;
        if state.aboard == 0 || state.is_doubtful {
            state.connection = None;
        }
        if state.aboard > 0 {
            state.heard = Instant::now();
            state.lease = Some(lease);
            return Left::Behind;
        }
        if state.is_doubtful { Left::Doubtful(lease) } else { Left::Clean(lease) }
    }
}

/// The right to read through a connection, until dropped.
#[derive(Debug)]
pub struct Seat {
    share: Share,
    connection: Multiplex,
    /// Something was asked, and not all of the answer has come.
    is_waiting: bool,
    arrived: Option<Instant>,
}

impl Seat {
    /// The connection, to ask something.
    pub fn ask(&mut self) -> &Multiplex {
        self.is_waiting = true;
        &self.connection
    }

    /// All that was asked is answered, to the end, now.
    pub fn arrive(mut self, now: Instant) {
        (self.is_waiting, self.arrived) = (false, Some(now));
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let last = {
            let mut state = self.share.state();
            state.aboard -= 1;
            state.heard = state.heard.max(self.arrived.unwrap_or(state.heard));
            if self.is_waiting {
                (state.is_doubtful, state.connection) = (true, None);
            }
            let lease = if state.aboard == 0 { state.lease.take() } else { None };
            if lease.is_some() {
                state.connection = None;
            }
            lease.map(|lease| (lease, state.is_doubtful))
        };
        // Not while the state is held: it passes the turn on.
        match last {
            Some((lease, false)) => lease.bring_back(),
            Some((lease, true)) => drop(lease),
            None => {}
        }
    }
}
