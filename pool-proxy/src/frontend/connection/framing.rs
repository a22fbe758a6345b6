//! Heads of HTTP/1.1 that another server on the way might read differently. Whoever passes requests on over a connection that
//! several clients share relies on both to see the same requests in its bytes.

use hyper::header::{HOST, HeaderValue, TRANSFER_ENCODING};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Version};

/// What is wrong with a head, if anything. hyper has refused what has no length that can be known, and closes behind what tells
/// it twice (RFC 9112, 6.3).
pub(super) fn fault(headers: &HeaderMap, version: Version) -> Option<&'static str> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        // RFC 9112, 3.2.
        (None, _) if version == Version::HTTP_11 => return Some("a request of HTTP/1.1 needs a Host"),
        (_, Some(_)) => return Some("a request has one Host"),
        (Some(host), None) if !is_host(host) => return Some("Host is not a host"),
        _ => {}
    }
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = |coding: &HeaderValue| coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    let known = codings.next().is_none_or(is_chunked) && codings.next().is_none();
    (!known).then_some("the only Transfer-Encoding that is known is chunked, once")
}

/// It may be empty. It names no user.
fn is_host(host: &HeaderValue) -> bool {
    let host = host.as_bytes();
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    // As most are, with or without a port.
    let mut parts = host.splitn(2, |byte| *byte == b':');
    let is_simple = parts.next().is_some_and(|name| name.iter().all(is_plain))
        && parts.next().is_none_or(|port| port.iter().all(u8::is_ascii_digit));
    is_simple || (!host.contains(&b'@') && Authority::try_from(host).is_ok())
}

#[cfg(test)]
mod tests {
    use hyper::header::{HeaderName, HeaderValue};
    use hyper::{HeaderMap, Version};

    use super::fault;

    #[test]
    fn what_can_be_read_in_two_ways_is_refused() {
        let (te, host) = ("transfer-encoding", ("host", "x"));
        for (lines, version, is_fine) in [
            (&[host][..], Version::HTTP_11, true),
            (&[("host", "db.example:8080")], Version::HTTP_11, true),
            (&[("host", "[::1]:80")], Version::HTTP_11, true),
            (&[("host", "")], Version::HTTP_11, true),
            (&[host, (te, "chunked")], Version::HTTP_11, true),
            (&[host, (te, " Chunked\t")], Version::HTTP_11, true),
            (&[], Version::HTTP_10, true),
            (&[], Version::HTTP_11, false),
            (&[host, host], Version::HTTP_11, false),
            (&[host, ("host", "y")], Version::HTTP_10, false),
            (&[("host", "a b")], Version::HTTP_11, false),
            (&[("host", "a/b")], Version::HTTP_11, false),
            (&[("host", "u@h")], Version::HTTP_11, false),
            (&[host, (te, "gzip, chunked")], Version::HTTP_11, false),
            (&[host, (te, "chunked, chunked")], Version::HTTP_11, false),
            (&[host, (te, "identity"), (te, "chunked")], Version::HTTP_11, false),
            (&[host, (te, "chunked"), (te, "chunked")], Version::HTTP_11, false),
            (&[host, (te, "")], Version::HTTP_11, false),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
            }
            assert_eq!(fault(&headers, version).is_none(), is_fine, "{lines:?} {version:?}");
        }
    }
}
