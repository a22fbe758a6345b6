//! A byte stream between tokio-postgres and the server that asks for text results and keeps what the client hides.
//!
//! tokio-postgres asks for binary results and exposes neither the command tag, the type lengths nor the transaction
//! status. The tap turns the result-format code of each outgoing Bind to text, so that every value is Postgres's own
//! text, and notes tag, lengths and status as they come in
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
//!
//! A Bind with a binary *parameter* is left alone: the proxy sends its own parameters as text, so such a Bind is one
//! of tokio-postgres's own type look-ups, which decode binary results.
//!
//! A row over the limit is dropped as it comes in, and an empty one stands in its place: it never takes memory, and what
//! Postgres says afterwards still tells what became of its statement.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

/// Any single message other than a row is kept under this, in bytes: rows have the response limit.
const LARGEST_MESSAGE: usize = 64 << 20;

/// What one execution ended with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// The command tag, such as `INSERT 0 1`; `None` for an empty query.
    pub tag: Option<String>,
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

/// What the tap has seen; shared with the connection's owner.
#[derive(Debug, Clone, Default)]
pub struct Wire(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Startup is the one message without a type byte.
    started: bool,
    /// Requests sent whose `ReadyForQuery` is still to come; true where one executes with text results.
    cycles: VecDeque<bool>,
    /// Whether the request being written executes with text results.
    executes: bool,
    executions_sent: u64,
    executions_done: u64,
    completions: VecDeque<(u64, Completion)>,
    tag: Option<String>,
    status: Option<TransactionStatus>,
    type_lengths: HashMap<u32, i16>,
    largest_row: usize,
    incoming: Incoming,
}

/// The message being read.
#[derive(Debug, Default)]
struct Incoming {
    kind: u8,
    /// Bytes of its body still to come.
    remaining: usize,
    captured: Option<Vec<u8>>,
    /// For a row that is dropped: how many bytes of the empty row are still to be written in its place.
    stand_in: Option<usize>,
}

/// The type byte and the length of a message.
const HEAD: usize = 5;

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row longer than this is dropped, and comes out without values. 0 for no limit.
    pub fn limit_rows(&self, bytes: usize) {
        self.state().largest_row = bytes;
    }

    /// How many executions with text results were sent so far: the number of the next one.
    pub fn executions(&self) -> u64 {
        let mut state = self.state();
        // Nobody asks any more for what came before.
        state.completions.clear();
        state.executions_sent
    }

    /// What the execution with this number ended with, once its stream of rows has ended without an error.
    pub fn completion(&self, execution: u64) -> Option<Completion> {
        let state = self.state();
        state.completions.iter().find(|(number, _)| *number == execution).map(|(_, completion)| completion.clone())
    }

    /// The transaction status, once everything that was sent has been answered.
    pub fn status(&self) -> Option<TransactionStatus> {
        let state = self.state();
        if state.cycles.is_empty() { state.status } else { None }
    }

    /// The length of a type in bytes, or -1 (variable) or -2 (C string), as its last `RowDescription` said.
    pub fn type_length(&self, oid: u32) -> i16 {
        self.state().type_lengths.get(&oid).copied().unwrap_or(-1)
    }
}

