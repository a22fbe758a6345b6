//! Rows of Postgres's own text, read into Rust types by the types of their columns.
//!
//! The proxy is asked for every value exactly as Postgres prints it, so that no digit is lost on the way. What a cell
//! becomes is decided by its column's type and by what the Rust type asks for. Errors name the column, its type and
//! what was expected, never the value.

mod array;
mod bytes;
mod cell;
mod misfit;
mod row;
mod time;
mod types;

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::DeserializeOwned;

pub(crate) use misfit::Misfit;
use row::Row;

/// A column of a result.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct Column<'a> {
    #[serde(borrow)]
    pub(crate) name: Cow<'a, str>,
    /// The type's OID; a domain's is its base type's.
    #[serde(rename = "dataTypeID")]
    pub(crate) oid: u32,
    /// Another column of this name comes later, and a struct has room for one.
    #[serde(skip)]
    pub(crate) hidden: bool,
}

/// Finds the columns behind which another of their name comes.
pub(crate) fn hide(columns: &mut [Column<'_>]) {
    let mut rest = columns;
    while let Some((column, later)) = rest.split_first_mut() {
        column.hidden = later.iter().any(|other| other.name == column.name);
        rest = later;
    }
}

/// What one row is to become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// A struct by column names, a tuple by positions, or else the value of the only column.
    Row,
    /// The value of its only column.
    Scalar,
}

/// Reads a row; it has as many cells as there are columns.
pub(crate) fn decode_row<T: DeserializeOwned>(
    columns: &[Column<'_>],
    cells: &[Option<&str>],
    shape: Shape,
) -> Result<T, Misfit> {
    let row = Row::new(columns, cells);
    match shape {
        Shape::Row => T::deserialize(row),
        Shape::Scalar => row.scalar(T::deserialize),
    }
}

#[cfg(test)]
mod tests;
