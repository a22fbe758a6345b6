//! The life of a request of this door.

use std::sync::Arc;
use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{AGE, CONTENT_ENCODING, HeaderName, HeaderValue, VARY};
use hyper::http::request::Parts;
use tokio::time::Instant;

use super::cache_control::{Wish, cache_status};
use super::decode::{Options, decode};
use crate::error::Failure;
use crate::frontend::body;
use crate::frontend::credentials::Credentials;
use crate::frontend::gzip;
use crate::frontend::public::Public;
use crate::frontend::reply::{self, Reply, SERVER_TIMING, Text};
use crate::gateway::Call;
use crate::gateway::call::{Answer, Timing};

static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// `POST /sql`.
///
/// # Errors
/// Why there is no answer; [`errors`](crate::frontend::errors) writes it.
pub async fn handle(door: &Public, head: Parts, incoming: &mut Incoming) -> Result<Reply, Failure> {
    let arrived = Instant::now();
    let credentials = Credentials::from_headers(&head.headers)?;
    let principal = door.auth.authenticate(credentials.secret.as_deref()).await?;
    let _admission = door.gateway.admit(&principal)?;
    let database = door.gateway.database(&principal, credentials.database.as_deref())?;
    let options = Options::from_headers(&head.headers)?;
    let wish = Wish::from_request(&head.headers, &credentials)?;
    let packs = door.terms.compression && gzip::is_wanted(&head.headers);
    // A request that waits holds no more than it needs.
    drop(head);
    let authenticated = arrived.elapsed();

    let line = Arc::clone(&principal.line);
    let place = door.ledger.open(&line);
    let body = body::read(incoming, database.limits().request_bytes, &door.terms, place).await?;
    let mode = [u8::from(options.raw_text), u8::from(options.array_mode)];
    let cache = wish.map(|wish| wish.of(&database.name, &principal, mode, &body));
    let mut answer = if let Some(hit) = cache.as_ref().and_then(|cache| door.gateway.hit(database, cache)) {
        hit
    } else {
        let work = decode(&body, options)?.into_work();
        let database = Arc::clone(database);
        // Boxed, so that a hit and an idle connection do not carry its size.
        Box::pin(door.gateway.run(Call { principal, database, work, cache })).await?
    };
    let varies = door.terms.compression && answer.body.len() >= gzip::SHORTEST;
    // Those that others hold, too, are in memory once, however many read them.
    let shared = answer.entry.is_some() || answer.cache.is_some_and(|status| status.is_collapsed());
    if !shared {
        answer.body = door.ledger.answer(&line, answer.body);
    }
    // Boxed, too.
    let packed = varies && packs && Box::pin(pack(door, &mut answer)).await;
    if packed && !shared {
        answer.body = door.ledger.answer(&line, answer.body);
    }
    let mut reply = encode(answer, authenticated, arrived);
    if varies {
        reply.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    }
    if packed {
        reply.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(reply)
}

/// Compresses the body, unless it would get no shorter.
async fn pack(door: &Public, answer: &mut Answer) -> bool {
    match door.gateway.packed(answer, |body| door.gzip.pack(body)).await {
        Some(packed) => {
            answer.body = packed;
            true
        }
        None => false,
    }
}

fn encode(answer: Answer, authenticated: Duration, arrived: Instant) -> Reply {
    let Answer { body, cache, age, timing: Timing { queue, database }, .. } = answer;
    let mut reply = reply::json(StatusCode::OK, body);
    let headers = reply.headers_mut();
    let timing = match (cache, age) {
        (Some(_), Some(_)) => reply::timing([("auth", authenticated), ("cache", arrived.elapsed())]),
        (Some(_), None) => {
            let cached = arrived.elapsed().saturating_sub(queue + database);
            reply::timing([("auth", authenticated), ("cache", cached), ("queue", queue), ("database", database)])
        }
        (None, _) => reply::timing([("auth", authenticated), ("queue", queue), ("database", database)]),
    };
    headers.insert(SERVER_TIMING.clone(), timing);
    if let Some(status) = cache {
        headers.insert(CACHE_STATUS.clone(), cache_status(status));
    }
    if let Some(age) = age {
        let mut seconds = Text::default();
        seconds.number(age.as_secs());
        headers.insert(AGE, seconds.value());
    }
    reply
}
