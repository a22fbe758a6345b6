//! One call: as many requests as are safe, within one deadline.

use std::time::Duration;

use crate::error::{Error, Kind, Safety};
use crate::trace::Traced;
use crate::transport::{Request, Response, Transport, TransportError};

/// The pause before the first repetition, on average; it doubles from one to the next.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// How long a call may take and how often it may be tried.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    /// For all requests and the pauses between them.
    pub(crate) deadline: Duration,
    /// When the last of several calls has to have ended, by the transport's clock.
    pub(crate) end: Option<Duration>,
    /// Requests after the first.
    pub(crate) retries: u32,
}

/// Sends a request until there is an answer of status 2xx, or 304 where that was asked for, or no use or time in trying again.
pub(crate) async fn perform(
    transport: &dyn Transport,
    (request, traced): (&Request, Option<&Traced>),
    patience: Patience,
    safety: Safety,
) -> Result<Response, Error> {
    let started = transport.now();
    let total = patience.end.map_or(Duration::MAX, |end| end.saturating_sub(started));
    let deadline = patience.deadline.min(total);
    let left = || deadline.saturating_sub(transport.now().saturating_sub(started));
    let id = request.header("x-request-id");
    let mut tries = 0;
    let mut last = None;
    // What one try says of itself does not undo another.
    let mut unknown = false;
    loop {
        let time = left();
        if time.is_zero() {
            // Either the caller had none to give, or a pause took longer than it should have.
            return Err(last.unwrap_or_else(|| Error::from(Kind::NoTime)).of_request(id));
        }
        let error = match send(transport, (request, traced), time).await {
            Ok(response) if is_success(request, &response) => return Ok(response),
            Ok(response) => Error::of_answer(&response, safety),
            Err(cause) => Error::of_transport(cause, safety),
        };
        unknown |= error.outcome_unknown();
        let error = error.after_unknown(unknown);
        let pause = pause(tries, error.retry_after(), transport.random());
        if !error.is_retryable() || tries >= patience.retries || pause >= left() {
            return Err(error.of_request(id));
        }
        transport.sleep(pause).await;
        last = Some(error);
        tries += 1;
    }
}

/// Sends it once; where it is part of a trace, with a span of its own.
async fn send(
    transport: &dyn Transport,
    (request, traced): (&Request, Option<&Traced>),
    time: Duration,
) -> Result<Response, TransportError> {
    let Some(traced) = traced else { return transport.send(request, time).await };
    let (request, call) = traced.begin(request, transport);
    let sent = transport.send(&request, time).await;
    traced.end(call, sent.as_ref().ok().map(|response| response.status), transport);
    sent
}

fn is_success(request: &Request, response: &Response) -> bool {
    let asked = || request.header("if-none-match").is_some();
    (200..300).contains(&response.status) || (response.status == 304 && asked())
}

/// Half to one and a half times the usual pause, so that those who were refused together do not come back together;
/// what the proxy asks for comes first.
fn pause(tries: u32, asked: Option<Duration>, random: u64) -> Duration {
    let usual = FIRST_PAUSE.saturating_mul(1 << tries.min(6));
    let dice = u32::try_from(random % 1024).unwrap_or_default();
    let jitter = usual.saturating_mul(dice) / 1024;
    asked.unwrap_or(usual / 2).saturating_add(jitter)
}

#[cfg(test)]
mod tests;
