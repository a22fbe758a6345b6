//! Several requests in one flight.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// A request that is sent when first polled.
pub type Step<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Sends all requests in their order before waiting for any, and waits for all, whatever they come to. Each is polled
/// on its own account, so that a long result is read while the next request waits for its own. (A general-purpose
/// join may poll in an order of its own, and a COMMIT would overtake a statement.)
pub async fn in_order<T>(steps: Vec<Step<'_, T>>) -> Vec<T> {
    let mut steps: Vec<_> = steps.into_iter().map(|step| (Some(step), None)).collect();
    let (mut all_sent, mut first) = (false, 0);
    poll_fn(|cx| {
        let mut waiting = false;
        for (step, outcome) in &mut steps[first..] {
            if let Some(running) = step {
                match running.as_mut().poll(cx) {
                    Poll::Ready(done) => {
                        *outcome = Some(done);
                        *step = None;
                    }
                    Poll::Pending => waiting = true,
                }
            }
            if !waiting {
                first += 1;
            } else if all_sent {
                // Answers come in the order of the requests.
                break;
            }
        }
        all_sent = true;
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    steps.into_iter().filter_map(|(_, outcome)| outcome).collect()
}
