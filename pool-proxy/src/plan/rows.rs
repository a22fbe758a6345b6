//! Rows as the values a plan works with: Postgres's text, by the type of its column.

pub(super) mod class;

use tokio_postgres::Row;

use self::class::{Class, Column as Typed};
use super::moment;
use super::number;
use super::value::{Names, Number, Record, Value};
use crate::error::PlanError;
use crate::gateway::call::Budget;
use crate::gateway::session::Sinks;
use crate::postgres::array::{self, Part};
use crate::postgres::{Column, QueryError, RawText, RowSink};

/// Places for the records that queries come to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Records;

impl Sinks for Records {
    type Sink = RecordsSink;

    fn sink(&self, _: usize, budget: Budget) -> RecordsSink {
        RecordsSink {
            names: Names::from([]),
            columns: Vec::new(),
            rows: Vec::new(),
            budget,
            affected: None,
            unsupported: None,
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
    affected: Option<u64>,
    /// What is wrong with a column; the statement runs all the same.
    unsupported: Option<PlanError>,
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
}

/// About what a row takes besides its values, in bytes.
const ROW: usize = size_of::<Value>();

/// About what a value takes besides its text, in bytes.
const VALUE: usize = size_of::<Value>();

impl RowSink for RecordsSink {
    fn begin(&mut self, columns: &[Column<'_>]) {
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
                names.push(column.name.into());
                self.columns.push(Place { index, typed });
            }
        }
        self.names = names.into();
    }

    fn row(&mut self, row: &Row) -> Result<(), QueryError> {
        if self.unsupported.is_some() {
            return Ok(());
        }
        let mut held = ROW;
        let mut values = Vec::with_capacity(self.columns.len());
        for place in &self.columns {
            let text = text(row, place.index)?;
            held += VALUE + text.map_or(0, str::len);
            values.push(text.map_or(Value::Null, |text| place.typed.value(text)));
        }
        self.rows.push(Value::Record(Record::new(self.names.clone(), values)));
        self.budget.spend(held)
    }

    fn dropped(&mut self) -> QueryError {
        self.budget.overspend()
    }

    fn end(&mut self, tag: Option<&str>) {
        // The number is a tag's last word, where there is one (`INSERT 0 1`, `SELECT 3`, `CREATE TABLE`).
        self.affected = tag.and_then(|tag| tag.rsplit(' ').next()).and_then(|count| count.parse().ok());
    }
}

/// The text of a column; `None` for NULL.
pub(super) fn text(row: &Row, index: usize) -> Result<Option<&str>, QueryError> {
    let text: Option<RawText<'_>> = row.try_get(index).map_err(QueryError::from)?;
    text.map(|RawText(bytes)| std::str::from_utf8(bytes))
        .transpose()
        .map_err(|_| QueryError::Invalid("the result is not UTF-8; the statement has run".to_owned()))
}

impl Typed {
    fn value(self, text: &str) -> Value {
        if self.is_array { list(self.class, text) } else { scalar(self.class, text) }
    }
}

fn scalar(class: Class, text: &str) -> Value {
    match class {
        Class::Int | Class::Oid => match text.parse() {
            Ok(integer) => Value::Number(Number::Int(integer)),
            Err(_) => Value::Text(text.into()),
        },
        Class::Float | Class::Double => match text.parse() {
            Ok(float) => Value::Number(Number::Float(float)),
            Err(_) => Value::Text(text.into()),
        },
        Class::Bool => Value::Bool(text == "t"),
        Class::Bytes => Value::Bytes(bytes(text).into()),
        // But for infinity.
        Class::DateTime if text.starts_with(|first: char| first.is_ascii_digit()) => {
            written(text.len() + 9, |out| moment::write_iso(out, text, true))
        }
        Class::TimeTz => Value::Text(without_zone(text).into()),
        Class::Money => written(text.len(), |out| number::write_money(out, text)),
        Class::BigInt
        | Class::Decimal
        | Class::Date
        | Class::Time
        | Class::DateTime
        | Class::Json
        | Class::Uuid
        | Class::Text => Value::Text(text.into()),
    }
}

fn written(capacity: usize, write: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut out = Vec::with_capacity(capacity);
    write(&mut out);
    Value::Text(String::from_utf8(out).unwrap_or_default().into())
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
            Part::Item(item) => scalar(class, item),
        };
        if let Some(list) = open.last_mut() {
            list.push(value);
        }
    });
    Value::List(whole)
}

#[cfg(test)]
pub(in crate::plan) mod tests;
