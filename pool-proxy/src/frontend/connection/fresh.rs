//! Requests that have just come over HTTP/2. The task of their connection begins them, and most that the cache answers end there,
//! too: that saves them a task, and their answers leave together. The others go on in tasks of their own.

use std::collections::VecDeque;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use hyper::rt::Executor;

use crate::drain::Drain;

/// So many are begun at a time. The rest go to tasks at once, so that other connections get their turn, and other cores a part of
/// the work.
const AT_ONCE: usize = 32;

type Request = Pin<Box<dyn Future<Output = ()> + Send>>;
type Queue = Mutex<VecDeque<Request>>;

/// Those of a connection that are not begun yet. With it, they end.
#[derive(Default)]
pub(super) struct Fresh(Arc<Queue>);

/// Where hyper puts requests.
#[derive(Clone)]
pub(super) struct Entrance(
    // hyper keeps one with each request: held for good, the queue would hold itself.
    Weak<Queue>,
);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Entrance {
    fn execute(&self, request: F) {
        if let Some(queue) = self.0.upgrade() {
            queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(Box::pin(request));
        }
    }
}

impl Fresh {
    pub(super) fn entrance(&self) -> Entrance {
        Entrance(Arc::downgrade(&self.0))
    }

    fn next(&self) -> Option<Request> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Goes on with the connection and begins what it brings, until it brings no more.
    pub(super) fn poll<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        drain: &Drain,
        cx: &mut Context<'_>,
    ) -> Poll<C::Output> {
        let mut begun = 0;
        loop {
            if let Poll::Ready(ended) = connection.as_mut().poll(cx) {
                return Poll::Ready(ended);
            }
            // Begun only behind the connection, so that what has come of their bodies can be read at once.
            let before = begun;
            while let Some(request) = self.next() {
                begun += 1;
                let waits = if begun > AT_ONCE { Some(request) } else { begin(request, cx) };
                if let Some(request) = waits {
                    drain.spawn("request", request);
                }
            }
            if begun == before {
                return Poll::Pending;
            }
        }
    }
}

/// Begins a request; it comes back if it has to wait.
fn begin(mut request: Request, cx: &mut Context<'_>) -> Option<Request> {
    let begun = catch_unwind(AssertUnwindSafe(move || request.as_mut().poll(cx).is_pending().then_some(request)));
    // A panic must not end the other requests of the connection.
    begun.unwrap_or_else(|_| {
        tracing::error!("a request has panicked");
        None
    })
}

#[cfg(test)]
mod tests {
    use std::future::{poll_fn, ready};
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Poll;

    use hyper::rt::Executor;
    use tokio::sync::Notify;

    use super::{AT_ONCE, Fresh};
    use crate::drain::Drain;

    /// Counts how many were dropped.
    struct Dropped(Arc<AtomicUsize>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[tokio::test]
    async fn what_is_not_done_at_once_goes_on_and_a_panic_ends_one_alone() {
        let (fresh, drain, done) = (Fresh::default(), Drain::default(), Arc::new(AtomicUsize::new(0)));
        let (entrance, go, ended) = (fresh.entrance(), Arc::new(Notify::new()), Arc::new(Notify::new()));
        let mut brought = false;
        let mut connection = pin!(poll_fn(|_| {
            if !std::mem::replace(&mut brought, true) {
                entrance.execute(async { panic!("on purpose") });
                let at_once = Arc::clone(&done);
                entrance.execute(async move {
                    at_once.fetch_add(1, Ordering::Relaxed);
                });
                let (later, go, ended) = (Arc::clone(&done), Arc::clone(&go), Arc::clone(&ended));
                entrance.execute(async move {
                    go.notified().await;
                    later.fetch_add(1, Ordering::Relaxed);
                    ended.notify_one();
                });
            }
            Poll::Pending::<()>
        }));
        let begun = poll_fn(|cx| Poll::Ready(fresh.poll(connection.as_mut(), &drain, cx)));
        assert!(begun.await.is_pending());
        assert_eq!(done.load(Ordering::Relaxed), 1);
        assert!(fresh.next().is_none());
        go.notify_one();
        ended.notified().await;
        assert_eq!(done.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn a_crowd_does_not_hold_the_thread() {
        let (fresh, drain, done) = (Fresh::default(), Drain::default(), Arc::new(AtomicUsize::new(0)));
        let entrance = fresh.entrance();
        for _ in 0..3 * AT_ONCE {
            let done = Dropped(Arc::clone(&done));
            entrance.execute(async move { drop(done) });
        }
        let mut connection = pin!(std::future::pending::<()>());
        assert!(poll_fn(|cx| Poll::Ready(fresh.poll(connection.as_mut(), &drain, cx))).await.is_pending());
        assert_eq!(done.load(Ordering::Relaxed), AT_ONCE);
        while done.load(Ordering::Relaxed) < 3 * AT_ONCE {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn what_is_not_begun_ends_with_the_connection() {
        let (fresh, drain, dropped) = (Fresh::default(), Drain::default(), Arc::new(AtomicUsize::new(0)));
        for _ in 0..3 {
            // As hyper has them.
            let held = (fresh.entrance(), Dropped(Arc::clone(&dropped)));
            fresh.entrance().execute(async move { drop(held) });
        }
        let mut over = pin!(ready(7));
        assert_eq!(poll_fn(|cx| fresh.poll(over.as_mut(), &drain, cx)).await, 7);
        let late = fresh.entrance();
        assert_eq!(dropped.load(Ordering::Relaxed), 0);
        drop(fresh);
        assert_eq!(dropped.load(Ordering::Relaxed), 3);
        let held = Dropped(Arc::clone(&dropped));
        late.execute(async move { drop(held) });
        assert_eq!(dropped.load(Ordering::Relaxed), 4);
    }
}
