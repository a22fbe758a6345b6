//! The life of a request of this door.

use std::sync::Arc;
use std::time::Duration;

use hyper::Request;
use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{AGE, HeaderName, HeaderValue};
use tokio::time::Instant;

use super::cache_control::{Wish, cache_status};
use super::decode::{Options, decode};
use crate::error::Failure;
use crate::frontend::body;
use crate::frontend::credentials::Credentials;
use crate::frontend::http::Public;
use crate::frontend::reply::{self, Reply};
use crate::gateway::Call;
use crate::gateway::call::Answer;

static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
static SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// `POST /sql`.
///
/// # Errors
/// Why there is no answer; [`errors`](super::errors) writes it.
pub async fn handle(door: &Public, request: Request<Incoming>) -> Result<Reply, Failure> {
    let arrived = Instant::now();
    let (head, incoming) = request.into_parts();
    let credentials = Credentials::from_headers(&head.headers)?;
    let principal = door.auth.authenticate(credentials.secret.as_deref())?;
    let database = door.gateway.database(&principal, credentials.database.as_deref())?;
    let options = Options::from_headers(&head.headers)?;
    let wish = Wish::from_request(&head.headers, &credentials)?;
    let authenticated = arrived.elapsed();

    let body = body::read(incoming, database.limits().request_bytes).await?;
    let mode = [u8::from(options.raw_text), u8::from(options.array_mode)];
    let cache = wish.map(|wish| wish.of(&database.name, &principal, mode, &body));
    let answer = if let Some(hit) = cache.as_ref().and_then(|cache| door.gateway.hit(database, cache)) {
        hit
    } else {
        let (work, layout) = decode(&body, options)?;
        let database = Arc::clone(database);
        // Boxed, so that a hit and an idle connection do not carry its size.
        Box::pin(door.gateway.run(Call { principal, database, work, format: Arc::new(layout), cache })).await?
    };
    Ok(encode(answer, authenticated, arrived))
}

fn encode(answer: Answer, authenticated: Duration, arrived: Instant) -> Reply {
    let mut reply = reply::json(StatusCode::OK, answer.body);
    let headers = reply.headers_mut();
    let mut timing = Vec::with_capacity(96);
    part(&mut timing, "auth", authenticated);
    if let Some(status) = answer.cache {
        part(&mut timing, "cache", arrived.elapsed().saturating_sub(answer.timing.queue + answer.timing.database));
        if let Ok(value) = HeaderValue::try_from(cache_status(status)) {
            headers.insert(CACHE_STATUS.clone(), value);
        }
    }
    if let Some(age) = answer.age {
        headers.insert(AGE, HeaderValue::from(age.as_secs()));
    } else {
        part(&mut timing, "queue", answer.timing.queue);
        part(&mut timing, "db", answer.timing.database);
    }
    if let Ok(value) = HeaderValue::try_from(timing) {
        headers.insert(SERVER_TIMING.clone(), value);
    }
    reply
}

/// `name;dur=1.234`, in milliseconds (<https://www.w3.org/TR/server-timing/>).
fn part(out: &mut Vec<u8>, name: &str, took: Duration) {
    if !out.is_empty() {
        out.extend_from_slice(b", ");
    }
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b";dur=");
    let micros = took.as_micros();
    out.extend_from_slice(itoa::Buffer::new().format(micros / 1000).as_bytes());
    out.push(b'.');
    // Three digits, with leading zeros.
    out.extend_from_slice(itoa::Buffer::new().format(micros % 1000 + 1000).as_bytes().get(1..).unwrap_or_default());
}
