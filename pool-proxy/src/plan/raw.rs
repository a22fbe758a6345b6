//! Results of raw queries, written as JSON while rows come in.

use super::rows::class::{Class, Column as Typed};
use super::rows::{bytes, utf8, without_zone};
use super::shape::plain::write_base64;
use super::shape::write_compact;
use super::value::Number;
use super::{moment, number};
use crate::error::PlanError;
use crate::gateway::call::Budget;
use crate::gateway::session::Sinks;
use crate::postgres::array;
use crate::postgres::value::write_string;
use crate::postgres::{Columns, QueryError, Row, RowSink};

/// Places for results of raw queries.
#[derive(Debug, Clone, Copy, Default)]
pub struct Raw;

impl Sinks for Raw {
    type Sink = RawSink;

    fn sink(&self, _: usize, budget: Budget) -> RawSink {
        RawSink { out: Vec::new(), columns: Vec::new(), budget: budget.part(), charged: 0, count: 0, unsupported: None }
    }
}

/// One result: `{"columns":[names],"types":[names],"rows":[[values]]}`.
pub struct RawSink {
    out: Vec<u8>,
    columns: Vec<Typed>,
    budget: Budget,
    charged: usize,
    count: u64,
    /// What is wrong with a column; the statement runs all the same.
    unsupported: Option<PlanError>,
}

impl RawSink {
    /// The result.
    ///
    /// # Errors
    /// P2010 where a column is of a type that clients have no word for.
    pub fn into_json(self) -> Result<Box<str>, PlanError> {
        match self.unsupported {
            Some(error) => {
                let message = format!("Raw query failed. Code: `N/A`. Message: `{}`", error.message);
                Err(PlanError { message, ..error })
            }
            // Names and values came as text.
            None => Ok(String::from_utf8(self.out).unwrap_or_default().into()),
        }
    }

    fn charge(&mut self) -> Result<(), QueryError> {
        let grown = self.out.len() - self.charged;
        self.charged = self.out.len();
        self.budget.spend(grown)
    }
}

impl RowSink for RawSink {
    fn begin(&mut self, columns: &Columns) {
        self.out.extend_from_slice(b"{\"columns\":[");
        for (index, column) in columns.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            write_string(&mut self.out, &column.name);
        }
        self.out.extend_from_slice(b"],\"types\":[");
        for (index, column) in columns.iter().enumerate() {
            match Typed::of(column.type_oid) {
                Ok(typed) => {
                    self.out.extend_from_slice(if index > 0 { b",\"" } else { b"\"" });
                    self.out.extend_from_slice(typed.name().as_bytes());
                    self.out.extend_from_slice(if typed.is_array { b"-array\"" } else { b"\"" });
                    self.columns.push(typed);
                }
                Err(error) => {
                    self.unsupported.get_or_insert(error);
                }
            }
        }
        self.out.extend_from_slice(b"],\"rows\":[");
        // If that is too much already, the first row is.
        let _ = self.charge();
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        if self.unsupported.is_some() {
            return Ok(());
        }
        self.out.extend_from_slice(if self.count > 0 { b",[" } else { b"[" });
        self.count += 1;
        let mut values = row.values();
        for (index, typed) in self.columns.iter().enumerate() {
            if index > 0 {
                self.out.push(b',');
            }
            match values.next().ok_or(QueryError::Closed)?.map(utf8).transpose()? {
                Some(text) => typed.write(&mut self.out, text),
                None => self.out.extend_from_slice(b"null"),
            }
        }
        self.out.push(b']');
        self.charge()
    }

    fn dropped(&mut self) -> QueryError {
        self.budget.overspend()
    }

    fn end(&mut self, _: Option<&str>) {
        self.out.extend_from_slice(b"]}");
    }
}

impl Typed {
    fn write(self, out: &mut Vec<u8>, text: &str) {
        if self.is_array {
            array::write_json(out, text, |out, item| write_scalar(out, self.class, item));
        } else {
            write_scalar(out, self.class, text);
        }
    }
}

/// What clients read of a type's text.
fn write_scalar(out: &mut Vec<u8>, class: Class, text: &str) {
    match class {
        Class::Int => out.extend_from_slice(text.as_bytes()),
        Class::Float | Class::Double => number::write_json(out, Number::Float(text.parse().unwrap_or(f64::NAN))),
        Class::Bool => out.extend_from_slice(if text == "t" { b"true" } else { b"false" }),
        Class::Json => write_compact(out, text, false),
        Class::Bytes => write_base64(out, &bytes(text)),
        Class::Money => quoted(out, |out| number::write_money(out, text)),
        Class::Date => quoted(out, |out| moment::write_iso(out, text, false)),
        Class::DateTime => quoted(out, |out| moment::write_iso(out, text, true)),
        Class::TimeTz => quoted(out, |out| out.extend_from_slice(without_zone(text).as_bytes())),
        // They are to be text, of characters that JSON has as they are.
        Class::Oid | Class::BigInt | Class::Decimal | Class::Time | Class::Uuid => {
            quoted(out, |out| out.extend_from_slice(text.as_bytes()));
        }
        Class::Char | Class::Text => write_string(out, text),
    }
}

fn quoted(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    out.push(b'"');
    write(out);
    out.push(b'"');
}

#[cfg(test)]
mod tests;
