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
//! A row over the limit is dropped as it comes in, and one of NULLs stands in its place: it never takes memory, and what
//! Postgres says afterwards still tells what became of its statement.
//!
//! A COPY that stands in a text of several statements is answered here: tokio-postgres would leave the server waiting for data.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::wire::Wire;

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

impl<S: AsyncRead + AsyncWrite + Unpin> Tap<S> {
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
        let mut state = wire.state();
        let (kept, held) = state.receive(chunk)?;
        state.refuse_copy(&mut self.out);
        drop(state);
        self.held.clear();
        self.held.extend_from_slice(&chunk[kept..kept + held]);
        buf.set_filled(before + kept);
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
