//! A request's body on its way to the upstream. It comes back when nobody wants to send it.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::oneshot;

/// The body of a request.
#[derive(Debug, Default)]
pub struct Loan {
    body: Option<Incoming>,
    back: Option<oneshot::Sender<Incoming>>,
}

impl Loan {
    /// Lends a body. What is left of it is received when the other end was dropped.
    pub fn of(body: Incoming) -> (Self, oneshot::Receiver<Incoming>) {
        let (back, returned) = oneshot::channel();
        (Self { body: Some(body), back: Some(back) }, returned)
    }
}

impl Drop for Loan {
    fn drop(&mut self) {
        if let (Some(body), Some(back)) = (self.body.take(), self.back.take()) {
            // Whoever lent it may be gone.
            let _ = back.send(body);
        }
    }
}

impl Body for Loan {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(cx))
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}
