//! What a request wants of the cache, and what it is told (RFC 9111, RFC 9211).

use std::time::Duration;

use bytes::Bytes;
use hyper::HeaderMap;
use hyper::header::HeaderValue;

use crate::auth::Principal;
use crate::cache::{Key, TagSet};
use crate::error::Failure;
use crate::frontend::credentials::Credentials;
use crate::frontend::heads::{Heads, Name, cut};
use crate::frontend::reply::Text;
use crate::gateway::call::{CacheMode, CacheRequest, CacheStatus, Forward};
use crate::postgres::Lsn;

/// What doors say differently.
pub(super) struct Dialect {
    /// The header that tags come in.
    pub(super) tags: Name,
    /// Whether stale-while-revalidate says enough by itself.
    pub(super) stale_alone: bool,
}

/// As `/sql` has it.
pub(super) static SQL: Dialect = Dialect { tags: Name::of("cache-tag"), stale_alone: false };

static CACHE_CONTROL: Name = Name::of("cache-control");
/// A place in the log of a database: what a request knows of, what an answer covers.
static BOOKMARK: Name = Name::of("pool-bookmark");

/// No answer is worth more than a year (RFC 9111 asks for 2^31 seconds to be enough).
const LONGEST: u64 = 365 * 24 * 3600;

/// The request's wish, before its key is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wish {
    max_age: Duration,
    stale_while_revalidate: Duration,
    mode: CacheMode,
    tags: TagSet,
    bookmark: Option<Lsn>,
}

impl Wish {
    /// From `Cache-Control` and the header that tags come in, else from the connection string's options. `by_itself` where
    /// answers are kept without being asked for.
    pub(super) fn from_request(
        headers: Heads<'_>,
        credentials: &Credentials<'_>,
        says: &Dialect,
        by_itself: bool,
    ) -> Result<Option<Self>, Failure> {
        let mut max_age = None;
        let mut swr = None;
        let mut mode = CacheMode::Use;
        let mut said = false;
        for value in headers.get_all(&CACHE_CONTROL) {
            let value = value.to_str().map_err(|_| bad("Cache-Control is not text"))?;
            let mut rest = Some(value);
            while let Some(list) = rest {
                let (directive, others) = cut(list, b',').map_or((list, None), |(first, others)| (first, Some(others)));
                rest = others;
                let directive = directive.trim_ascii();
                let (name, argument) = cut(directive, b'=').unwrap_or((directive, ""));
                let is = |known: &str| name.eq_ignore_ascii_case(known);
                if is("max-age") {
                    max_age = Some(seconds("max-age", argument)?);
                } else if is("stale-while-revalidate") {
                    swr = Some(seconds("stale-while-revalidate", argument)?);
                } else if is("no-store") {
                    mode = CacheMode::Bypass;
                } else if is("no-cache") && mode == CacheMode::Use {
                    mode = CacheMode::Refresh;
                } else {
                    // Directives that mean nothing here are ignored, as RFC 9111 asks.
                    continue;
                }
                said = true;
            }
        }
        if !said {
            max_age = credentials.option("cache_max_age").map(|text| seconds("cache_max_age", text)).transpose()?;
            swr = credentials.option("cache_swr").map(|text| seconds("cache_swr", text)).transpose()?;
        }
        let tags = match headers.get(&says.tags) {
            Some(tags) => Some(tags.to_str().map_err(|_| bad("Cache-Tag is not text"))?),
            None => credentials.option("cache_tags"),
        };
        let tags = match tags {
            Some(tags) => TagSet::parse(tags.split(',')).map_err(|error| bad(&format!("{}: {error}", *says.tags)))?,
            None => TagSet::default(),
        };
        // Without a max-age there is nothing to take or store.
        let enough = max_age.is_some() || (swr.is_some() && says.stale_alone);
        if !enough && mode != CacheMode::Bypass {
            if !by_itself {
                return Ok(None);
            }
            if mode == CacheMode::Use {
                mode = CacheMode::Auto;
            }
        }
        Ok(Some(Self {
            max_age: max_age.unwrap_or_default(),
            stale_while_revalidate: swr.unwrap_or_default(),
            mode,
            tags,
            bookmark: bookmark(headers, credentials)?,
        }))
    }

    /// That of a client which says nothing, where answers are kept without being asked for.
    pub(super) fn of_silence(bookmark: Option<Lsn>) -> Self {
        let (max_age, stale_while_revalidate, tags) = (Duration::ZERO, Duration::ZERO, TagSet::default());
        Self { max_age, stale_while_revalidate, mode: CacheMode::Auto, tags, bookmark }
    }

    /// With the key of what is asked.
    pub(super) fn of(self, database: &str, principal: &Principal, mode: [u8; 2], body: &Bytes) -> CacheRequest {
        CacheRequest {
            key: Key::new(database, principal, &mode, body),
            max_age: self.max_age,
            stale_while_revalidate: self.stale_while_revalidate,
            mode: self.mode,
            tags: self.tags,
            bookmark: self.bookmark,
        }
    }
}

/// Tells a client where in the log what it has done or seen lies before.
pub(super) fn mark(headers: &mut HeaderMap, bookmark: Option<Lsn>) {
    if let Some(bookmark) = bookmark.and_then(|bookmark| HeaderValue::from_str(&bookmark.to_string()).ok()) {
        headers.insert(&*BOOKMARK, bookmark);
    }
}

/// A place in the database's log that the client knows of, from the header or the connection string.
///
/// # Errors
/// When it is none.
pub(super) fn bookmark(headers: Heads<'_>, credentials: &Credentials<'_>) -> Result<Option<Lsn>, Failure> {
    let text = match headers.get(&BOOKMARK) {
        Some(value) => Some(value.to_str().map_err(|_| bad("Pool-Bookmark is not text"))?),
        None => credentials.option("bookmark"),
    };
    let read = |text: &str| text.parse().map_err(|error| bad(&format!("Pool-Bookmark: {error}")));
    text.filter(|text| !text.is_empty()).map(read).transpose()
}

fn seconds(name: &str, text: &str) -> Result<Duration, Failure> {
    match text.trim_ascii().trim_matches('"').parse::<u64>() {
        Ok(seconds) => Ok(Duration::from_secs(seconds.min(LONGEST))),
        Err(_) => Err(bad(&format!("{name} is a number of seconds"))),
    }
}

fn bad(message: &str) -> Failure {
    Failure::BadRequest(message.to_owned())
}

/// The value of `Cache-Status`.
pub(super) fn cache_status(status: CacheStatus) -> HeaderValue {
    let mut text = Text::default();
    text.push("pool-proxy; ");
    match status {
        CacheStatus::Hit { ttl } => {
            text.push("hit");
            if let Some(ttl) = ttl {
                text.push("; ttl=");
                text.number(ttl);
            }
        }
        CacheStatus::Forward { reason, stored, collapsed, detail } => {
            text.push(match reason {
                Forward::Miss => "fwd=miss",
                Forward::Stale => "fwd=stale",
                Forward::Request => "fwd=request",
                Forward::Bypass => "fwd=bypass",
            });
            if stored {
                text.push("; stored");
            }
            if collapsed {
                text.push("; collapsed");
            }
            if let Some(detail) = detail {
                text.push("; detail=");
                text.push(detail);
            }
        }
    }
    text.value()
}

#[cfg(test)]
mod tests;
