//! A request's body on its way to the upstream. It comes back when nobody wants to send it.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// The body of a request.
#[derive(Debug, Default)]
pub struct Loan {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Rest>>,
    is_broken: bool,
}

/// What comes back of a body.
#[derive(Debug)]
pub enum Rest {
    /// Whatever has not been sent.
    Left(Incoming),
    /// It broke off at its client, in the middle or because it is malformed: nobody has got all of it.
    Broken,
}

impl Loan {
    /// Lends a body. What is left of it is received when the other end was dropped.
    pub fn of(body: Incoming) -> (Self, oneshot::Receiver<Rest>) {
        let (back, returned) = oneshot::channel();
        (Self { body: Some(body), back: Some(back), is_broken: false }, returned)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Whoever lent it may be gone.
            let _ = back.send(if self.is_broken { Rest::Broken } else { Rest::Left(body) });
        }
    }
}

impl Body for Loan {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = self.body.as_mut() else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        self.is_broken |= matches!(frame, Some(Err(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
