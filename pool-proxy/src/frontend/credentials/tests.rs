use harness::{Dice, cases};
use hyper::HeaderMap;
use hyper::header::{AUTHORIZATION, HeaderValue};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{CONNECTION_STRING, Credentials, DATABASE, Heads};
use crate::error::Failure;

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// A connection string of these parts.
fn url(user: &str, password: &str, database: &str, options: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        options.iter().map(|(key, value)| format!("{}={}", encoded(key), encoded(value))).collect();
    let [user, password, database] = [user, password, database].map(encoded);
    format!("postgres://{user}:{password}@proxy.example/{database}?{}", pairs.join("&"))
}

#[test]
fn what_is_written_into_a_connection_string_is_what_is_read() {
    let mut dice = Dice::new();
    for _ in 0..cases(5000) {
        let (password, database) = (dice.text(30), dice.text(12));
        let options: Vec<_> = (0..dice.below(3)).map(|n| (format!("{n}{}", dice.text(6)), dice.text(12))).collect();
        let url = url(&dice.text(6), &password, &database, &options);
        let mut headers = HeaderMap::new();
        headers.insert(&*CONNECTION_STRING, url.parse().unwrap());
        let credentials =
            Credentials::from_headers(Heads::of(&headers)).unwrap_or_else(|failure| panic!("{url}: {failure}"));
        assert_eq!(credentials.secret.as_deref(), Some(&*password), "{url}");
        assert_eq!(credentials.database.as_deref(), Some(&*database).filter(|name| !name.is_empty()), "{url}");
        assert_eq!(credentials.options, options, "{url}");
        headers.insert(AUTHORIZATION, "bEaReR  other-key ".parse().unwrap());
        assert_eq!(Credentials::from_headers(Heads::of(&headers)).unwrap().secret.as_deref(), Some("other-key"));
    }
}

#[test]
fn whatever_is_presented_is_read_or_refused() {
    const PIECES: &[&str] = &[
        "postgres://",
        "postgresql://",
        "prisma://",
        "://",
        ":",
        "@",
        "/",
        "?",
        "&",
        "=",
        "%",
        "%00",
        "%ff",
        "%25",
        "[",
        "]",
        "[::1]",
        ",",
        "#",
        "Bearer ",
        "bearer",
        "Basic ",
        "Og==",
        " ",
        "\t",
        "é",
        "99999",
        "0",
        "key",
        "api_key=",
    ];
    let mut dice = Dice::new();
    let (mut read, mut told) = (0, vec![]);
    for _ in 0..cases(20_000) {
        let mut headers = HeaderMap::new();
        for name in [&CONNECTION_STRING, &DATABASE, &AUTHORIZATION] {
            let value = match dice.below(6) {
                0 | 1 => continue,
                2 => dice.bytes(40),
                3 => dice.pieces(PIECES, 12).into_bytes(),
                4 => format!("Bearer {}", dice.text(12)).into_bytes(),
                _ => {
                    let mut url = url("u", "geheim-und-lang", &dice.text(4), &[]).into_bytes();
                    dice.spoil(&mut url, PIECES);
                    url
                }
            };
            headers.extend(HeaderValue::from_bytes(&value).ok().map(|value| (name.clone(), value)));
        }
        match Credentials::from_headers(Heads::of(&headers)) {
            Ok(_) => read += 1,
            Err(failure @ (Failure::BadRequest(_) | Failure::Unauthorized { .. })) => told.push(failure.to_string()),
            Err(failure) => panic!("{failure:?}: {headers:?}"),
        }
    }
    assert!(read > 0 && !told.is_empty());
    told.retain(|message| message.contains("geheim"));
    assert!(told.is_empty(), "a secret is told: {told:?}");
}
