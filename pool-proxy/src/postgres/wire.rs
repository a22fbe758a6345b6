//! What passes by on the wire of a session: requests going out, answers coming in, message by message. The tap shows it
//! every byte (see [`tap`](super::tap)).

mod aside;
mod bind;
mod passed;

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};

pub(super) use aside::Taken;
use aside::{ANY_ROW, Aside, Fate, Reader};
use bind::wants_text;
pub use passed::Passed;

/// Any single message is kept under this, in bytes, but for rows that have another limit.
const LARGEST_MESSAGE: usize = 64 << 20;
/// Room of this size is kept from one message to the next, in bytes.
const SMALL: usize = 1 << 10;

/// What one execution ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The command tag, such as `INSERT 0 1`; `None` for an empty query.
    pub tag: Option<String>,
    /// The session's `client_encoding` was another than UTF8.
    pub foreign_encoding: bool,
}

/// Where the session stands between commands, from `ReadyForQuery`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionStatus {
    /// Outside of a transaction.
    Idle,
    /// In a transaction.
    Open,
    /// In a transaction that failed.
    Failed,
}

/// What a request does, from one Sync to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Cycle {
    /// Nothing that could change the session or its transaction.
    #[default]
    Quiet,
    /// Executes with text results.
    Execution,
    /// Anything else.
    Other,
}

/// What the tap has seen; shared with the connection's owner.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<State>>);

/// Flags of independent facts, not a state machine.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Default)]
pub(super) struct State {
    /// Startup is the one message without a type byte.
    started: bool,
    /// Requests sent whose `ReadyForQuery` is still to come.
    cycles: VecDeque<Cycle>,
    /// A request to a session that had nothing under way is written, and nothing of it has left yet.
    about_to_ask: bool,
    departures: u64,
    /// What the request being written is so far.
    writing: Cycle,
    executions_sent: u64,
    executions_done: u64,
    completions: VecDeque<(u64, Completion)>,
    tag: Option<String>,
    passed: Passed,
    /// The server waits for the data of a COPY.
    owes_data: bool,
    status: Option<TransactionStatus>,
    type_lengths: BTreeMap<u32, i16>,
    largest_row: usize,
    aside: Aside,
    /// The session does not speak UTF-8.
    foreign_encoding: bool,
    incoming: Incoming,
    /// The body of the message being read, if it is looked into.
    captured: Vec<u8>,
}

/// The message being read.
#[derive(Debug, Default)]
struct Incoming {
    kind: u8,
    /// Bytes of its body still to come.
    remaining: usize,
    captured: bool,
    fate: Fate,
}

/// The type byte and the length of a message.
const HEAD: usize = 5;

impl Wire {
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A longer row of the executions to come is dropped, and one that nobody reads, unless it is as short as any may be. 0 for no
    /// limit.
    pub fn limit_rows(&self, bytes: usize) {
        self.state().largest_row = bytes;
    }

    /// Reads the rows of an execution that is still to be sent, under the limit or not.
    pub fn read_rows(&self, execution: u64, is_limited: bool) -> Reader {
        Reader::open(self, execution, is_limited)
    }

    /// Ready when there is room for what the server sends.
    pub(super) fn poll_room(&self, cx: &Context<'_>) -> Poll<()> {
        self.state().aside.poll_room(cx)
    }

    /// How many executions with text results were sent so far: the number of the next one.
    pub fn executions(&self) -> u64 {
        let mut state = self.state();
        // Nobody asks any more for what came before.
        state.completions.clear();
        state.executions_sent
    }

    /// What the execution with this number ended with, once its stream of rows has ended without an error. Told once.
    pub fn completion(&self, execution: u64) -> Option<Completion> {
        let mut state = self.state();
        let place = state.completions.iter().position(|(number, _)| *number == execution)?;
        state.completions.remove(place).map(|(_, completion)| completion)
    }

    /// What has passed since somebody asked last.
    pub fn passed(&self) -> Passed {
        std::mem::take(&mut self.state().passed)
    }

    /// The transaction status, once everything that was sent and can change it has been answered.
    pub fn status(&self) -> Option<TransactionStatus> {
        let state = self.state();
        if state.cycles.iter().all(|cycle| *cycle == Cycle::Quiet) { state.status } else { None }
    }

