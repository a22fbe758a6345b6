//! What every exchange has, whatever it is about: an id, safe headers, errors as JSON, a line in the log when it is
//! our fault.

use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderName, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, Method, Response};
use axum::middleware::Next;
use uuid::Uuid;

use crate::Site;
use crate::bookmark;
use crate::problem::Problem;
use crate::trace::Traced;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// For an API that answers JSON: nothing in it is a page, a script or a frame (OWASP REST Security Cheat Sheet). It may
/// be a path of a host that it shares, so it does not speak for that host's subdomains.
const SAFE: [(&str, &str); 5] = [
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("strict-transport-security", "max-age=31536000"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
];

/// Goes around every request, outermost.
pub(crate) async fn exchange(mut request: Request, next: Next) -> Response<Body> {
    let id = request_id(request.headers());
    let known = bookmark::known(request.headers());
    let site = request.extensions_mut().remove::<Site>();
    let traced = site.as_ref().and_then(|site| Traced::of(site, request.headers()));
    let site = site.map(|site| site.of_request(&id, known, traced.as_ref().map(Traced::trace)));
    let method = request.method().clone();
    // The route, not the path: paths may carry what users wrote.
    let route = request.extensions().get::<MatchedPath>().cloned();
    if let Some(site) = site.clone() {
        request.extensions_mut().insert(site);
    }
    let mut answer = next.run(request).await;
    if let Some(problem) = answer.extensions_mut().remove::<Problem>() {
        if let (Some(site), true) = (&site, problem.status().is_server_error()) {
            let route = route.as_ref().map_or("-", MatchedPath::as_str);
            let status = problem.status().as_u16();
            let cause = problem.cause.as_deref().unwrap_or_default();
            site.runtime.log(&format!("{method} {route} {status} request_id={id} {problem} {cause}"));
        }
        answer = with_problem(&answer, &problem, &id);
    }
    let headers = answer.headers_mut();
    for (name, value) in SAFE {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    // Answers to reads may be kept by caches, for everybody.
    if !method.is_safe()
        && let Some(cookie) = site.as_ref().and_then(Site::bookmark).and_then(bookmark::cookie)
    {
        headers.append(SET_COOKIE, cookie);
    }
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if let Ok(id) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, id);
    }
    if let (Some(site), Some(traced)) = (&site, traced) {
        let route = route.as_ref().map(MatchedPath::as_str);
        // One of few: a method may be any word.
        let word = if method.is_safe() || method.is_idempotent() || method == Method::POST {
            method.as_str()
        } else {
            "_OTHER"
        };
        if let Some(report) = traced.report(site, (word, route), (answer.status(), &id)) {
            answer.extensions_mut().insert(report);
        }
    }
    answer
}

/// The problem's answer, with the headers that the layers further in have put on the empty one.
fn with_problem(empty: &Response<Body>, problem: &Problem, id: &str) -> Response<Body> {
    let mut answer = problem.answer(id);
    for (name, value) in empty.headers() {
        if name != CONTENT_LENGTH {
            answer.headers_mut().append(name, value.clone());
        }
    }
    answer
}

/// The caller's id if it is a sensible one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let sensible = |id: &&str| {
        (1..=128).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
    };
    given.filter(sensible).map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}
