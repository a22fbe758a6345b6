//! The rows of a query, kept by its caller and asked about again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::answer::Rows;
use crate::bookmark::{self, Bookmark};
use crate::decode::Shape;
use crate::error::Error;
use crate::transport::{Request, Response};

/// The rows of a query with the tag by which the proxy knows them; made by [`QueryAs::revalidate`](crate::QueryAs::revalidate).
///
/// Whoever has one and asks again with it is sent the rows only if they are others by now. It is the caller who keeps it, one
/// for each place that asks, say, so memory has the bounds that the caller sets; the client keeps nothing. Clones share the
/// rows. `Debug` shows how many there are, not what they hold.
#[non_exhaustive]
pub struct Kept<T> {
    /// In the order of the query.
    pub rows: Arc<[T]>,
    /// Whether they are those of the copy that was asked about: nothing but headers was sent.
    pub unchanged: bool,
    /// `Cache-Status`, such as `pool-proxy; hit; ttl=41`.
    pub cache_status: Option<String>,
    /// How old a cached answer is, in whole seconds.
    pub age: Option<Duration>,
    /// A place in the database's log that they cover.
    pub bookmark: Option<Bookmark>,
    /// The id under which the proxy logged the request.
    pub request_id: Option<String>,
    tag: Option<String>,
    shape: Shape,
}

impl<T> Kept<T> {
    /// Of a whole answer.
    pub(crate) fn new(rows: Rows<T>, response: &Response, shape: Shape) -> Self {
        Self::with(rows.rows.into(), false, response, shape)
    }

    fn with(rows: Arc<[T]>, unchanged: bool, response: &Response, shape: Shape) -> Self {
        let header = |name| response.header(name).map(str::to_owned);
        Self {
            rows,
            unchanged,
            cache_status: header("cache-status"),
            age: response.header("age").and_then(|digits| digits.parse().ok()).map(Duration::from_secs),
            bookmark: bookmark::of(response),
            request_id: header("x-request-id"),
            tag: header("etag").filter(|tag| is_tag(tag)),
            shape,
        }
    }

    /// The request, that asks for the rows only if they are others. The tag stands for their bytes, whatever was asked, so a
    /// copy of another query does no harm; only how they were read must be the same.
    pub(crate) fn ask(&self, request: Request, shape: Shape) -> Request {
        match &self.tag {
            Some(tag) if self.shape == shape => request.with("if-none-match", tag),
            _ => request,
        }
    }

    /// The same rows once more, as the answer says that they have not changed.
    pub(crate) fn again(&self, response: &Response) -> Result<Self, Error> {
        let named = |tag: Option<&str>| tag.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).to_owned());
        if named(response.header("etag")) != named(self.tag.as_deref()) {
            return Err(Error::unreadable(response, "it says of another copy that it has not changed"));
        }
        Ok(Self::with(Arc::clone(&self.rows), true, response, self.shape))
    }
}

/// One tag and nothing else (RFC 9110, 8.8.3), so that it can be sent as it came.
fn is_tag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    opaque.is_some_and(|opaque| opaque.bytes().all(|byte| byte != b'"' && byte.is_ascii_graphic()))
}

impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self {
            rows: Arc::clone(&self.rows),
            unchanged: self.unchanged,
            cache_status: self.cache_status.clone(),
            age: self.age,
            bookmark: self.bookmark,
            request_id: self.request_id.clone(),
            tag: self.tag.clone(),
            shape: self.shape,
        }
    }
}

impl<T> fmt::Debug for Kept<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kept")
            .field("rows", &self.rows.len())
            .field("unchanged", &self.unchanged)
            .field("cache_status", &self.cache_status)
            .field("age", &self.age)
            .field("bookmark", &self.bookmark)
            .field("request_id", &self.request_id)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
