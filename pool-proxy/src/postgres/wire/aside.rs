//! Rows that the tap sets aside for who reads them: tokio-postgres, which would parse and allocate each, never sees them. They wait
//! in one buffer, which their reader takes whole.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

use super::Wire;

/// As many bytes are worth waking a reader for, before the end of the result.
const WORTH_WAKING: usize = 64 << 10;

/// When so many bytes of whole rows wait, no more are read from the server.
const MOST: usize = 256 << 10;

/// The length of a row, which stands before it.
const LENGTH: usize = 4;

/// Rows of the executions under way that somebody reads.
#[derive(Debug, Default)]
pub(super) struct Aside {
    readings: VecDeque<Reading>,
    /// Of the whole rows in all of them.
    bytes: usize,
    /// Who reads from the server, while it waits for room.
    tap: Option<Waker>,
}

/// The rows of one execution.
#[derive(Debug, Default)]
struct Reading {
    number: u64,
    /// A longer row is dropped, in bytes.
    largest: usize,
    rows: Vec<u8>,
    /// How far they are whole.
    whole: usize,
    wanted: Wanted,
    reader: Option<Waker>,
}

/// Whether the rows that come are wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Wanted {
    #[default]
    Yes,
    /// One was over the limit, which is to be told.
    Dropped,
    /// Not any more.
    No,
    /// Nor does anybody ask, as soon as the execution is over.
    Left,
}

/// What a reader has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// There is nothing new.
    Nothing,
    /// Rows.
    Rows,
    /// Rows, if any, and behind them was one over the limit. No more come.
    Last,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is handed on to tokio-postgres.
    #[default]
    Pass,
    /// It is set aside.
    SetAside,
    /// Nobody gets it.
    Skip,
}

impl Aside {
    /// Somebody is going to read the rows of an execution.
    fn open(&mut self, number: u64, largest: usize) {
        // One that was never sent had the same.
        self.close(number);
        self.readings.push_back(Reading { number, largest, ..Reading::default() });
    }

    fn of(&mut self, number: u64) -> Option<&mut Reading> {
        self.readings.iter_mut().find(|reading| reading.number == number)
    }

    /// A row of so many bytes begins.
    pub(super) fn begin(&mut self, number: u64, length: usize) -> Fate {
        let Some(reading) = self.of(number) else { return Fate::Pass };
        if reading.wanted != Wanted::Yes {
            return Fate::Skip;
        }
        if reading.largest > 0 && length > reading.largest {
            // Whatever follows has no place any more.
            reading.wanted = Wanted::Dropped;
            wake(&mut reading.reader);
            return Fate::Skip;
        }
        reading.rows.reserve(length.min(WORTH_WAKING) + LENGTH);
        reading.rows.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        Fate::SetAside
    }

    /// A part of it.
    pub(super) fn push(&mut self, number: u64, part: &[u8]) {
        if let Some(reading) = self.of(number).filter(|reading| reading.wanted == Wanted::Yes) {
            reading.rows.extend_from_slice(part);
        }
    }

    /// It is whole.
    pub(super) fn end(&mut self, number: u64) {
        if let Some(reading) = self.of(number).filter(|reading| reading.wanted == Wanted::Yes) {
            let before = std::mem::replace(&mut reading.whole, reading.rows.len());
            let row = reading.whole - before;
            if reading.whole >= WORTH_WAKING {
                wake(&mut reading.reader);
            }
            self.bytes += row;
        }
    }

    /// Takes the whole rows into `rows`, in exchange for its room. If there is nothing, the reader is woken when there is, or at
    /// the end.
    fn take(&mut self, number: u64, rows: &mut Vec<u8>, cx: &Context<'_>) -> Taken {
        rows.clear();
        let Some(reading) = self.of(number) else { return Taken::Nothing };
        let taken = match reading.wanted {
            Wanted::Dropped => {
                reading.wanted = Wanted::No;
                Taken::Last
            }
            _ if reading.whole == 0 => {
                reading.reader = Some(cx.waker().clone());
                return Taken::Nothing;
            }
            _ => Taken::Rows,
        };
        std::mem::swap(&mut reading.rows, rows);
        let whole = std::mem::take(&mut reading.whole);
        // The beginning of the next one.
        reading.rows.extend_from_slice(rows.get(whole..).unwrap_or_default());
        rows.truncate(whole);
        self.give_room(whole);
        taken
    }

    /// Nobody wants more rows of an execution, which may go on.
    fn stop(&mut self, number: u64) {
        let Some(reading) = self.of(number) else { return };
        reading.wanted = Wanted::No;
        reading.reader = None;
        reading.rows = Vec::new();
        let whole = std::mem::take(&mut reading.whole);
        self.give_room(whole);
    }

    /// The same, and nobody asks any more.
    fn close(&mut self, number: u64) {
        self.stop(number);
        self.readings.retain(|reading| reading.number != number);
    }

    /// Its reader has left while it may still go on.
    fn leave(&mut self, number: u64) {
        self.stop(number);
        if let Some(reading) = self.of(number) {
            reading.wanted = Wanted::Left;
        }
    }

    /// An execution has ended.
    pub(super) fn done(&mut self, number: u64) {
        self.readings.retain(|reading| reading.number != number || reading.wanted != Wanted::Left);
    }

    fn give_room(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_sub(bytes);
        if self.bytes < MOST {
            wake(&mut self.tap);
        }
    }

    /// Ready when there is room for more.
    pub(super) fn poll_room(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.bytes < MOST {
            return Poll::Ready(());
        }
        self.tap = Some(cx.waker().clone());
        Poll::Pending
    }
}

fn wake(waker: &mut Option<Waker>) {
    if let Some(waker) = waker.take() {
        waker.wake();
    }
}

/// Reads the rows of an execution, which are not wanted any more when it is dropped.
#[derive(Debug)]
pub struct Reader {
    wire: Wire,
    execution: u64,
}

impl Reader {
    pub(super) fn open(wire: &Wire, execution: u64) -> Self {
        let mut state = wire.state();
        let largest = state.largest_row;
        state.aside.open(execution, largest);
        drop(state);
        Self { wire: wire.clone(), execution }
    }

    /// Takes the rows that have come into `rows`. If there is nothing new, the task is woken once there is enough, or a row over the
    /// limit; the end is for others to tell.
    pub fn take(&self, rows: &mut Vec<u8>, cx: &Context<'_>) -> Taken {
        self.wire.state().aside.take(self.execution, rows, cx)
    }

    /// No more rows are wanted.
    pub fn stop(&self) {
        self.wire.state().aside.stop(self.execution);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.wire.state();
        if (state.executions_done..state.executions_sent).contains(&self.execution) {
            state.aside.leave(self.execution);
        } else {
            // Over, or never sent.
            state.aside.close(self.execution);
        }
    }
}

#[cfg(test)]
mod tests;
