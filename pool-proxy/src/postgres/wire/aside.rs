//! Rows that the tap sets aside for who reads them: tokio-postgres, which would parse and allocate each, never sees them. They wait
//! in one buffer, which their reader takes whole.

use std::collections::VecDeque;
use std::fmt;
use std::task::{Context, Poll, Waker};

use super::Wire;

/// As many bytes are worth waking a reader for, before the end of the result.
const WORTH_WAKING: usize = 64 << 10;

/// Rows that nobody reads are never dropped if they are this short, as those of the library's own look-ups are.
pub(super) const ANY_ROW: usize = 64 << 10;

/// When so many bytes of whole rows wait, no more are read from the server.
const MOST: usize = 256 << 10;

/// Rows of the executions under way that somebody reads.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// In the order of their numbers: a batch may have very many.
    readings: VecDeque<Reading>,
    /// Of the whole rows in all of them.
    bytes: usize,
    /// Who reads from the server, while it waits for room.
    tap: Option<Waker>,
}

/// The rows of one execution. `Debug` shows none.
#[derive(Default)]
struct Reading {
    /// Of the execution.
    number: u64,
    /// A longer row is dropped, in bytes.
    largest: usize,
    /// Messages, as they came.
    rows: Vec<u8>,
    /// How far they are whole.
    whole: usize,
    wanted: Wanted,
    reader: Option<Waker>,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reading").field("whole", &self.whole).field("wanted", &self.wanted).finish_non_exhaustive()
    }
}

impl Reading {
    fn has_place_for(&self, row: usize) -> bool {
        self.largest == 0 || row <= self.largest
    }

    /// What has come is whole. Says how many bytes of it are new.
    fn has_come(&mut self) -> usize {
        let before = std::mem::replace(&mut self.whole, self.rows.len());
        // A sink may be full with less, and then has the statement cancelled.
        if self.whole >= WORTH_WAKING || (self.largest > 0 && self.whole > self.largest) {
            wake(&mut self.reader);
        }
        self.whole - before
    }
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
        let place = self.place(number).unwrap_or_else(|place| place);
        self.readings.insert(place, Reading { number, largest, ..Reading::default() });
    }

    /// Where a reading is, or would be.
    fn place(&self, number: u64) -> Result<usize, usize> {
        self.readings.binary_search_by_key(&number, |reading| reading.number)
    }

    fn of(&mut self, number: u64) -> Option<&mut Reading> {
        let place = self.place(number).ok()?;
        self.readings.get_mut(place)
    }

    fn wanted(&mut self, number: u64) -> Option<&mut Reading> {
        self.of(number).filter(|reading| reading.wanted == Wanted::Yes)
    }

    /// Whether somebody reads, or has read, the rows of an execution.
    pub(super) fn is_read(&self, number: u64) -> bool {
        self.place(number).is_ok()
    }

    /// A row of so many bytes behind its head begins.
    pub(super) fn begin(&mut self, number: u64, head: &[u8], length: usize) -> Fate {
        let Some(reading) = self.wanted(number) else { return Fate::Skip };
        if !reading.has_place_for(length) {
            // Whatever follows has no place any more.
            reading.wanted = Wanted::Dropped;
            wake(&mut reading.reader);
            return Fate::Skip;
        }
        reading.rows.extend_from_slice(head);
        Fate::SetAside
    }

    /// A part of it.
    pub(super) fn push(&mut self, number: u64, part: &[u8]) {
        if let Some(reading) = self.wanted(number) {
            reading.rows.extend_from_slice(part);
        }
    }

    /// It is whole.
    pub(super) fn end(&mut self, number: u64) {
        if let Some(reading) = self.wanted(number) {
            let more = reading.has_come();
            self.bytes += more;
        }
    }

    /// Takes the rows at the front of these messages that are whole, which is the same as what the three above do with each. Says
    /// how many bytes they are.
    pub(super) fn push_whole(&mut self, number: u64, messages: &[u8]) -> usize {
        let Some(reading) = self.wanted(number) else { return 0 };
        let mut rest = messages;
        while let [b'D', a, b, c, d, ..] = *rest {
            // The length counts itself.
            let length = u32::from_be_bytes([a, b, c, d]) as usize;
            let Some(behind) = rest.get(1 + length..) else { break };
            if length < 4 || !reading.has_place_for(length - 4) {
                break;
            }
            rest = behind;
        }
        let taken = messages.len() - rest.len();
        if taken > 0 {
            reading.rows.extend_from_slice(&messages[..taken]);
            let more = reading.has_come();
            self.bytes += more;
        }
        taken
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
        if let Ok(place) = self.place(number) {
            self.readings.remove(place);
        }
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
        if self.of(number).is_some_and(|reading| reading.wanted == Wanted::Left) {
            self.close(number);
        }
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
    pub(super) fn open(wire: &Wire, execution: u64, is_limited: bool) -> Self {
        let mut state = wire.state();
        let largest = if is_limited { state.largest_row } else { 0 };
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
