//! What a connection sends as an answer: a body that is in memory whole, or one that comes in while it goes out.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::FutureExt;
use http_body_util::{BodyExt, Either, Full};
use hyper::body::{Body, Frame, SizeHint};

/// The body of an answer.
pub trait Outgoing:
    Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Sized + Unpin + Send + 'static
{
    /// One that is in memory whole.
    fn of(whole: Full<Bytes>) -> Self;

    /// Whether all of it is in memory.
    fn is_whole(&self) -> bool;

    /// Its bytes if all of them are in memory, else itself.
    ///
    /// # Errors
    /// The body, if it is still to come.
    fn whole(self) -> Result<Bytes, Self>;
}

impl Outgoing for Full<Bytes> {
    fn of(whole: Self) -> Self {
        whole
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn whole(mut self) -> Result<Bytes, Self> {
        let frame = self.frame().now_or_never().flatten();
        Ok(frame.and_then(|Ok(frame)| frame.into_data().ok()).unwrap_or_default())
    }
}

impl<B> Outgoing for Either<Full<Bytes>, B>
where
    B: Body<Data = Bytes, Error: Into<Box<dyn Error + Send + Sync>>> + Unpin + Send + 'static,
{
    fn of(whole: Full<Bytes>) -> Self {
        Self::Left(whole)
    }

    fn is_whole(&self) -> bool {
        matches!(self, Self::Left(_))
    }

    fn whole(self) -> Result<Bytes, Self> {
        match self {
            Self::Left(body) => body.whole().map_err(Self::Left),
            coming @ Self::Right(_) => Err(coming),
        }
    }
}

/// A body, and what is dropped when its last byte was handed on, or nobody wants it any more.
pub(super) struct Followed<B, E> {
    pub(super) body: B,
    pub(super) end: Option<E>,
}

impl<B: Body + Unpin, E: Unpin> Body for Followed<B, E> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) || self.body.is_end_stream() {
            self.end = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
