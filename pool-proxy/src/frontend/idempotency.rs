//! `Idempotency-Key`, and what its repetition is told
//! (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

use super::heads::{Heads, Name};
use crate::error::Failure;

static KEY: Name = Name::of("idempotency-key");
static REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest a key may be, in characters.
const LONGEST: usize = 255;

/// The key a request was sent with, exactly as it was sent.
///
/// # Errors
/// When it is none, or several.
pub(super) fn key(headers: Heads<'_>) -> Result<Option<Box<str>>, Failure> {
    let mut values = headers.get_all(&KEY);
    let Some(value) = values.next() else { return Ok(None) };
    let is_one = (1..=LONGEST).contains(&value.len()) && value.as_bytes().iter().all(u8::is_ascii_graphic);
    let text = value.to_str().ok().filter(|_| is_one && values.next().is_none());
    text.map(|text| Some(text.into())).ok_or_else(|| {
        Failure::BadRequest(format!("Idempotency-Key is one value of 1 to {LONGEST} visible ASCII characters"))
    })
}

/// Refuses a key where nothing is stored under it.
///
/// # Errors
/// When there is one.
pub(super) fn refuse(headers: Heads<'_>) -> Result<(), Failure> {
    if headers.has(&KEY) {
        let message = "Idempotency-Key is taken by POST /sql alone: send what is to be done once there";
        return Err(Failure::BadRequest(message.to_owned()));
    }
    Ok(())
}

/// Says that an answer is that of the first request.
pub(super) fn tell(headers: &mut HeaderMap) {
    headers.insert(REPLAYED.clone(), HeaderValue::from_static("true"));
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};
    use hyper::HeaderMap;
    use hyper::header::HeaderValue;

    use super::{Heads, KEY, LONGEST, key};

    #[test]
    fn a_key_is_taken_as_it_is_or_refused() {
        let mut dice = Dice::new();
        for _ in 0..cases(20_000) {
            let mut text = dice.text(9).repeat(dice.below(40)).into_bytes();
            if dice.once_in(4) {
                text = dice.bytes(20);
            }
            let Ok(value) = HeaderValue::from_bytes(&text) else { continue };
            let mut headers = HeaderMap::new();
            headers.insert(&*KEY, value.clone());
            let fits = (1..=LONGEST).contains(&text.len()) && text.iter().all(u8::is_ascii_graphic);
            let read = key(Heads::of(&headers)).ok().flatten();
            assert_eq!(read.as_deref().map(str::as_bytes), fits.then_some(&*text));
            headers.append(&*KEY, value);
            assert!(key(Heads::of(&headers)).is_err(), "two keys");
        }
    }
}
