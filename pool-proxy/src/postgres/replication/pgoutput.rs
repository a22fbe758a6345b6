//! The messages of the plugin `pgoutput`, version 1
//! (<https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html>).

use std::collections::HashMap;

/// A message is cut short, or is none that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a change that cannot be read")]
pub struct Malformed;

/// A change of rows.
#[derive(Debug, PartialEq, Eq)]
pub enum Change {
    /// Rows of a relation: the one before the change and the one after it, as far as there are.
    Rows {
        /// The relation, by its object id.
        relation: u32,
        /// The rows' identities.
        rows: Vec<Row>,
    },
    /// All rows of these are gone.
    Truncate(Vec<u32>),
}

/// A row, as far as its replica identity tells.
#[derive(Debug, PartialEq, Eq)]
pub enum Row {
    /// The values of the identity's columns as Postgres prints them, in the order of the columns.
    Known(Vec<String>),
    /// The relation has no identity of its own, or a value was not sent.
    Unknown,
}

/// What identifies a relation's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    /// For each column whether it is part of it; none where whole rows are it.
    columns: Vec<bool>,
}

/// Reads messages. A relation is told once, before the first of its changes and whenever it has changed.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    relations: HashMap<u32, Identity>,
}

impl Decoder {
    /// The change that a message tells, if it is about one.
    pub(super) fn decode(&mut self, message: &[u8]) -> Result<Option<Change>, Malformed> {
        let mut bytes = Bytes(message);
        match bytes.byte()? {
            b'R' => {
                let (relation, identity) = read_relation(&mut bytes)?;
                self.relations.insert(relation, identity);
                Ok(None)
            }
            b'I' => {
                let relation = bytes.int4()?;
                bytes.expect(b'N')?;
                let row = self.row(relation, &mut bytes)?;
                Ok(Some(Change::Rows { relation, rows: vec![row] }))
            }
            b'U' => {
                let relation = bytes.int4()?;
                let mut rows = Vec::with_capacity(2);
                // The old row comes only where its identity is another than the new one's, or is the whole row.
                let mut kind = bytes.byte()?;
                if matches!(kind, b'K' | b'O') {
                    rows.push(self.row(relation, &mut bytes)?);
                    kind = bytes.byte()?;
                }
                if kind != b'N' {
                    return Err(Malformed);
                }
                rows.push(self.row(relation, &mut bytes)?);
                Ok(Some(Change::Rows { relation, rows }))
            }
            b'D' => {
                let relation = bytes.int4()?;
                if !matches!(bytes.byte()?, b'K' | b'O') {
                    return Err(Malformed);
                }
                let row = self.row(relation, &mut bytes)?;
                Ok(Some(Change::Rows { relation, rows: vec![row] }))
            }
            b'T' => {
                let count = bytes.int4()?;
                // CASCADE and RESTART IDENTITY: those it cascades to are in the list.
                bytes.byte()?;
                let relations = (0..count).map(|_| bytes.int4()).collect::<Result<_, _>>()?;
                Ok(Some(Change::Truncate(relations)))
            }
            // A type, and where the transaction came from.
            b'Y' | b'O' => Ok(None),
            _ => Err(Malformed),
        }
    }

    fn row(&self, relation: u32, bytes: &mut Bytes<'_>) -> Result<Row, Malformed> {
        let identity = self.relations.get(&relation).ok_or(Malformed)?;
        let count = usize::from(bytes.int2()?);
        let mut values = Vec::new();
        let mut known = !identity.columns.is_empty() && count == identity.columns.len();
        for column in 0..count {
            let value = match bytes.byte()? {
                b'n' | b'u' => None,
                b't' | b'b' => {
                    let length = bytes.int4()? as usize;
                    Some(bytes.take(length)?)
                }
                _ => return Err(Malformed),
            };
            if identity.columns.get(column) == Some(&true) {
                match value.map(str::from_utf8) {
                    Some(Ok(text)) => values.push(text.to_owned()),
                    _ => known = false,
                }
            }
        }
        Ok(if known && !values.is_empty() { Row::Known(values) } else { Row::Unknown })
    }
}

fn read_relation(bytes: &mut Bytes<'_>) -> Result<(u32, Identity), Malformed> {
    let relation = bytes.int4()?;
    bytes.text()?;
    bytes.text()?;
    let replica_identity = bytes.byte()?;
    let count = bytes.int2()?;
    let mut columns = Vec::with_capacity(usize::from(count));
    for _ in 0..count {
        columns.push(bytes.byte()? & 1 == 1);
        bytes.text()?;
        bytes.int4()?;
        bytes.int4()?;
    }
    // With FULL, every column counts as one of the key.
    if replica_identity == b'f' {
        columns.clear();
    }
    Ok((relation, Identity { columns }))
}

struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.byte()? == byte { Ok(()) } else { Err(Malformed) }
    }

    fn int2(&mut self) -> Result<u16, Malformed> {
        self.take(2)?.try_into().map(u16::from_be_bytes).map_err(|_| Malformed)
    }

    fn int4(&mut self) -> Result<u32, Malformed> {
        self.take(4)?.try_into().map(u32::from_be_bytes).map_err(|_| Malformed)
    }

    /// Up to a zero, which ends it.
    fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let end = self.0.iter().position(|byte| *byte == 0).ok_or(Malformed)?;
        let text = self.take(end)?;
        self.take(1)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests;
