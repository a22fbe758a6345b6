//! What a client knows of the database's log: with it, it is shown nothing older.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::transport::Response;

/// The header that it travels in, both ways.
pub(crate) const HEADER: &str = "pool-bookmark";

/// A place in the write-ahead log of one database (<https://www.postgresql.org/docs/current/datatype-pg-lsn.html>). Whatever was
/// committed before it is seen by a query that carries it. Later ones are larger.
///
/// As text it is short and holds no more than a cookie may, and nothing that would have to be kept secret. Whoever sends one
/// that lies far ahead gets slower answers, and no others.
///
/// ```
/// use pool_client::Bookmark;
///
/// let bookmark: Bookmark = "16/B374D848".parse()?;
/// assert!(bookmark > "A/FFFFFFFF".parse()?);
/// assert_eq!(bookmark.to_string(), "16/B374D848");
/// assert!("16/B374D848; Path=/".parse::<Bookmark>().is_err());
/// # Ok::<(), pool_client::BookmarkError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bookmark(u64);

/// The text is no bookmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bookmark is two hexadecimal numbers of at most eight digits with a slash between them")]
pub struct BookmarkError;

impl fmt::Display for Bookmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:X}/{:X}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

impl FromStr for Bookmark {
    type Err = BookmarkError;

    fn from_str(text: &str) -> Result<Self, BookmarkError> {
        let (high, low) = text.split_once('/').ok_or(BookmarkError)?;
        Ok(Self(u64::from(half(high)?) << 32 | u64::from(half(low)?)))
    }
}

fn half(digits: &str) -> Result<u32, BookmarkError> {
    let is_number = (1..=8).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_number { u32::from_str_radix(digits, 16).map_err(|_| BookmarkError) } else { Err(BookmarkError) }
}

/// The bookmark of an answer. One that cannot be read is none.
pub(crate) fn of(response: &Response) -> Option<Bookmark> {
    response.header(HEADER)?.parse().ok()
}

/// The latest bookmark of a session, shared by its clients. 0 stands for none: nothing lies before it.
#[derive(Debug, Clone)]
pub(crate) struct Latest(Arc<AtomicU64>);

impl Latest {
    pub(crate) fn from(known: Option<Bookmark>) -> Self {
        Self(Arc::new(AtomicU64::new(known.map_or(0, |Bookmark(place)| place))))
    }

    pub(crate) fn get(&self) -> Option<Bookmark> {
        let place = self.0.load(Ordering::Acquire);
        (place > 0).then_some(Bookmark(place))
    }

    /// Answers may come in another order than they were given in.
    pub(crate) fn learn(&self, Bookmark(place): Bookmark) {
        self.0.fetch_max(place, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::{Bookmark, BookmarkError, Latest};

    #[test]
    fn takes_what_it_writes_and_nothing_else() {
        for (text, number) in [("0/0", 0), ("16/B374D848", 0x16_B374_D848), ("FFFFFFFF/FFFFFFFF", u64::MAX)] {
            assert_eq!(text.parse(), Ok(Bookmark(number)));
            assert_eq!(Bookmark(number).to_string(), text);
        }
        for text in
            ["", "/", "0", "0/", "/0", "+1/0", "0/-1", " 0/1", "0/1 ", "0/1/2", "100000000/0", "0/g", "0/1\r\nx: y"]
        {
            assert_eq!(text.parse::<Bookmark>(), Err(BookmarkError), "{text}");
        }
    }

    #[test]
    fn the_latest_is_the_largest_number() {
        let latest = Latest::from(None);
        assert_eq!(latest.get(), None);
        for (told, known) in [("9/0", "9/0"), ("A/0", "A/0"), ("9/FFFFFFFF", "A/0"), ("A/9", "A/9"), ("A/10", "A/10")] {
            latest.learn(told.parse().unwrap());
            assert_eq!(latest.get().unwrap().to_string(), known);
        }
    }
}
