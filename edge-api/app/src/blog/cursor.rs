//! Where a page of posts ends: the time and the id of its last post, so that the next page begins behind exactly that
//! one, whatever has been written meanwhile.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use serde::Deserialize;
use uuid::Uuid;

/// Clients see it as an opaque text: microseconds since 1970 (as exact as Postgres keeps them) and the id, in base64url.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
pub(crate) struct Cursor {
    pub(crate) time: Timestamp,
    pub(crate) id: Uuid,
}

impl Cursor {
    pub(crate) fn encode(self) -> String {
        let mut bytes = [0; 24];
        bytes[..8].copy_from_slice(&self.time.as_microsecond().to_be_bytes());
        bytes[8..].copy_from_slice(self.id.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes: [u8; 24] = URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok()?;
        let (time, id) = bytes.split_first_chunk::<8>()?;
        // No post is older than 1970, and not every time before it is one that Postgres reads.
        let micros = Some(i64::from_be_bytes(*time)).filter(|micros| *micros >= 0)?;
        let time = Timestamp::from_microsecond(micros).ok()?;
        Some(Self { time, id: Uuid::from_slice(id).ok()? })
    }
}

impl TryFrom<String> for Cursor {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Self::decode(&text).ok_or("must be the `nextCursor` of a page that was answered")
    }
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::*;

    #[test]
    fn what_is_encoded_is_decoded() {
        for micros in [0, 1, 1_700_000_000_123_456, 200_000_000_000_000_001] {
            let cursor = Cursor { time: Timestamp::from_microsecond(micros).unwrap(), id: Uuid::from_u128(7) };
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
        }
    }

    #[test]
    fn what_is_no_cursor_is_refused() {
        let too_late = URL_SAFE_NO_PAD.encode([0x7f; 24]);
        let too_early = Cursor { time: Timestamp::from_microsecond(-1).unwrap(), id: Uuid::nil() }.encode();
        for text in [
            "",
            "0",
            "not a cursor",
            "AAAA",
            &"A".repeat(33),
            "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
            &too_late,
            &too_early,
        ] {
            assert_eq!(Cursor::decode(text), None, "{text}");
        }
    }

    #[test]
    fn whatever_comes_is_a_cursor_as_it_was_written_or_none() {
        let mut dice = Dice::new();
        for number in 0..cases(20_000) {
            let micros = dice.between(0, 200_000_000_000_000_000);
            let id = Uuid::from_u64_pair(dice.bits(), dice.bits());
            let cursor = Cursor { time: Timestamp::from_microsecond(micros).unwrap(), id };
            assert_eq!(Cursor::decode(&cursor.encode()), Some(cursor));
            let mut text = cursor.encode().into_bytes();
            match number % 3 {
                0 => text = dice.bytes(48),
                _ => dice.spoil(&mut text, &["A", "_", "-", "=", "+", "/", " ", "é", "AAAA"]),
            }
            let text = String::from_utf8_lossy(&text);
            if let Some(read) = Cursor::decode(&text) {
                assert_eq!(read.encode(), text);
            }
        }
    }
}
