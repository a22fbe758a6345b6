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
//! Rows of an execution are set aside for who reads them, as they came: to tokio-postgres each would be two parses and an
//! allocation. A row over the limit is dropped as it comes in, so that it never takes memory; what Postgres says afterwards still tells
//! what became of its statement.
//!
//! A COPY that stands in a text of several statements is answered here: tokio-postgres would leave the server waiting for data.

use std::fmt;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::wire::Wire;

/// So many bytes are read at a time: some two hundred rows of the usual length.
const READ: usize = 32 << 10;

/// The stream itself. Shutting it down also waits for the server to close its side, so that when a connection or a
/// cancel request has ended here, Postgres has dealt with it. `Debug` shows nothing of what passes.
pub struct Tap<S> {
    inner: S,
    wire: Option<Wire>,
    out: BytesMut,
    /// What was read: first what may be handed on, then the beginning of a message's head, until the rest of it has come.
    read: Vec<u8>,
    passes: Range<usize>,
    held: Range<usize>,
    half_closed: bool,
}

impl<S> fmt::Debug for Tap<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap").field("wire", &self.wire).finish_non_exhaustive()
    }
}

impl<S> Tap<S> {
    /// A tap on a session.
    pub fn new(inner: S, wire: Wire) -> Self {
        Self { wire: Some(wire), read: vec![0; READ], ..Self::passive(inner) }
    }

    /// Passes bytes through unread, as for a cancel request; shutting down still waits for the server.
    pub fn passive(inner: S) -> Self {
        let (passes, held) = (0..0, 0..0);
        Self { inner, wire: None, out: BytesMut::new(), read: Vec::new(), passes, held, half_closed: false }
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

impl<S: AsyncRead + AsyncWrite + Unpin> Tap<S> {
    /// Reads what the server has sent, and shows it to the wire. False at the end of the stream; there may be nothing to
    /// hand on before that.
    fn poll_read_on(&mut self, cx: &mut Context<'_>, wire: &Wire) -> Poll<io::Result<bool>> {
        let shown = self.held.len();
        self.read.copy_within(std::mem::replace(&mut self.held, 0..shown), 0);
        let mut buf = ReadBuf::new(self.read.get_mut(shown..).unwrap_or_default());
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buf))?;
        let end = shown + buf.filled().len();
        if end == shown {
            // Half a head is of no use to anybody.
            return Poll::Ready(Ok(false));
        }
        let mut state = wire.state();
        let (passes, held) = state.receive(self.read.get_mut(..end).unwrap_or_default())?;
        state.refuse_copy(&mut self.out);
        drop(state);
        (self.passes, self.held) = (0..passes, passes..passes + held);
        if !self.out.is_empty() && self.poll_write_out(cx)?.is_ready() {
            // What cannot be sent now goes with the next that is written.
            let _ = Pin::new(&mut self.inner).poll_flush(cx)?;
        }
        Poll::Ready(Ok(true))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Tap<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let Some(wire) = this.wire.clone() else {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        };
        loop {
            if !this.passes.is_empty() {
                let end = this.passes.end.min(this.passes.start + buf.remaining());
                buf.put_slice(this.read.get(this.passes.start..end).unwrap_or_default());
                this.passes.start = end;
                return Poll::Ready(Ok(()));
            }
            // Who reads the rows may be slower than the server.
            ready!(wire.poll_room(cx));
            if !ready!(this.poll_read_on(cx, &wire))? {
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