    /// Whether the last answer left a transaction open.
    pub fn is_in_transaction(&self) -> bool {
        self.state().status != Some(TransactionStatus::Idle)
    }

    /// Whether the session's `client_encoding` is another than UTF8.
    pub fn speaks_another_encoding(&self) -> bool {
        self.state().foreign_encoding
    }

    /// Whether the next bytes to leave are the first of a request to a session that has nothing under way: then
    /// nothing is to be read either, unless the server has ended the session.
    pub(super) fn is_about_to_ask(&self) -> bool {
        self.state().about_to_ask
    }

    /// Some bytes were given to the kernel.
    pub(super) fn has_left(&self) {
        let mut state = self.state();
        state.about_to_ask = false;
        state.departures += 1;
    }

    /// How many requests are to be answered yet, of those that were sent.
    pub fn under_way(&self) -> usize {
        self.state().cycles.len()
    }

    /// How often bytes were given to the kernel.
    pub fn departures(&self) -> u64 {
        self.state().departures
    }
}

impl State {
    /// The length of a type in bytes, or -1 (variable) or -2 (C string), as its last `RowDescription` said.
    pub(super) fn type_length(&self, oid: u32) -> i16 {
        self.type_lengths.get(&oid).copied().unwrap_or(-1)
    }

    /// Copies whole messages from tokio-postgres into `out`, turned to text where it is ours to turn.
    pub(super) fn send(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> io::Result<()> {
        if !self.started {
            self.started = true;
            out.extend_from_slice(bytes);
            return Ok(());
        }
        // A Terminate asks nothing, and who sends it reads no more.
        if self.cycles.is_empty() && self.writing == Cycle::Quiet && self.status.is_some() && !bytes.starts_with(b"X") {
            self.about_to_ask = true;
        }
        while let Some(kind) = bytes.first().copied() {
            let length = match bytes.get(1..5) {
                Some(&[a, b, c, d]) => u32::from_be_bytes([a, b, c, d]) as usize + 1,
                _ => return Err(broken("an outgoing message is cut short")),
            };
            let Some(message) = bytes.get(..length) else {
                return Err(broken("an outgoing message is cut short"));
            };
            bytes = &bytes[length..];
            let start = out.len();
            out.extend_from_slice(message);
            match kind {
                b'B' if wants_text(&message[5..]) => {
                    // tokio-postgres always ends a Bind with one result-format code: 1, binary.
                    if let Some(code) = out[start..].last_mut() {
                        *code = 0;
                    }
                    self.writing = Cycle::Execution;
                }
                b'S' => {
                    let cycle = std::mem::take(&mut self.writing);
                    self.executions_sent += u64::from(cycle == Cycle::Execution);
                    self.cycles.push_back(cycle);
                }
                b'Q' => self.cycles.push_back(Cycle::Other),
                // A statement that is no longer wanted is closed some time later.
                b'C' => {}
                _ if self.writing == Cycle::Quiet => self.writing = Cycle::Other,
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads along with what the server sends, and takes out of it the rows that somebody reads. Says how many bytes are left at the
    /// front of `bytes`, and how many follow them that are the beginning of a message's head and must be shown again.
    pub(super) fn receive(&mut self, bytes: &mut [u8]) -> io::Result<(usize, usize)> {
        let (mut read, mut kept) = (0, 0);
        while read < bytes.len() {
            let take = if self.incoming.remaining == 0 {
                let rest = &bytes[read..];
                if rest.len() < HEAD {
                    let held = rest.len();
                    bytes.copy_within(read.., kept);
                    return Ok((kept, held));
                }
                if self.cycles.front() == Some(&Cycle::Execution) {
                    let rows = self.aside.push_whole(self.executions_done, rest);
                    if rows > 0 {
                        read += rows;
                        continue;
                    }
                }
                self.begin(rest)?;
                HEAD
            } else {
                let take = (bytes.len() - read).min(self.incoming.remaining);
                let part = &bytes[read..read + take];
                if self.incoming.captured {
                    self.captured.extend_from_slice(part);
                }
                if self.incoming.fate == Fate::SetAside {
                    self.aside.push(self.executions_done, part);
                }
                self.incoming.remaining -= take;
                take
            };
            if self.incoming.fate == Fate::Pass {
                move_down(bytes, read, kept, take);
                kept += take;
            }
            read += take;
            if self.incoming.remaining == 0 {
                self.end();
            }
        }
        Ok((kept, 0))
    }

    /// Tells a server that waits for the data of a COPY that there is none.
    pub(super) fn refuse_copy(&mut self, out: &mut BytesMut) {
        if std::mem::take(&mut self.owes_data) {
            out.extend_from_slice(passed::COPY_FAIL);
        }
    }

    /// A message's head.
    fn begin(&mut self, head: &[u8]) -> io::Result<()> {
        let &[kind, a, b, c, d, ..] = head else { return Err(broken("an incoming message has no head")) };
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        let remaining = length.checked_sub(4).ok_or_else(|| broken("an incoming message has no length"))?;
        let fate = if passed::is_copy(kind) {
            self.passed.copies = true;
            self.owes_data |= kind == b'G';
            // tokio-postgres would give up the connection.
            Fate::Skip
        } else if kind != b'D' {
            if remaining > LARGEST_MESSAGE {
                return Err(broken("an incoming message is over the limit"));
            }
            Fate::Pass
        } else if self.cycles.front() == Some(&Cycle::Execution) && self.aside.is_read(self.executions_done) {
            self.aside.begin(self.executions_done, head.get(..HEAD).unwrap_or_default(), remaining)
        } else if remaining > if self.largest_row > 0 { self.largest_row.max(ANY_ROW) } else { LARGEST_MESSAGE } {
            // tokio-postgres would hold all of it, also where nobody has asked for rows.
            Fate::Skip
        } else {
            Fate::Pass
        };
        let captured = matches!(kind, b'C' | b'S' | b'T' | b'Z');
        self.incoming = Incoming { kind, remaining, captured, fate };
        Ok(())
    }

    fn end(&mut self) {
        if self.incoming.fate == Fate::SetAside {
            self.aside.end(self.executions_done);
        }
        if !self.incoming.captured {
            return;
        }
        let mut body = std::mem::take(&mut self.captured);
        match self.incoming.kind {
            b'C' => {
                let text = body.strip_suffix(&[0]).unwrap_or(&body);
                self.passed.note(text);
                self.tag = Some(String::from_utf8_lossy(text).into_owned());
            }
            b'S' => {
                if let Some(value) = body.strip_prefix(b"client_encoding\0") {
                    self.foreign_encoding = value != b"UTF8\0";
                }
            }
            b'T' => self.note_type_lengths(&body),
            _ => self.ready(&body),
        }
        // Kept for the next, unless it has grown large.
        if body.capacity() <= SMALL {
            body.clear();
            self.captured = body;
        }
    }

    /// `ReadyForQuery`: the request at the head is answered.
    fn ready(&mut self, body: &[u8]) {
        self.status = Some(match body {
            b"I" => TransactionStatus::Idle,
            b"T" => TransactionStatus::Open,
            _ => TransactionStatus::Failed,
        });
        let tag = self.tag.take();
        if self.cycles.pop_front() == Some(Cycle::Execution) {
            let number = self.executions_done;
            // Others never ask.
            if self.aside.is_read(number) {
                self.completions.push_back((number, Completion { tag, foreign_encoding: self.foreign_encoding }));
            }
            self.aside.done(number);
            self.executions_done += 1;
        }
    }

    fn note_type_lengths(&mut self, body: &[u8]) {
        let mut rest = body.get(2..).unwrap_or_default();
        while let Some(end) = rest.iter().position(|byte| *byte == 0) {
            // After the name: table (4), column (2), type (4), length (2), modifier (4), format (2).
            let Some(mut field) = rest.get(end + 1..end + 19) else { return };
            field.advance(6);
            let oid = field.get_u32();
            self.type_lengths.insert(oid, field.get_i16());
            rest = &rest[end + 19..];
        }
    }
}

/// Moves bytes to where those that were taken out before them have left room.
fn move_down(bytes: &mut [u8], from: usize, to: usize, length: usize) {
    if from != to {
        bytes.copy_within(from..from + length, to);
    }
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
pub(super) mod tests;
