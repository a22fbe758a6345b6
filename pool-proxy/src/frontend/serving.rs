//! The span of a request that is sampled, from its arrival to its answer.

use std::sync::Arc;

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Response, StatusCode, Uri};
use tokio::time::Instant;

use super::http;
use super::trace::Trace;
use crate::telemetry::trace::{Kind, Recording, Tracer, Value};

static CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");

/// A request under way that is recorded. If its client leaves, and this is dropped, its span says so.
pub(super) struct Serving {
    recording: Arc<Recording>,
    method: &'static str,
    route: Option<&'static str>,
    has_ended: bool,
}

impl Serving {
    /// If it is recorded: where its caller's trace is, or where it has none and the sample has it.
    pub(super) fn of(
        tracer: &Tracer,
        parent: Option<&Trace>,
        (by, to): (&Method, &Uri),
        arrived: Instant,
    ) -> Option<Box<Self>> {
        if !tracer.is_on() {
            return None;
        }
        let recording = match parent {
            Some(trace) if trace.is_sampled() => tracer.follow(trace.parent()?, arrived)?,
            Some(_) => return None,
            // Who looks whether it is alive, or a browser that asks before it asks, would be most of all that is told.
            None if *by == Method::OPTIONS || to.path() == "/health" => return None,
            None => tracer.begin(arrived)?,
        };
        let (method, route) = (method(by), route(to));
        Some(Box::new(Self { recording, method, route, has_ended: false }))
    }

    /// Where the rest of it is recorded.
    pub(super) fn recording(&self) -> &Arc<Recording> {
        &self.recording
    }

    /// It is answered.
    pub(super) fn end<B>(mut self, answer: &Response<B>, id: &HeaderValue) {
        let status = answer.status();
        let mut attributes = vec![
            ("http.response.status_code", Value::Number(status.as_u16().into())),
            ("pool_proxy.request_id", id.to_str().unwrap_or_default().to_owned().into()),
        ];
        if let Some(cache) = cache(answer.headers()) {
            attributes.push(("pool_proxy.cache", cache.into()));
        }
        if is_failed(status) {
            attributes.push(("error.type", status.as_u16().to_string().into()));
        }
        self.tell(attributes, is_failed(status));
    }

    fn tell(&mut self, mut attributes: Vec<(&'static str, Value)>, failed: bool) {
        self.has_ended = true;
        attributes.push(("http.request.method", self.method.into()));
        let name = match self.route {
            Some(route) => {
                attributes.push(("http.route", route.into()));
                format!("{} {route}", self.method)
            }
            None => self.method.to_owned(),
        };
        self.recording.end(name, attributes, failed);
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        if !self.has_ended {
            self.tell(vec![("error.type", "abandoned".into())], true);
        }
    }
}

/// What a client asks in vain is its own fault
/// (<https://opentelemetry.io/docs/specs/semconv/http/http-spans/#status>).
fn is_failed(status: StatusCode) -> bool {
    status.is_server_error()
}

/// One of few.
fn method(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("_OTHER")
}

fn route(uri: &Uri) -> Option<&'static str> {
    http::template(uri.path())
}

/// `hit`, `stale`, or why not: `miss`, `bypass`, ... (RFC 9211).
fn cache(headers: &HeaderMap) -> Option<String> {
    let status = headers.get(&CACHE_STATUS)?.to_str().ok()?;
    let mut parts = status.split(';').map(str::trim);
    if parts.clone().any(|part| part == "collapsed") {
        return Some("collapsed".to_owned());
    }
    if parts.clone().any(|part| part == "hit") {
        let is_stale = parts.any(|part| part.starts_with("ttl=-"));
        return Some(if is_stale { "stale" } else { "hit" }.to_owned());
    }
    parts.find_map(|part| part.strip_prefix("fwd=")).map(str::to_owned)
}

/// Something sent within a request that is recorded, and when it was.
pub(super) struct Sending {
    pub(super) recording: Arc<Recording>,
    pub(super) id: u64,
    since: Instant,
    method: &'static str,
    has_ended: bool,
}

impl Sending {
    /// From now on.
    pub(super) fn of(serving: &Serving) -> Self {
        let recording = Arc::clone(&serving.recording);
        Self { recording, id: Recording::next_id(), since: Instant::now(), method: serving.method, has_ended: false }
    }

    /// With this status, or without an answer.
    pub(super) fn end(mut self, status: Option<StatusCode>) {
        self.tell(status.ok_or("unanswered"));
    }

    fn tell(&mut self, status: Result<StatusCode, &'static str>) {
        self.has_ended = true;
        let mut attributes = vec![("http.request.method", self.method.into())];
        // Whoever asks in vain has failed, whoever answers so has not.
        let error = match status {
            Ok(status) => {
                attributes.push(("http.response.status_code", Value::Number(status.as_u16().into())));
                (status.as_u16() >= 400).then(|| Value::from(status.as_u16().to_string()))
            }
            Err(problem) => Some(problem.into()),
        };
        let failed = error.is_some();
        attributes.extend(error.map(|error| ("error.type", error)));
        let moments = (self.since, Instant::now());
        self.recording.part(self.id, (self.method, Kind::Client), moments, (attributes, failed));
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if !self.has_ended {
            self.tell(Err("abandoned"));
        }
    }
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderMap, HeaderValue};

    use super::{CACHE_STATUS, cache};

    #[test]
    fn what_the_cache_did_is_one_word() {
        for (status, expected) in [
            ("pool-proxy; hit; ttl=50", Some("hit")),
            ("pool-proxy; hit", Some("hit")),
            ("pool-proxy; hit; ttl=-5", Some("stale")),
            ("pool-proxy; fwd=miss; stored", Some("miss")),
            ("pool-proxy; fwd=miss; collapsed", Some("collapsed")),
            ("pool-proxy; fwd=bypass; detail=off", Some("bypass")),
            ("pool-proxy", None),
        ] {
            let headers = [(CACHE_STATUS.clone(), HeaderValue::from_static(status))].into_iter().collect();
            assert_eq!(cache(&headers).as_deref(), expected, "{status}");
        }
        assert_eq!(cache(&HeaderMap::new()), None);
    }
}
