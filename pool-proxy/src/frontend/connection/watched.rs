//! What an HTTP/1.1 connection is at, seen from its bytes: whether it idles, a head comes in, or an answer is not read.
//!
//! One stamp and a tick now and then cost an everyday request less than a timer of its own would.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::prefixed::Prefixed;
use crate::frontend::terms::Terms;

/// How often a connection at work is looked at.
const TICK: Duration = Duration::from_secs(1);

/// When one that has just begun to work is looked at first: of a crowd whose clients ask once and then rest, only those
/// of this moment have buffers, and what they leave behind in the heap is as little.
pub(super) const FIRST_LOOK: Duration = Duration::from_millis(100);

/// How long a connection that is looked at must have idled to give its buffers back.
const REST: Duration = Duration::from_millis(50);

/// How many times the body's timeout an answer may go without a move. Linux buffers up to 4 MiB and tells of a third of it
/// at a time: in two minutes, by default, the slowest client there may be has read more than that.
const MOVE: u32 = 4;

/// How many times the body's timeout an answer that still comes in may find no room on its way out. At the pace of the slowest
/// client there may be, that is more than the system's buffers take to tell of a move; and whoever sends it, waiting
/// longer for the end of a long one, is not the first to give up.
const NO_ROOM: u32 = 2;

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const ASKED: u8 = 2;
const ANSWERED: u8 = 3;
const CLOSING: u8 = 4;
/// An answer that came in while it went out has come to its end.
const SENT: u8 = 5;

/// What to do about a connection.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// Nothing before then.
    Again(Instant),
    /// Nothing is under way for a while.
    Idle,
    /// A head takes too long.
    HeadLate,
    /// An answer is not read.
    Unread,
}

/// Shared by the connection's bytes and its requests; all in one task.
#[derive(Debug)]
pub(super) struct Watch {
    born: Instant,
    phase: AtomicU8,
    /// When the phase began, in milliseconds since `born`.
    since: AtomicU64,
    /// Since when an answer is on its way, in milliseconds since `born`; [`NONE`] when none is. A phase of its own, for
    /// the next request may have come with this one.
    unread: AtomicU64,
    /// Bytes of it written.
    written: AtomicU64,
    /// When some of it was written last, in milliseconds since `born`.
    moved: AtomicU64,
    /// Since when the socket takes nothing, in milliseconds since `born`; [`NONE`] when it does.
    blocked: AtomicU64,
}

const NONE: u64 = u64::MAX;

impl Watch {
    /// A head has begun.
    pub(super) fn begun() -> Self {
        Self {
            born: Instant::now(),
            phase: AtomicU8::new(HEAD),
            since: AtomicU64::new(0),
            unread: AtomicU64::new(NONE),
            written: AtomicU64::new(0),
            moved: AtomicU64::new(0),
            blocked: AtomicU64::new(NONE),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.born.elapsed().as_millis()).unwrap_or(NONE)
    }

