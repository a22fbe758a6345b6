//! Rows as the values a plan works with: Postgres's text, by the type of its column.

pub(super) mod class;

use std::sync::Arc;

use self::class::{Class, Column as Typed};
use super::moment;
use super::number;
use super::room::{Room, weight};
use super::value::{Names, Number, Record, Text, Value};
use crate::error::PlanError;
use crate::gateway::call::Budget;
use crate::gateway::session::Sinks;
use crate::postgres::array::{self, Part};
use crate::postgres::{Columns, QueryError, Row, RowSink};

/// Places for the records that queries come to.
pub struct Records<'a>(pub(super) &'a Room);

impl Sinks for Records<'_> {
    type Sink = RecordsSink;

    fn sink(&self, _: usize, budget: Budget) -> RecordsSink {
        RecordsSink {
            names: Names::from([]),
            columns: Vec::new(),
            rows: Vec::new(),
            budget: budget.part(),
            room: self.0.clone(),
            affected: None,
            unsupported: None,
            texts: Vec::new(),
            parts: Vec::new(),
        }
    }
}

/// The records of one result.
pub struct RecordsSink {
    names: Names,
    /// Those that are kept: of columns with the same name, the last.
    columns: Vec<Place>,
    rows: Vec<Value>,
    budget: Budget,
    room: Room,
    affected: Option<u64>,
    /// What is wrong with a column; the statement runs all the same.
    unsupported: Option<PlanError>,
    /// The texts of the row at hand, one behind the other.
    texts: Vec<u8>,
    /// Which of the row's values they are, and where each begins.
    parts: Vec<(usize, usize)>,
}

/// A column that is kept, and where it stands in a row.
struct Place {
    index: usize,
    typed: Typed,
}

impl RecordsSink {
    /// The records, and how many rows the command tag speaks of, if it does.
    ///
    /// # Errors
    /// P2010 where a column is of a type that clients have no word for.
    pub fn into_rows(self) -> Result<(Value, Option<u64>), PlanError> {
        match self.unsupported {
            Some(error) => Err(error),
            None => Ok((Value::List(self.rows), self.affected)),
        }
    }

    /// Keeps a row of which that is what Postgres printed of each column, asked in their order.
    fn keep<'r>(
        &mut self,
        mut printed: impl FnMut(usize) -> Result<Option<&'r [u8]>, QueryError>,
    ) -> Result<(), QueryError> {
        if self.unsupported.is_some() {
            return Ok(());
        }
        let (mut length, mut held) = (AROUND, ROW);
        // A relation is often put behind them.
        let mut values = Vec::with_capacity(self.columns.len() + 1);
        self.texts.clear();
        for place in &self.columns {
            let printed = printed(place.index)?;
            let text = printed.map_or(0, <[u8]>::len);
            length += text + AROUND;
            let start = self.texts.len();
            let value = match printed {
                Some(printed) => place.typed.value(printed, &mut self.texts)?,
                None => Some(Value::Null),
            };
            held += size_of::<Value>() + value.as_ref().filter(|_| place.typed.is_array).map_or(text, weight);
            if value.is_none() {
                self.parts.push((values.len(), start));
            }
            values.push(value.unwrap_or_default());
        }
        self.put_texts(&mut values)?;
        self.rows.push(Value::Record(Record::new(self.names.clone(), values)));
        self.budget.spend(length)?;
        if self.room.take(held).is_err() {
            // The statement is to end as any that is too large.
            self.budget.overspend();
            return Err(QueryError::Full { limit: self.room.size() as u64, completed: false });
        }
        Ok(())
    }

    /// Puts the texts of a row where they belong, checked and kept as one.
    fn put_texts(&mut self, values: &mut [Value]) -> Result<(), QueryError> {
        if self.parts.is_empty() {
            return Ok(());
        }
        let whole: Arc<str> = utf8(&self.texts)?.into();
        let mut end = whole.len();
        while let Some((index, start)) = self.parts.pop() {
            // Two that are not UTF-8 may look so behind each other.
            let text = Text::part(&whole, start..end).ok_or_else(invalid)?;
            if let Some(place) = values.get_mut(index) {
                *place = Value::Text(text);
            }
            end = start;
        }
        Ok(())
    }
}

/// What stands around a value's text in an answer, at least, in bytes; and around a row.
const AROUND: usize = 4;

/// About what a row takes in memory besides its values, in bytes: its place among the others, which grows by doubling, one that is
/// kept free in it, and two allocations.
const ROW: usize = 3 * size_of::<Value>() + 32;

