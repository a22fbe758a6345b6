//! A byte stream between tokio-postgres and the server that asks for text results and keeps what the client hides.
//!
//! tokio-postgres asks for binary results and exposes neither the command tag, the type lengths nor the transaction
//! status. The tap turns the result-format code of each outgoing Bind to text, so that every value is Postgres's own
//! text, and notes tag, lengths and status as they come in
//! (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
//!
//! A Bind with a binary *parameter* is left alone: the proxy sends its own parameters as text, so such a Bind is one
//! of tokio-postgres's own type look-ups, which decode binary results.

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
    oversized: bool,
    incoming: Incoming,
}

/// How far the message being read has come.
#[derive(Debug, Default)]
struct Incoming {
    head: [u8; 5],
    head_len: usize,
    remaining: usize,
    captured: Option<Vec<u8>>,
}

impl Wire {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A row longer than this ends the connection at its header, before a byte of it is kept.
    pub fn limit_rows(&self, bytes: usize) {
        self.state().largest_row = bytes;
    }

    /// Whether a row over the limit ended the connection.
    pub fn was_oversized(&self) -> bool {
        self.state().oversized
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

    /// Reads along with what the server sends.
    fn receive(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            if self.incoming.head_len < 5 {
                let take = bytes.len().min(5 - self.incoming.head_len);
                let at = self.incoming.head_len;
                self.incoming.head[at..at + take].copy_from_slice(&bytes[..take]);
                self.incoming.head_len += take;
                bytes = &bytes[take..];
                if self.incoming.head_len < 5 {
                    return Ok(());
                }
                self.begin()?;
            } else {
                let take = bytes.len().min(self.incoming.remaining);
                if let Some(captured) = &mut self.incoming.captured {
                    captured.extend_from_slice(&bytes[..take]);
                }
                self.incoming.remaining -= take;
                bytes = &bytes[take..];
            }
            if self.incoming.remaining == 0 {
                self.end();
            }
        }
        Ok(())
    }

    fn begin(&mut self) -> io::Result<()> {
        let [kind, a, b, c, d] = self.incoming.head;
        let length = u32::from_be_bytes([a, b, c, d]) as usize;
        self.incoming.remaining = length.checked_sub(4).ok_or_else(|| broken("an incoming message has no length"))?;
        let limit = if kind == b'D' && self.largest_row > 0 { self.largest_row } else { LARGEST_MESSAGE };
        if self.incoming.remaining > limit {
            self.oversized = true;
            return Err(broken("an incoming message is over the limit"));
        }
        self.incoming.captured = matches!(kind, b'C' | b'T' | b'Z').then(Vec::new);
        Ok(())
    }

    fn end(&mut self) {
        self.incoming.head_len = 0;
        let Some(body) = self.incoming.captured.take() else { return };
        match self.incoming.head[0] {
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
    half_closed: bool,
}

impl<S> Tap<S> {
    /// A tap on a session.
    pub fn new(inner: S, wire: Wire) -> Self {
        Self { inner, wire: Some(wire), out: BytesMut::new(), half_closed: false }
    }

    /// Passes bytes through unread, as for a cancel request; shutting down still waits for the server.
    pub fn passive(inner: S) -> Self {
        Self { inner, wire: None, out: BytesMut::new(), half_closed: false }
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

impl<S: AsyncRead + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.inner).poll_read(cx, buf))?;
        if let Some(wire) = &this.wire {
            wire.state().receive(&buf.filled()[before..])?;
        }
        Poll::Ready(Ok(()))
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
