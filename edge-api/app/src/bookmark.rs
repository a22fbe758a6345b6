//! Who has written something sees it in all that is asked next, whichever of several proxies answers: what the database's log
//! holds by then travels in a cookie.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};
use pool_client::Bookmark;

const NAME: &str = "pool-bookmark";

/// By then every proxy has long seen it.
const SECONDS: u32 = 60;

/// What the request brings; nothing if that is no bookmark.
pub(crate) fn known(headers: &HeaderMap) -> Option<Bookmark> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == NAME).filter_map(|(_, text)| text.parse().ok()).max()
}

/// The value of `Set-Cookie`. It is no secret, but nothing that a page's scripts would need either.
pub(crate) fn cookie(bookmark: Bookmark) -> Option<HeaderValue> {
    let text = format!("{NAME}={bookmark}; Max-Age={SECONDS}; Path=/; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::*;

    fn of(cookies: &[&'static str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, HeaderValue::from_static(cookie));
        }
        known(&headers).map(|bookmark| bookmark.to_string())
    }

    #[test]
    fn a_cookie_is_read_as_it_was_set() {
        let set = cookie("16/B374D848".parse().unwrap()).unwrap();
        let pair = set.to_str().unwrap().split(';').next().unwrap().to_owned();
        assert_eq!(of(&[pair.leak()]).as_deref(), Some("16/B374D848"));
        assert_eq!(of(&["a=b; pool-bookmark=0/9;c", "pool-bookmark=0/A"]).as_deref(), Some("0/A"));
        for none in
            ["", "pool-bookmark", "pool-bookmark=", "pool-bookmark=soon", "Pool-Bookmark=0/9", "x-pool-bookmark=0/9"]
        {
            assert_eq!(of(&[none]), None, "{none}");
        }
    }

    #[test]
    fn whatever_a_cookie_says_it_is_a_bookmark_or_none() {
        const PIECES: &[&str] = &[
            "pool-bookmark=0/A",
            "pool-bookmark=",
            "0/1",
            "FFFFFFFF/FFFFFFFF",
            ";",
            " ",
            "=",
            "a=b",
            "\"",
            "/",
            "é",
            ",",
        ];
        let mut dice = Dice::new();
        let mut known_ones = 0;
        for number in 0..cases(20_000) {
            let value = if number % 4 == 0 { dice.bytes(40) } else { dice.pieces(PIECES, 10).into_bytes() };
            let headers: HeaderMap =
                HeaderValue::from_bytes(&value).ok().map(|value| (COOKIE, value)).into_iter().collect();
            let Some(read) = known(&headers) else { continue };
            known_ones += 1;
            // It is sent on in a header, and set again.
            assert_eq!(read.to_string().parse(), Ok(read));
            assert!(cookie(read).is_some());
        }
        assert!(known_ones > cases(20_000) / 100, "{known_ones}");
    }
}
