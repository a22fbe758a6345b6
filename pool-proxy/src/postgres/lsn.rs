//! Positions in the write-ahead log (<https://www.postgresql.org/docs/current/datatype-pg-lsn.html>).

use std::fmt;
use std::str::FromStr;

/// A log sequence number: a byte's place in the write-ahead log. Later ones are larger.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

/// The text is no log sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a log sequence number is two hexadecimal numbers of at most eight digits with a slash between them")]
pub struct LsnError;

/// How a server cuts its log up, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogLayout {
    /// Of a page.
    pub page: u64,
    /// Of a segment, which is a file of pages.
    pub segment: u64,
}

impl LogLayout {
    /// What a page begins with, and the first one of a segment
    /// (<https://github.com/postgres/postgres/blob/master/src/include/access/xlog_internal.h>).
    const HEADER: u64 = 24;
    const LONG_HEADER: u64 = 40;

    /// The end of the log is where the next record begins, which is behind the header of its page; the end of the last
    /// record may be in front of that. Between the two there is nothing, so whoever is at the one is at the other.
    pub fn past_header(&self, position: Lsn) -> Lsn {
        let starts = |length: u64| length > 0 && position.0.is_multiple_of(length);
        if starts(self.segment) {
            Lsn(position.0.saturating_add(Self::LONG_HEADER))
        } else if starts(self.page) {
            Lsn(position.0.saturating_add(Self::HEADER))
        } else {
            position
        }
    }
}

impl fmt::Display for Lsn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Lsn {
    type Err = LsnError;

    fn from_str(text: &str) -> Result<Self, LsnError> {
        let (high, low) = text.split_once('/').ok_or(LsnError)?;
        Ok(Self(u64::from(half(high)?) << 32 | u64::from(half(low)?)))
    }
}

/// As `pg_lsn` reads it: no sign, no blank.
fn half(digits: &str) -> Result<u32, LsnError> {
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_number { u32::from_str_radix(digits, 16).map_err(|_| LsnError) } else { Err(LsnError) }
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::*;

    #[test]
    fn reads_what_it_writes() {
        for (text, number) in [("0/0", 0), ("0/16B3748", 0x16B_3748), ("16/B374D848", 0x16_B374_D848)] {
            let lsn: Lsn = text.parse().unwrap();
            assert_eq!(lsn, Lsn(number));
            assert_eq!(lsn.to_string(), text);
        }
        assert_eq!("ffffffff/ffffffff".parse(), Ok(Lsn(u64::MAX)));
    }

    #[test]
    fn the_header_of_a_page_is_stepped_over() {
        let layout = LogLayout { page: 8192, segment: 16 << 20 };
        for (position, expected) in [
            ("0/16B3748", "0/16B3748"),
            ("0/16B4000", "0/16B4018"),
            ("0/16B4018", "0/16B4018"),
            ("0/16B3FF8", "0/16B3FF8"),
            ("0/2000000", "0/2000028"),
            ("1/0", "1/28"),
        ] {
            assert_eq!(layout.past_header(position.parse().unwrap()), expected.parse().unwrap(), "{position}");
        }
        let other = LogLayout { page: 16384, segment: 1 << 20 };
        assert_eq!(other.past_header(Lsn(8192)), Lsn(8192));
        assert_eq!(other.past_header(Lsn(1 << 20)), Lsn((1 << 20) + 40));
        assert_eq!(LogLayout { page: 0, segment: 0 }.past_header(Lsn(8192)), Lsn(8192));
    }

    #[test]
    fn takes_nothing_else() {
        for text in ["", "/", "0", "0/", "/0", "+1/0", "0/-1", " 0/1", "0/1 ", "0/1/2", "100000000/0", "0/g", "0x1/2"] {
            assert_eq!(text.parse::<Lsn>(), Err(LsnError), "{text}");
        }
    }

    #[test]
    fn any_place_is_read_as_it_is_written_and_nothing_else_is() {
        let mut dice = Dice::new();
        for _ in 0..cases(20_000) {
            let lsn = Lsn(dice.bits() >> dice.below(64));
            assert_eq!(lsn.to_string().parse(), Ok(lsn));
            let mut text = lsn.to_string().into_bytes();
            dice.spoil(&mut text, &["/", "0", "g", "+", "-", " ", "é", "00000000"]);
            let text = String::from_utf8_lossy(&text);
            if let Ok(read) = text.parse::<Lsn>() {
                let digits = text.bytes().filter(|byte| *byte != b'/');
                assert!(digits.clone().count() <= 16 && digits.into_iter().all(|c| c.is_ascii_hexdigit()), "{text}");
                assert_eq!(read.to_string().parse(), Ok(read));
            }
        }
    }
}
