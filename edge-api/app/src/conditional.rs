//! Answers that a reader may keep and ask about again (RFC 9110, section 13).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// The value as JSON, or 304 if the reader has it already. `cache_status` is what the proxy's cache did (RFC 9211).
pub(crate) fn json(
    value: &impl Serialize,
    asked: &HeaderMap,
    cache_status: Option<&str>,
) -> Result<Response<Body>, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(error.to_string()))?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..16]));
    let known = is_known(asked, &tag);
    let mut answer = Response::new(if known { Body::empty() } else { Body::from(body) });
    if known {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = answer.headers_mut();
    if !known {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    // Any cache may keep it, none may use it unasked: the next reader must see an edit at once.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    if let Some(status) = cache_status.and_then(|status| HeaderValue::from_str(status).ok()) {
        headers.insert("cache-status", status);
    }
    Ok(answer)
}

/// Whether `If-None-Match` names this tag, by the weak comparison that section 13.1.2 asks for.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly_and_in_lists() {
        let known = |list: &'static str| {
            let mut asked = HeaderMap::new();
            asked.insert(IF_NONE_MATCH, HeaderValue::from_static(list));
            is_known(&asked, "\"abc\"")
        };
        for list in ["\"abc\"", "W/\"abc\"", "\"x\", \"abc\"", "*", "  \"x\" ,W/\"abc\""] {
            assert!(known(list), "{list}");
        }
        for list in ["\"abcd\"", "abc", "", "\"x\", \"y\""] {
            assert!(!known(list), "{list}");
        }
        assert!(!is_known(&HeaderMap::new(), "\"abc\""));
    }
}
