//! A TCP or a Unix socket, and a last look before a request leaves through it.

use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

use super::wire::Wire;

/// A socket to a server.
#[derive(Debug)]
pub(super) struct Socket {
    stream: Stream,
    /// Of a session; a cancel request has none.
    wire: Option<Wire>,
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl From<TcpStream> for Socket {
    fn from(stream: TcpStream) -> Self {
        Self { stream: Stream::Tcp(stream), wire: None }
    }
}

impl From<UnixStream> for Socket {
    fn from(stream: UnixStream) -> Self {
        Self { stream: Stream::Unix(stream), wire: None }
    }
}

impl Socket {
    /// Looks before it sends: see [`Wire::is_about_to_ask`].
    pub(super) fn looking(self, wire: Wire) -> Self {
        Self { wire: Some(wire), ..self }
    }

    /// Waits while there is something to read. A server that has ended an idle session has said so, and what is sent
    /// to it all the same would be lost, nobody knows how: the runtime may not have noticed yet, so the kernel is
    /// asked. Who reads this socket is woken and reads first.
    fn poll_look(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut byte = [MaybeUninit::uninit()];
        let (seen, woken) = match &self.stream {
            Stream::Tcp(stream) => (SockRef::from(stream).peek(&mut byte), stream.poll_read_ready(cx)),
            Stream::Unix(stream) => (SockRef::from(stream).peek(&mut byte), stream.poll_read_ready(cx)),
        };
        if matches!(&seen, Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            return Poll::Ready(());
        }
        if woken.is_ready() {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.wire.as_ref().is_some_and(Wire::is_about_to_ask) {
            ready!(this.poll_look(cx));
        }
        let written = ready!(match &mut this.stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Stream::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        })?;
        if let Some(wire) = &this.wire {
            wire.has_left();
        }
        Poll::Ready(Ok(written))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().stream {
            Stream::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Stream::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

#[cfg(test)]
mod tests;