impl RowSink for RecordsSink {
    fn begin(&mut self, columns: &Columns) {
        let mut names: Vec<Box<str>> = Vec::with_capacity(columns.len());
        for (index, column) in columns.iter().enumerate() {
            let typed = match Typed::of(column.type_oid) {
                Ok(typed) => typed,
                Err(error) => {
                    self.unsupported.get_or_insert(error);
                    continue;
                }
            };
            if columns[index + 1..].iter().all(|later| later.name != column.name) {
                names.push(column.name.clone());
                self.columns.push(Place { index, typed });
            }
        }
        self.names = names.into();
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        let (mut values, mut next) = (row.values(), 0);
        self.keep(|index| {
            let passed_over = index - next;
            next = index + 1;
            values.nth(passed_over).ok_or(QueryError::Closed)
        })
    }

    fn dropped(&mut self) -> QueryError {
        self.budget.overspend()
    }

    fn end(&mut self, tag: Option<&str>) {
        // The number is a tag's last word, where there is one (`INSERT 0 1`, `SELECT 3`, `CREATE TABLE`).
        self.affected = tag.and_then(|tag| tag.rsplit(' ').next()).and_then(|count| count.parse().ok());
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, QueryError> {
    std::str::from_utf8(bytes).map_err(|_| invalid())
}

fn invalid() -> QueryError {
    QueryError::Invalid("the result is not UTF-8; the statement has run".to_owned())
}

impl Typed {
    /// The value. If that is text it is written, and nothing else comes of it.
    fn value(self, raw: &[u8], out: &mut Vec<u8>) -> Result<Option<Value>, QueryError> {
        if !self.is_array && self.class.is_as_printed() {
            out.extend_from_slice(raw);
            return Ok(None);
        }
        let text = utf8(raw)?;
        Ok(if self.is_array { Some(list(self.class, text)) } else { scalar(self.class, text, out) })
    }
}

impl Class {
    /// Whether its values are the text that Postgres prints of them.
    fn is_as_printed(self) -> bool {
        use Class::{BigInt, Date, Decimal, Json, Text, Time, Uuid};
        matches!(self, BigInt | Decimal | Date | Time | Json | Uuid | Text)
    }
}

fn scalar(class: Class, text: &str, out: &mut Vec<u8>) -> Option<Value> {
    match class {
        Class::Int | Class::Oid => match text.parse() {
            Ok(integer) => return Some(Value::Number(Number::Int(integer))),
            Err(_) => out.extend_from_slice(text.as_bytes()),
        },
        Class::Float | Class::Double => match text.parse() {
            Ok(float) => return Some(Value::Number(Number::Float(float))),
            Err(_) => out.extend_from_slice(text.as_bytes()),
        },
        Class::Bool => return Some(Value::Bool(text == "t")),
        Class::Bytes => return Some(Value::Bytes(bytes(text).into())),
        // But for infinity.
        Class::DateTime if text.starts_with(|first: char| first.is_ascii_digit()) => moment::write_iso(out, text, true),
        Class::TimeTz => out.extend_from_slice(without_zone(text).as_bytes()),
        Class::Money => number::write_money(out, text),
        _ => out.extend_from_slice(text.as_bytes()),
    }
    None
}

/// A time of day without its zone.
pub(super) fn without_zone(text: &str) -> &str {
    text.split(['+', '-']).next().unwrap_or(text)
}

/// The bytes of a bytea in the hex format.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    let digits = text.strip_prefix("\\x").unwrap_or_default().as_bytes();
    let half = |digit: u8| match digit {
        b'0'..=b'9' => digit - b'0',
        _ => (digit | 32).wrapping_sub(b'a').wrapping_add(10) & 15,
    };
    digits
        .chunks_exact(2)
        .map(|pair| match pair {
            [high, low] => half(*high) << 4 | half(*low),
            _ => 0,
        })
        .collect()
}

/// An array, with the lists of its dimensions in each other.
fn list(class: Class, text: &str) -> Value {
    let mut open: Vec<Vec<Value>> = Vec::new();
    let mut whole = Vec::new();
    array::read(text, |part| {
        let value = match part {
            Part::Open => {
                open.push(Vec::new());
                return;
            }
            Part::Close => match open.pop() {
                Some(list) if open.is_empty() => {
                    whole = list;
                    return;
                }
                Some(list) => Value::List(list),
                None => return,
            },
            Part::Null => Value::Null,
            Part::Item(item) => {
                let mut text = Vec::new();
                scalar(class, item, &mut text)
                    .unwrap_or_else(|| Value::Text(String::from_utf8(text).unwrap_or_default().into()))
            }
        };
        if let Some(list) = open.last_mut() {
            list.push(value);
        }
    });
    Value::List(whole)
}

#[cfg(test)]
pub(in crate::plan) mod tests;
