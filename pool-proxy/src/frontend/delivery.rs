//! An answer on its way out: counted, compressed where that is wanted, with the headers all doors write.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hyper::header::{AGE, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderName, HeaderValue, VARY};
use hyper::{HeaderMap, StatusCode};
use tokio::time::Instant;

use super::cache_control::{cache_status, mark};
use super::conditional::Known;
use super::gzip;
use super::public::Public;
use super::reply::{self, Reply, SERVER_TIMING, Text};
use crate::gateway::call::{Answer, Timing};

static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// What of a request is still of interest when its answer is there.
pub(super) struct Delivery<'d> {
    pub(super) door: &'d Public,
    /// Whose bytes they are.
    pub(super) line: Arc<str>,
    /// Whether the client takes gzip.
    pub(super) packs: bool,
    /// What it holds already.
    pub(super) known: Known,
    pub(super) arrived: Instant,
    pub(super) authenticated: Duration,
    /// An empty map for the headers.
    pub(super) headers: HeaderMap,
}

impl Delivery<'_> {
    /// The reply, which takes the body.
    pub(super) async fn of(&mut self, answer: &mut Answer) -> Reply {
        let door = self.door;
        let varies = door.terms.compression && answer.body.len() >= gzip::SHORTEST;
        let etag = answer.entry.as_ref().and_then(|entry| entry.etag.clone());
        let unchanged = etag.as_ref().is_some_and(|etag| self.known.has(etag));
        if unchanged {
            answer.body = Bytes::new();
        }
        // Those that others hold, too, are in memory once, however many read them.
        let shared = answer.entry.is_some() || answer.cache.is_some_and(|status| status.is_collapsed());
        if !shared {
            answer.body = door.ledger.answer(&self.line, mem::take(&mut answer.body));
        }
        // Boxed, so that a hit and an idle connection do not carry its size.
        let packed = varies && self.packs && !unchanged && Box::pin(pack(door, answer)).await;
        if packed && !shared {
            answer.body = door.ledger.answer(&self.line, mem::take(&mut answer.body));
        }
        let mut reply = encode(answer, mem::take(&mut self.headers), self.authenticated, self.arrived);
        let headers = reply.headers_mut();
        if let Some(etag) = etag.and_then(|etag| HeaderValue::from_maybe_shared(etag.as_bytes().clone()).ok()) {
            headers.insert(ETAG, etag);
        }
        if varies {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        if packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if unchanged {
            headers.remove(CONTENT_TYPE);
            *reply.status_mut() = StatusCode::NOT_MODIFIED;
        }
        reply
    }
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

fn encode(answer: &mut Answer, headers: HeaderMap, authenticated: Duration, arrived: Instant) -> Reply {
    let mut reply = reply::json_with(headers, StatusCode::OK, mem::take(&mut answer.body));
    let Answer { cache, age, bookmark, timing: Timing { queue, database }, .. } = *answer;
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
    mark(headers, bookmark);
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
