//! What of a head is for the next hop alone, and what a hop leaves in it (RFC 9110, 7.6).

use hyper::Version;
use hyper::header::{
    CONNECTION, HeaderMap, HeaderName, HeaderValue, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE, VIA,
};

/// Fields about one connection (RFC 9110, 7.6.1), and those between a client and a proxy it knows of (11.7).
static HOP_BY_HOP: [HeaderName; 9] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// The relays that a request may pass. More are one that is passed again and again.
const MOST_RELAYS: usize = 4;

/// What a relay is called in `Via`.
const NAME: &str = "pool-proxy";

/// Takes out what is about this connection alone, also what the sender says is.
pub(super) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Says that a relay was here, and how it was asked (RFC 9110, 7.6.3).
pub(super) fn leave_a_mark(headers: &mut HeaderMap, version: Version) {
    let mark = match version {
        Version::HTTP_2 => "2 pool-proxy",
        Version::HTTP_10 => "1.0 pool-proxy",
        _ => "1.1 pool-proxy",
    };
    headers.append(VIA, HeaderValue::from_static(mark));
}

/// Whether so many relays were passed that they must be the same.
pub(super) fn is_going_in_circles(headers: &HeaderMap) -> bool {
    let marks = headers.get_all(VIA).iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(','));
    marks.filter(|mark| mark.split_whitespace().nth(1) == Some(NAME)).count() >= MOST_RELAYS
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};
    use hyper::Version;
    use hyper::header::{CONNECTION, HeaderMap, HeaderName, HeaderValue, VIA};

    use super::{HOP_BY_HOP, is_going_in_circles, leave_a_mark, strip};

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let parse = |(name, value): &(&str, &str)| -> (HeaderName, HeaderValue) {
            (name.parse().unwrap(), value.parse().unwrap())
        };
        lines.iter().map(parse).collect()
    }

    #[test]
    fn what_is_about_one_connection_goes() {
        let mut given = headers(&[
            ("connection", "close, X-Mine"),
            ("connection", "x-yours"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("proxy-authorization", "Basic Zm9v"),
            ("te", "trailers"),
            ("trailer", "expires"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("x-mine", "1"),
            ("x-yours", "2"),
            ("authorization", "Bearer key"),
            ("traceparent", "00-x"),
            ("cache-control", "max-age=1"),
        ]);
        strip(&mut given);
        let mut left: Vec<_> = given.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["authorization", "cache-control", "traceparent"]);
    }

    #[test]
    fn a_circle_is_found_out() {
        let mut given = headers(&[("via", "1.1 other, 1.1 pool-proxy"), ("via", "1.1 pool-proxy.example.com")]);
        for _ in 0..3 {
            assert!(!is_going_in_circles(&given), "{given:?}");
            leave_a_mark(&mut given, Version::HTTP_11);
        }
        assert!(is_going_in_circles(&given), "{given:?}");
    }

    #[test]
    fn whatever_comes_nothing_about_one_connection_is_left() {
        const NAMES: &[&str] =
            &["connection", "transfer-encoding", "te", "upgrade", "x-mine", "authorization", "via", "keep-alive"];
        const PIECES: &[&str] =
            &["close", ",", " ", "x-mine", "X-Mine", "chunked", "te", "1.1 pool-proxy", "\t", "é", ";q=1", "("];
        let mut dice = Dice::new();
        for number in 0..cases(5000) {
            let mut given = HeaderMap::new();
            for _ in 0..dice.below(8) {
                let value = if number % 4 == 0 { dice.bytes(20) } else { dice.pieces(PIECES, 6).into_bytes() };
                let Ok(value) = HeaderValue::from_bytes(&value) else { continue };
                given.append(HeaderName::from_static(dice.pick(NAMES)), value);
            }
            let named = |name: &str| {
                let lists = given.get_all(CONNECTION).iter().filter_map(|list| list.to_str().ok());
                lists.flat_map(|list| list.split(',')).any(|one| one.trim().eq_ignore_ascii_case(name))
            };
            let (mine, key) = (named("x-mine"), given.contains_key("authorization") && !named("authorization"));
            let had_mine = given.contains_key("x-mine");
            strip(&mut given);
            assert!(HOP_BY_HOP.iter().all(|name| !given.contains_key(name)), "{given:?}");
            assert_eq!(given.contains_key("x-mine"), had_mine && !mine, "{given:?}");
            assert_eq!(given.contains_key("authorization"), key, "{given:?}");
            for _ in 0..4 {
                leave_a_mark(&mut given, Version::HTTP_11);
            }
            assert!(is_going_in_circles(&given) && given.get_all(VIA).iter().count() >= 4);
        }
    }
}
