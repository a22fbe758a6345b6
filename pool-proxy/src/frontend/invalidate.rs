//! `POST /invalidate`: cached answers are gone before the answer is sent.

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde::Deserialize;

use super::body;
use super::guest::Guest;
use super::heads::Heads;
use super::public::Public;
use super::reply::{self, Reply};
use crate::cache::{TagSet, Tags};
use crate::error::Failure;

/// A list of five tags of 64 characters is much smaller.
const LARGEST: u64 = 64 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"tags\"")]
struct Body {
    tags: Wanted,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "\"tags\" must be \"all\" or a list of 1 to 5 strings")]
enum Wanted {
    Word(String),
    List(Vec<String>),
}

/// `{"tags": ["a", "b"]}` or `{"tags": "all"}`, for one database.
///
/// # Errors
/// Why nothing was invalidated.
pub(super) async fn invalidate(door: &Public, head: &Parts, incoming: &mut Incoming) -> Result<Reply, Failure> {
    let guest = Guest::enter(door, Heads::of(&head.headers)).await?;
    if !guest.principal.may_invalidate {
        return Err(Failure::Forbidden("tokens of this issuer may not invalidate cached answers".to_owned()));
    }
    let body = body::read(incoming, LARGEST, &door.terms, guest.place()).await?;
    door.gateway.invalidate(&guest.principal, guest.database, &decode(&body)?).await?;
    Ok(reply::json(StatusCode::OK, "{}"))
}

fn decode(body: &[u8]) -> Result<Tags, Failure> {
    let bad = |message: String| Failure::BadRequest(message);
    let body: Body = serde_json::from_slice(body).map_err(|error| bad(format!("the request body: {error}")))?;
    Ok(match body.tags {
        Wanted::Word(word) if word == "all" => Tags::All,
        Wanted::Word(_) => return Err(bad("\"tags\" must be \"all\" or a list of 1 to 5 strings".to_owned())),
        Wanted::List(tags) => {
            Tags::Some(TagSet::parse(tags.iter().map(String::as_str)).map_err(|error| bad(error.to_string()))?)
        }
    })
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};
    use serde_json::json;

    use super::{Tags, decode};
    use crate::error::Failure;

    #[test]
    fn whatever_is_to_be_forgotten_is_read_or_refused() {
        const PIECES: &[&str] =
            &["{", "}", "[", "]", "\"tags\"", ":", ",", "\"all\"", "\"a\"", "null", "1", "\"", "\\u0000", "é"];
        let mut dice = Dice::new();
        for number in 0..cases(20_000) {
            let tags: Vec<String> =
                (0..dice.below(8)).map(|n| format!("{}{n}", dice.pick(&["a", "B_", "9"]))).collect();
            let sent = json!({ "tags": tags }).to_string();
            match decode(sent.as_bytes()) {
                Ok(Tags::Some(read)) => assert_eq!(read.iter().count(), tags.len(), "{sent}"),
                Ok(_) => panic!("{sent}"),
                Err(_) => assert!(tags.is_empty() || tags.len() > 5, "{sent}"),
            }
            let mut body = sent.into_bytes();
            match number % 3 {
                0 => body = dice.bytes(60),
                1 => body = dice.pieces(PIECES, 12).into_bytes(),
                _ => dice.spoil(&mut body, PIECES),
            }
            if let Err(failure) = decode(&body) {
                assert!(matches!(failure, Failure::BadRequest(_)), "{failure:?}: {}", String::from_utf8_lossy(&body));
            }
        }
        assert_eq!(decode(br#"{"tags":"all"}"#).unwrap(), Tags::All);
    }
}
