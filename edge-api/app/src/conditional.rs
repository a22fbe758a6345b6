//! Answers that a reader may keep and ask about again, and changes only of what one has read (RFC 9110, section 13).

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::problem::Problem;

/// A value that anybody may read, as JSON, or 304 if the reader has it already. `cache_status` is what the proxy's
/// cache did (RFC 9211).
pub(crate) fn public(
    value: &impl Serialize,
    asked: &HeaderMap,
    cache_status: Option<&str>,
) -> Result<Response<Body>, Problem> {
    let mut answer = tagged(StatusCode::OK, value)?;
    if answer.headers().get(ETAG).is_some_and(|tag| names(asked, IF_NONE_MATCH, tag)) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = Body::empty();
        answer.headers_mut().remove(CONTENT_TYPE);
    }
    let headers = answer.headers_mut();
    // Any cache may keep it, none may use it unasked: the next reader must see an edit at once.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, no-cache"));
    if let Some(status) = cache_status.and_then(|status| HeaderValue::from_str(status).ok()) {
        headers.insert("cache-status", status);
    }
    Ok(answer)
}

/// A value as JSON with its tag.
pub(crate) fn tagged(status: StatusCode, value: &impl Serialize) -> Result<Response<Body>, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| Problem::internal(error.to_string()))?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(&Sha256::digest(&body)[..16]));
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(ETAG, tag);
    }
    Ok(answer)
}

/// Whether `If-Match` asks for a change of exactly this value, where it asks for anything (RFC 9110, section 13.1.1).
pub(crate) fn is_expected(value: &impl Serialize, asked: &HeaderMap) -> Result<bool, Problem> {
    let current = tagged(StatusCode::OK, value)?;
    Ok(current.headers().get(ETAG).is_some_and(|tag| names(asked, IF_MATCH, tag)))
}

/// Whether a header names this tag, or any.
///
/// Tags are compared weakly (RFC 9110, section 8.8.3.2), for `If-Match`, too, where the RFC wants the strong comparison:
/// Cloudflare marks tags as weak when it compresses an answer, and browsers would never get past that. Ours say what the
/// value is, not how it was encoded, so the mark takes nothing from them.
fn names(asked: &HeaderMap, header: HeaderName, tag: &HeaderValue) -> bool {
    let lists = asked.get_all(header).iter().filter_map(|list| list.to_str().ok());
    let known = |known: &str| known == "*" || known.strip_prefix("W/").unwrap_or(known).as_bytes() == tag.as_bytes();
    lists.flat_map(|list| list.split(',')).map(str::trim).any(known)
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::*;

    fn known(list: &'static str) -> bool {
        let mut asked = HeaderMap::new();
        asked.insert(IF_MATCH, HeaderValue::from_static(list));
        names(&asked, IF_MATCH, &HeaderValue::from_static("\"abc\""))
    }

    #[test]
    fn tags_are_compared_in_lists() {
        for list in ["\"abc\"", "\"x\", \"abc\"", "*", "  \"x\" ,\"abc\"", "W/\"abc\"", "\"x\", W/\"abc\""] {
            assert!(known(list), "{list}");
        }
        for list in ["\"abcd\"", "abc", "", "\"x\", \"y\"", "W/abc", "W/\"x\"", "w/\"abc\""] {
            assert!(!known(list), "{list}");
        }
    }

    #[test]
    fn without_the_header_nothing_is_named() {
        assert!(!names(&HeaderMap::new(), IF_MATCH, &HeaderValue::from_static("\"abc\"")));
    }

    #[test]
    fn whatever_a_list_names_it_is_ours_or_not() {
        const PIECES: &[&str] = &["\"abc\"", "W/", "\"", ",", " ", "*", "abc", "\"x\"", "é"];
        let mut dice = Dice::new();
        for number in 0..cases(20_000) {
            let list = if number % 4 == 0 { dice.bytes(20) } else { dice.pieces(PIECES, 8).into_bytes() };
            let is_in = list.contains(&b'*') || list.windows(5).any(|five| five == b"\"abc\"");
            let asked: HeaderMap =
                HeaderValue::from_bytes(&list).ok().map(|list| (IF_MATCH, list)).into_iter().collect();
            let named = names(&asked, IF_MATCH, &HeaderValue::from_static("\"abc\""));
            assert!(is_in || !named, "{}", String::from_utf8_lossy(&list));
        }
    }
}