impl State {
    /// Copies whole messages from tokio-postgres into `out`, turned to text where it is ours to turn.
    fn send(&mut self, mut bytes: &[u8], out: &mut BytesMut) -> io::Result<()> {
        if !self.started {
            self.started = true;
            out.extend_from_slice(bytes);
            return Ok(());
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
                    self.executes = true;
                }
                b'S' => {
                    let executes = std::mem::take(&mut self.executes);
                    self.executions_sent += u64::from(executes);
                    self.cycles.push_back(executes);
                }
                b'Q' => self.cycles.push_back(false),
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads along with what the server sends, and takes oversized rows out of it. Says how many bytes are left at the
    /// front of `bytes`, and how many follow them that are the beginning of a message's head and must be shown again.
    fn receive(&mut self, bytes: &mut [u8]) -> io::Result<(usize, usize)> {
        let (mut read, mut kept) = (0, 0);
        while read < bytes.len() {
            if self.incoming.remaining == 0 {
                let Some(&[kind, a, b, c, d]) = bytes.get(read..read + HEAD) else {
                    let held = bytes.len() - read;
                    bytes.copy_within(read.., kept);
                    return Ok((kept, held));
                };
                self.begin(kind, u32::from_be_bytes([a, b, c, d]))?;
                bytes.copy_within(read..read + HEAD, kept);
                if self.incoming.stand_in.is_some() {
                    // Length and number of columns of a row without any.
                    bytes[kept + 1..kept + HEAD].copy_from_slice(&[0, 0, 0, 6]);
                }
                read += HEAD;
                kept += HEAD;
            } else {
                let take = (bytes.len() - read).min(self.incoming.remaining);
                if let Some(missing) = &mut self.incoming.stand_in {
                    let zeros = take.min(*missing);
                    bytes[kept..kept + zeros].fill(0);
                    *missing -= zeros;
                    kept += zeros;
                } else {
                    if let Some(captured) = &mut self.incoming.captured {
                        captured.extend_from_slice(&bytes[read..read + take]);
                    }
                    bytes.copy_within(read..read + take, kept);
                    kept += take;
                }
                self.incoming.remaining -= take;
                read += take;
            }
            if self.incoming.remaining == 0 {
                self.end();
            }
        }
        Ok((kept, 0))
    }

    fn begin(&mut self, kind: u8, length: u32) -> io::Result<()> {
        let remaining = (length as usize).checked_sub(4).ok_or_else(|| broken("an incoming message has no length"))?;
        let oversized = kind == b'D' && self.largest_row > 0 && remaining > self.largest_row.max(2);
        if kind != b'D' && remaining > LARGEST_MESSAGE {
            return Err(broken("an incoming message is over the limit"));
        }
        self.incoming = Incoming {
            kind,
            remaining,
            captured: matches!(kind, b'C' | b'T' | b'Z').then(Vec::new),
            stand_in: oversized.then_some(2),
        };
        Ok(())
    }

    fn end(&mut self) {
        let Some(body) = self.incoming.captured.take() else { return };
        match self.incoming.kind {
            b'C' => {
                let text = body.strip_suffix(&[0]).unwrap_or(&body);
                self.tag = Some(String::from_utf8_lossy(text).into_owned());
            }
            b'T' => self.note_type_lengths(&body),
            _ => self.ready(&body),
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
        if self.cycles.pop_front() == Some(true) {
            self.completions.push_back((self.executions_done, Completion { tag }));
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

/// Whether a Bind (without its header) has no binary parameter and ends in tokio-postgres's one binary result code.
fn wants_text(bind: &[u8]) -> bool {
    let mut rest = bind;
    for _ in ["portal", "statement"] {
        let Some(end) = rest.iter().position(|byte| *byte == 0) else { return false };
        rest = &rest[end + 1..];
    }
    if rest.len() < 2 || !bind.ends_with(&[0, 1, 0, 1]) {
        return false;
    }
    let formats = usize::from(rest.get_u16()) * 2;
    rest.get(..formats).is_some_and(|codes| codes.iter().all(|byte| *byte == 0))
}

fn broken(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// The stream itself. Shutting it down also waits for the server to close its side, so that when a connection or a
/// cancel request has ended here, Postgres has dealt with it.
#[derive(Debug)]
pub struct Tap<S> {
    inner: S,
    wire: Option<Wire>,
    out: BytesMut,
    /// The beginning of a message's head, until the rest of it has come.
    held: Vec<u8>,
    /// Read, but not handed on yet.
    rest: BytesMut,
    half_closed: bool,
}

impl<S> Tap<S> {
    /// A tap on a session.
    pub fn new(inner: S, wire: Wire) -> Self {
        Self {
            inner,
            wire: Some(wire),
            out: BytesMut::new(),
            held: Vec::new(),
            rest: BytesMut::new(),
            half_closed: false,
        }
    }

    /// Passes bytes through unread, as for a cancel request; shutting down still waits for the server.
    pub fn passive(inner: S) -> Self {
        Self { inner, wire: None, out: BytesMut::new(), held: Vec::new(), rest: BytesMut::new(), half_closed: false }
    }
}

impl<S: AsyncWrite + Unpin> Tap<S> {
    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> Tap<S> {
    /// Reads into `buf`, behind what is held of a head, and leaves in it what may be handed on. False at the end of the
    /// stream; `buf` may come back empty before that.
    fn poll_read_on(&mut self, cx: &mut Context<'_>, wire: &Wire, buf: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let before = buf.filled().len();
        buf.put_slice(&self.held);
        let shown = buf.filled().len();
        if Pin::new(&mut self.inner).poll_read(cx, buf)?.is_pending() {
            buf.set_filled(before);
            return Poll::Pending;
        }
        if buf.filled().len() == shown {
            // Half a head is of no use to anybody.
            buf.set_filled(before);
            return Poll::Ready(Ok(false));
        }
        let chunk = &mut buf.filled_mut()[before..];
        let (kept, held) = wire.state().receive(chunk)?;
        self.held.clear();
        self.held.extend_from_slice(&chunk[kept..kept + held]);
        buf.set_filled(before + kept);
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(wire) = this.wire.clone() else {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        };
        let before = buf.filled().len();
        loop {
            if !this.rest.is_empty() {
                let take = this.rest.len().min(buf.remaining());
                buf.put_slice(&this.rest.split_to(take));
                return Poll::Ready(Ok(()));
            }
            let more = if buf.remaining() > this.held.len() {
                ready!(this.poll_read_on(cx, &wire, buf))?
            } else {
                // There is no room for a head: read beside, and hand it on by and by.
                let mut beside = [0_u8; 64];
                let mut beside = ReadBuf::new(&mut beside);
                let more = ready!(this.poll_read_on(cx, &wire, &mut beside))?;
                this.rest.extend_from_slice(beside.filled());
                more
            };
            // Nothing read would mean the end.
            if !more || buf.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Tap<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let Some(wire) = this.wire.clone() else {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        };
        if !this.out.is_empty() {
            ready!(this.poll_write_out(cx))?;
        }
        wire.state().send(buf, &mut this.out)?;
        // Whether or not it could be written now, it was taken.
        let _ = this.poll_write_out(cx)?;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_write_out(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.half_closed {
            ready!(this.poll_write_out(cx))?;
            ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
            this.half_closed = true;
        }
        let mut scratch = [0_u8; 1024];
        loop {
            let mut buf = ReadBuf::new(&mut scratch);
            match ready!(Pin::new(&mut this.inner).poll_read(cx, &mut buf)) {
                Ok(()) if !buf.filled().is_empty() => {}
                // An abrupt end is an end, too.
                Ok(()) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<S: TlsStream + Unpin> TlsStream for Tap<S> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner.channel_binding()
    }
}

#[cfg(test)]
mod tests;
