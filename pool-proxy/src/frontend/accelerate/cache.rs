//! What Prisma's extension reads of the cache.

use std::hash::BuildHasher;
use std::time::{Duration, SystemTime};

use foldhash::quality::FixedState;
use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue, LAST_MODIFIED};

use crate::error::Failure;
use crate::frontend::cache_control::{Dialect, Wish, bookmark};
use crate::frontend::credentials::Credentials;
use crate::frontend::heads::{Heads, Name};
use crate::frontend::reply::once;
use crate::gateway::call::{CacheStatus, Forward};

static PRISMA: Dialect = Dialect { tags: Name::of("accelerate-cache-tags"), stale_alone: true };
static CACHE_CONTROL: Name = Name::of("cache-control");
static STATUS: HeaderName = HeaderName::from_static("accelerate-cache-status");
static SIGNATURE: HeaderName = HeaderName::from_static("accelerate-signature");
static RAY: HeaderName = HeaderName::from_static("cf-ray");

/// What the request wants of the cache. The extension's `no-cache` means that the application has said nothing.
///
/// # Errors
/// When it cannot be read.
pub(super) fn wish(headers: Heads<'_>, by_itself: bool) -> Result<Option<Wish>, Failure> {
    let nobody = Credentials::default();
    match headers.get(&CACHE_CONTROL) {
        Some(value) if value != "no-cache" => Wish::from_request(headers, &nobody, &PRISMA, by_itself),
        _ if by_itself => Ok(Some(Wish::of_silence(bookmark(headers, &nobody)?))),
        _ => Ok(None),
    }
}

/// Whether it came through the extension, which reads what became of it.
pub(super) fn is_extended(headers: Heads<'_>) -> bool {
    headers.has(&CACHE_CONTROL)
}

/// Tells the extension what became of the request; its signature is of the body.
pub(super) fn tell(headers: &mut HeaderMap, status: Option<CacheStatus>, age: Option<Duration>, signature: u64) {
    let word = match status {
        Some(CacheStatus::Hit { ttl: Some(..0) }) => "swr",
        Some(CacheStatus::Hit { .. }) => "ttl",
        Some(CacheStatus::Forward { reason: Forward::Bypass, .. }) | None => "none",
        Some(CacheStatus::Forward { .. }) => "miss",
    };
    headers.insert(STATUS.clone(), HeaderValue::from_static(word));
    let at = SystemTime::now().checked_sub(age.unwrap_or_default()).unwrap_or(SystemTime::UNIX_EPOCH);
    if let Ok(date) = HeaderValue::from_str(&httpdate::fmt_http_date(at)) {
        headers.insert(LAST_MODIFIED, date);
    }
    if let Ok(signature) = HeaderValue::from_str(&format!("{signature:016x}")) {
        headers.insert(SIGNATURE.clone(), signature);
    }
}

/// The same for the same body, whichever process is asked.
pub(super) fn signature(body: &[u8]) -> u64 {
    FixedState::default().hash_one(body)
}

/// The request's id where the extension looks for it, with the region it takes from there.
pub fn ray(request_id: &HeaderValue, region: Option<&HeaderValue>) -> (HeaderName, HeaderValue) {
    let mut ray = request_id.as_bytes().split(|byte| *byte == b'-').next().unwrap_or_default().to_vec();
    if let Some(region) = region {
        ray.push(b'-');
        ray.extend_from_slice(region.as_bytes());
    }
    (RAY.clone(), once(HeaderValue::from_bytes(&ray).unwrap_or_else(|_| request_id.clone())))
}
