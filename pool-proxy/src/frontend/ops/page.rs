//! `GET /`: one page that shows what the other routes tell. It has no data of its own, so it needs no token; what it shows it
//! asks for like everybody.

use bytes::Bytes;
use hyper::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use hyper::{Method, StatusCode};

use crate::frontend::reply::{self, Reply};

/// Nothing from elsewhere, nothing inline, no text that becomes markup (<https://www.w3.org/TR/CSP3/>).
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
);

/// What else keeps it to itself.
static HEADERS: [(HeaderName, HeaderValue); 6] = [
    (CONTENT_SECURITY_POLICY, POLICY),
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    // Another version of the proxy has another page.
    (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
];

const HTML: &str = "text/html; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// Its files.
const FILES: [(&str, &str, &str); 8] = [
    ("/", HTML, include_str!("page/index.html")),
    ("/page/style.css", STYLE, include_str!("page/style.css")),
    ("/page/icon.svg", IMAGE, include_str!("page/icon.svg")),
    ("/page/main.js", SCRIPT, include_str!("page/main.js")),
    ("/page/fetching.js", SCRIPT, include_str!("page/fetching.js")),
    ("/page/drawing.js", SCRIPT, include_str!("page/drawing.js")),
    ("/page/panels.js", SCRIPT, include_str!("page/panels.js")),
    ("/page/tables.js", SCRIPT, include_str!("page/tables.js")),
];

/// Whose page it is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::frontend) enum Kind {
    Proxy,
    Relay,
}

/// A file of the page, if one is asked for.
pub(in crate::frontend) fn file(method: &Method, path: &str, kind: Kind) -> Option<Reply> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return None;
    }
    let (_, media, text) = FILES.iter().find(|(known, ..)| *known == path)?;
    let body = match kind {
        Kind::Relay if *media == HTML => Bytes::from(text.replace("data-kind=\"proxy\"", "data-kind=\"relay\"")),
        _ => Bytes::from_static(text.as_bytes()),
    };
    let mut reply = reply::text(StatusCode::OK, body);
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media));
    reply.headers_mut().extend(HEADERS.iter().cloned());
    Some(reply)
}
