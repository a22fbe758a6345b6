//! The door of a relay: whatever is asked goes to another proxy, bodies as they come, and so does what that answers. It
//! neither knows nor keeps the credentials that pass.

mod headers;
mod ops;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, EXPECT, HOST, HeaderValue, RETRY_AFTER};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use serde_json::json;
use tokio::time::Instant;
use tracing::{debug, info};

use super::heads::Heads;
use super::reply::{self, REQUEST_ID, Reply};
use super::serving::{Sending, Serving};
use super::trace::{TRACEPARENT, TRACESTATE, Trace};
use super::{body, errors};
use crate::telemetry::Metrics;
use crate::telemetry::trace::Tracer;
use crate::upstream::{Coming, Lanes, Loan, Rest, SendError};

pub use ops::RelayOps;

/// What the metrics call all that is relayed.
const ROUTE: &str = "relay";

/// What the client of a relay reads.
pub type Relayed = Response<Either<Full<Bytes>, Coming>>;

/// Everything a relay needs.
pub struct Relay {
    /// The way to the other proxy.
    pub lanes: Arc<Lanes>,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// The region's name; may be empty.
    pub region: String,
    /// Records those that are sampled.
    pub tracer: Tracer,
}

impl Relay {
    /// Answers a request. Never fails: a failure is an answer, too.
    pub async fn answer(self: Arc<Self>, request: Request<Incoming>) -> Relayed {
        let arrived = Instant::now();
        let heads = Heads::of(request.headers());
        let (id, trace) = (reply::request_id(heads), Trace::of(heads));
        let (mut head, body) = request.into_parts();
        let serving = Serving::of(&self.tracer, trace.as_ref(), (&head.method, &head.uri), arrived);
        let recorded = serving.as_ref().map(|serving| serving.recording().trace_id());
        let trace_id = trace.as_ref().map(Trace::id).or(recorded);
        let sending = serving.as_deref().map(Sending::of);
        if let Some(sending) = &sending {
            name_span(&mut head.headers, sending, trace.is_some());
        }
        let passed = self.pass(head, body, &id).await;
        if let Some(sending) = sending {
            sending.end(passed.as_ref().ok().map(Response::status));
        }
        let mut answer = match passed {
            Ok(answer) => answer,
            Err(refusal) => {
                let reason = refusal.reason;
                let request_id = id.to_str().unwrap_or_default();
                let status = refusal.status.as_u16();
                info!(request_id, trace_id, region = self.region, route = ROUTE, status, reason, "not answered");
                refusal.reply.map(Either::Left)
            }
        };
        let (took, status) = (arrived.elapsed(), answer.status().as_u16());
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let request_id = id.to_str().unwrap_or_default();
        debug!(request_id, trace_id, region = self.region, route = ROUTE, status, ms, "answered");
        self.metrics.request(ROUTE, status, took);
        if let Some(serving) = serving {
            serving.end(&answer, &id);
        }
        answer.headers_mut().entry(&*REQUEST_ID).or_insert(id);
        answer
    }

    async fn pass(&self, mut head: Parts, body: Incoming, id: &HeaderValue) -> Result<Relayed, Refusal> {
        if head.method == Method::CONNECT {
            let message = "a relay opens no tunnels";
            return Err(Refusal::of(StatusCode::METHOD_NOT_ALLOWED, message, id));
        }
        if headers::is_going_in_circles(&head.headers) {
            let message = "the upstream of this relay leads back to it";
            return Err(Refusal::of(StatusCode::LOOP_DETECTED, message, id));
        }
        headers::strip(&mut head.headers);
        // It is the upstream's that counts there. And the body is taken here already, so nobody need be asked for it.
        head.headers.remove(HOST);
        let waits = head.headers.remove(EXPECT).is_some();
        head.headers.insert(&*REQUEST_ID, id.clone());
        headers::leave_a_mark(&mut head.headers, head.version);
        let (loan, returned) = Loan::of(body);
        match self.lanes.send(Request::from_parts(head, loan)).await {
            Ok(mut answer) => {
                headers::strip(answer.headers_mut());
                Ok(answer.map(Either::Right))
            }
            Err(error) => match returned.await {
                // The upstream has not got all of it, so it has done nothing.
                Ok(Rest::Broken) => Err(Refusal::of(StatusCode::BAD_REQUEST, "the request body ended early", id)),
                // A client that is still sending gets to read why.
                Ok(Rest::Left(mut rest)) if !waits => {
                    body::discard(&mut rest).await;
                    Err(Refusal::lost(&error, id))
                }
                _ => Err(Refusal::lost(&error, id)),
            },
        }
    }
}

/// Names the span of what is sent. What vendors have said of the trace goes along, if it goes on.
fn name_span(headers: &mut HeaderMap, sending: &Sending, goes_on: bool) {
    if let Ok(value) = HeaderValue::from_str(&sending.recording.traceparent(sending.id)) {
        headers.insert(&*TRACEPARENT, value);
    }
    if !goes_on {
        headers.remove(&TRACESTATE);
    }
}

/// An answer of the relay's own.
struct Refusal {
    status: StatusCode,
    reason: String,
    reply: Reply,
}

impl Refusal {
    fn of(status: StatusCode, message: &str, id: &HeaderValue) -> Self {
        let mut reply = errors::refusal(status, message, id);
        // What is left of the request may still come.
        reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        Self { status, reason: message.to_owned(), reply }
    }

    /// As all doors' clients read it: those of SQL `message`, Prisma's `code` and `error`.
    fn lost(error: &SendError, id: &HeaderValue) -> Self {
        let message = error.to_string();
        let mut body = json!({
            "code": "P6008",
            "error": message,
            "message": message,
            "requestId": id.to_str().unwrap_or_default(),
        });
        let status = match error {
            SendError::Unreachable(_) => StatusCode::SERVICE_UNAVAILABLE,
            SendError::Lost(_) => {
                body["outcome"] = "unknown".into();
                StatusCode::BAD_GATEWAY
            }
        };
        let mut reply = reply::json(status, body.to_string());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        Self { status, reason: message, reply }
    }
}