    fn enter(&self, phase: u8) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.phase.store(phase, Ordering::Relaxed);
    }

    fn is(&self, phase: u8) -> bool {
        self.phase.load(Ordering::Relaxed) == phase
    }

    /// A request is there; how long it takes is for others to watch.
    pub(super) fn asked(&self) {
        self.phase.store(ASKED, Ordering::Relaxed);
    }

    /// Its answer is ready to be written.
    pub(super) fn answered(&self) {
        self.phase.store(ANSWERED, Ordering::Relaxed);
        self.written.store(0, Ordering::Relaxed);
        let now = self.now();
        self.moved.store(now, Ordering::Relaxed);
        self.unread.store(now, Ordering::Relaxed);
    }

    /// The end of an answer that comes in while it goes out is handed on to be written. Until then the phase is that of
    /// a request that is being answered.
    fn sent(&self) {
        self.phase.store(SENT, Ordering::Relaxed);
    }

    /// All that was to be written is.
    fn flushed(&self) {
        if self.is(SENT) {
            return self.enter(IDLE);
        }
        // An answer is in memory whole, so what is flushed after it is all of it.
        if self.unread.load(Ordering::Relaxed) == NONE || self.written.load(Ordering::Relaxed) == 0 {
            return;
        }
        self.unread.store(NONE, Ordering::Relaxed);
        if self.is(ANSWERED) {
            // Since it was ready, or went on, which is as good as now: to ask for the time takes longer than all of this.
            self.since.store(self.moved.load(Ordering::Relaxed), Ordering::Relaxed);
            self.phase.store(IDLE, Ordering::Relaxed);
        }
    }

    /// The socket takes something, or it does not.
    fn takes(&self, takes: bool) {
        let blocked = self.blocked.load(Ordering::Relaxed);
        if takes && blocked != NONE {
            self.blocked.store(NONE, Ordering::Relaxed);
        } else if !takes && blocked == NONE {
            self.blocked.store(self.now(), Ordering::Relaxed);
        }
    }

    /// How it stands.
    pub(super) fn look(&self, terms: &Terms) -> Look {
        let now = Instant::now();
        let unread = self.unread.load(Ordering::Relaxed);
        let (since, patience, late) = if unread == NONE {
            let since = self.since.load(Ordering::Relaxed);
            match self.phase.load(Ordering::Relaxed) {
                // Not looked at sooner than another: that would be often, for a client that asks all the time.
                IDLE if self.born + Duration::from_millis(since) + REST > now => return Look::Again(now + TICK),
                IDLE => return Look::Idle,
                HEAD => (since, terms.header_timeout, Look::HeadLate),
                CLOSING => (since, TICK, Look::Unread),
                ASKED | SENT if self.blocked.load(Ordering::Relaxed) != NONE => {
                    (self.blocked.load(Ordering::Relaxed), terms.body_timeout * NO_ROOM, Look::Unread)
                }
                _ => return Look::Again(now + TICK),
            }
        } else {
            (unread, terms.patience(self.written.load(Ordering::Relaxed)), Look::Unread)
        };
        let mut deadline = self.born + Duration::from_millis(since) + patience;
        if unread != NONE {
            // What was written may lie in the system's buffers, which tell of a move only once a good part of them is free:
            // without one for long there is no more time for it.
            let moved = self.born + Duration::from_millis(self.moved.load(Ordering::Relaxed));
            deadline = deadline.min(moved + terms.body_timeout * MOVE);
        }
        if deadline <= now { late } else { Look::Again(deadline.min(now + TICK)) }
    }
}

/// The end of an answer that comes in while it goes out, until dropped.
pub(super) struct Streaming(pub(super) Arc<Watch>);

impl Drop for Streaming {
    fn drop(&mut self) {
        self.0.sent();
    }
}

/// An HTTP/1.1 connection's bytes, and what they tell of it.
pub(super) struct Watched<S> {
    pub(super) bytes: Prefixed<S>,
    pub(super) watch: Arc<Watch>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.bytes).poll_read(cx, buf))?;
        if buf.filled().len() > before && self.watch.is(IDLE) {
            self.watch.enter(HEAD);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S> Watched<S> {
    fn wrote(&self, written: &Poll<io::Result<usize>>) {
        self.watch.takes(written.is_ready());
        if let Poll::Ready(Ok(bytes)) = written
            && self.watch.written.fetch_add(*bytes as u64, Ordering::Relaxed) > 0
        {
            // Most answers go in one piece.
            self.watch.moved.store(self.watch.now(), Ordering::Relaxed);
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.bytes).poll_write(cx, buf);
        self.wrote(&written);
        written
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.bytes).poll_write_vectored(cx, bufs);
        self.wrote(&written);
        written
    }

    fn is_write_vectored(&self) -> bool {
        self.bytes.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.bytes).poll_flush(cx))?;
        self.watch.flushed();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Never idle again: what may still come is the rest of a request that was refused.
        if !self.watch.is(CLOSING) {
            self.watch.enter(CLOSING);
        }
        Pin::new(&mut self.bytes).poll_shutdown(cx)
    }
}
