//! Rows of a result, as they came: values as Postgres printed them.

use std::fmt;

use tokio_postgres::types::{FromSql, Type};

/// A row (<https://www.postgresql.org/docs/current/protocol-message-formats.html>, `DataRow`). `Debug` shows no value.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    columns: u16,
    values: &'r [u8],
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row").field("columns", &self.columns).finish_non_exhaustive()
    }
}

/// A value as it came.
struct Text<'r>(Option<&'r [u8]>);

impl<'r> FromSql<'r> for Text<'r> {
    fn from_sql(_: &Type, value: &'r [u8]) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(Some(value)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn std::error::Error + Sync + Send>> {
        Ok(Self(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

impl<'r> Row<'r> {
    /// The first of messages that stand one behind the other; what follows is left. `None` where there is no whole row.
    pub fn next(messages: &mut &'r [u8]) -> Option<Self> {
        let (&[kind, a, b, c, d], rest) = messages.split_first_chunk()?;
        // The length counts itself.
        let length = u32::from_be_bytes([a, b, c, d]).checked_sub(4).filter(|_| kind == b'D')?;
        let (row, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        *messages = rest;
        let (columns, values) = row.split_first_chunk()?;
        Some(Self { columns: u16::from_be_bytes(*columns), values })
    }

    /// A row that tokio-postgres has taken apart, put together again in `room`. `None` where a value cannot be had.
    pub(super) fn of(row: &tokio_postgres::Row, room: &'r mut Vec<u8>) -> Option<Self> {
        room.clear();
        for column in 0..row.len() {
            let Text(value) = row.try_get(column).ok()?;
            let length = value.map_or(Ok(-1), |value| i32::try_from(value.len())).ok()?;
            room.extend_from_slice(&length.to_be_bytes());
            room.extend_from_slice(value.unwrap_or_default());
        }
        Some(Self { columns: row.len().try_into().ok()?, values: room })
    }

    /// How many columns it has.
    pub fn columns(self) -> usize {
        self.columns.into()
    }

    /// How long it is, in bytes.
    pub fn bytes(self) -> usize {
        self.values.len()
    }

    /// Its values, in the session's encoding; `None` for NULL. A row that is cut short has fewer than it has columns.
    pub fn values(self) -> Values<'r> {
        Values(self.values)
    }

    /// One of few.
    pub fn value(self, column: usize) -> Option<&'r [u8]> {
        self.values().nth(column).flatten()
    }
}

/// The values of a row, one after the other.
#[derive(Clone)]
pub struct Values<'r>(&'r [u8]);

impl<'r> Iterator for Values<'r> {
    type Item = Option<&'r [u8]>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (length, rest) = self.0.split_first_chunk()?;
        // The length of a NULL is -1.
        let Ok(length) = usize::try_from(i32::from_be_bytes(*length)) else {
            self.0 = rest;
            return Some(None);
        };
        let (value, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(Some(value))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::Row;

    /// The message of a row.
    pub(crate) fn row(values: &[Option<&[u8]>]) -> Vec<u8> {
        let mut body = u16::try_from(values.len()).unwrap().to_be_bytes().to_vec();
        for value in values {
            body.extend(value.map_or(-1, |value| i32::try_from(value.len()).unwrap()).to_be_bytes());
            body.extend_from_slice(value.unwrap_or_default());
        }
        [b"D", &(u32::try_from(body.len()).unwrap() + 4).to_be_bytes()[..], &body].concat()
    }

    #[test]
    fn rows_are_read_one_after_the_other() {
        let expected: [&[Option<&[u8]>]; 4] = [&[Some(b"1"), None, Some(b"")], &[], &[None], &[Some(b"long enough")]];
        let bytes: Vec<u8> = expected.iter().flat_map(|values| row(values)).collect();
        let mut rest = &*bytes;
        for values in expected {
            let row = Row::next(&mut rest).unwrap();
            assert_eq!(row.columns(), values.len());
            assert_eq!(row.values().collect::<Vec<_>>(), values);
            assert_eq!(row.value(1), values.get(1).copied().flatten());
            assert!(!format!("{row:?}").contains("long"));
        }
        assert!(Row::next(&mut rest).is_none());
    }

    #[test]
    fn what_is_cut_short_ends() {
        let whole = row(&[Some(b"one"), Some(b"two")]);
        for length in 0..whole.len() {
            assert!(Row::next(&mut &whole[..length]).is_none());
        }
        // A length that leads beyond the row.
        let broken = b"D\0\0\0\x0c\0\x01\0\0\0\x09xy";
        assert_eq!(Row::next(&mut &broken[..]).unwrap().values().count(), 0);
        for other in [&b"D\0\0\0\x03\0\0"[..], b"D\0\0\0\x05\0", b"C\0\0\0\x06\0\0"] {
            assert!(Row::next(&mut &*other).is_none());
        }
    }
}
