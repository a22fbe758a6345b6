//! What a call has waited for: a connection of its own, or a seat in one.

use tokio::time::Instant;

use super::{MISTRUST, Queue};
use crate::error::Failure;
use crate::pool;
use crate::postgres::Multiplex;

/// The right to one connection, until dropped.
#[derive(Debug)]
pub struct Turn {
    /// `None` where it is not to be passed on.
    pub(super) queue: Option<Queue>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(queue) = self.queue.take() {
            queue.pass_on();
        }
    }
}

/// The right to read through a connection beside others, until dropped.
#[derive(Debug)]
pub struct Seat {
    seat: pool::Seat,
    /// After the seat is free.
    free: Free,
}

/// Gives a free seat to the next.
#[derive(Debug)]
struct Free(Queue);

impl Drop for Free {
    fn drop(&mut self) {
        self.0.seat();
    }
}

impl Seat {
    pub(super) fn new(seat: pool::Seat, queue: &Queue) -> Self {
        Self { seat, free: Free(queue.clone()) }
    }

    /// The connection, to ask something.
    pub fn ask(&mut self) -> &Multiplex {
        self.seat.ask()
    }

    /// All that was asked is answered, to the end, now.
    pub fn arrive(self, now: Instant) {
        self.seat.arrive(now);
    }

    /// The answer has not come for too long.
    pub fn mistrust(self) {
        self.free.0.state().mistrusted_until = Some(Instant::now() + MISTRUST);
    }
}

/// What a call has waited for.
#[derive(Debug)]
pub enum Place {
    /// A connection of its own.
    Turn(Turn),
    /// One that others read through, too.
    Seat(Seat),
}

impl Place {
    /// The turn of a call that would take no seat.
    pub(super) fn turn(self) -> Result<Turn, Failure> {
        match self {
            Self::Turn(turn) => Ok(turn),
            Self::Seat(_) => Err(Failure::Internal),
        }
    }
}
