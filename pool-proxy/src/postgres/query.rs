//! A statement's parameters going in as text, and its rows coming out as the text Postgres printed.

use bytes::BytesMut;
use tokio_postgres::types::{Format, IsNull, Kind, ToSql, Type, to_sql_checked};

use super::prepared::{Columns, Prepared};
use super::rows::Row;
use crate::error::DatabaseError;

/// A parameter, as text: Postgres parses it by the type the statement gives it. `Debug` shows no value.
pub enum Param {
    /// SQL NULL.
    Null,
    /// The text of any other value.
    Text(String),
    /// A JSON array: an array literal, or the JSON itself where the statement wants json or jsonb.
    Array {
        /// As an array literal.
        literal: String,
        /// As it came.
        json: String,
    },
    /// Bytes: as a bytea's text where the statement wants one, themselves the text where it wants another type.
    Bytes(Box<[u8]>),
}

impl std::fmt::Debug for Param {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if matches!(self, Self::Null) { "NULL" } else { "[redacted]" })
    }
}

impl ToSql for Param {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Self::Null => return Ok(IsNull::Yes),
            Self::Text(text) => out.extend_from_slice(text.as_bytes()),
            Self::Array { json, .. } if is_json(ty) => {
                out.extend_from_slice(json.as_bytes());
            }
            Self::Array { literal, .. } => out.extend_from_slice(literal.as_bytes()),
            Self::Bytes(bytes) if is_bytea(ty) => write_bytea(out, bytes),
            Self::Bytes(bytes) => out.extend_from_slice(bytes),
        }
        Ok(IsNull::No)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn encode_format(&self, _: &Type) -> Format {
        Format::Text
    }

    to_sql_checked!();
}

/// json, jsonb, or a domain over them.
fn is_json(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Domain(base) => is_json(base),
        _ => *ty == Type::JSON || *ty == Type::JSONB,
    }
}

/// bytea, or a domain over it.
fn is_bytea(ty: &Type) -> bool {
    match ty.kind() {
        Kind::Domain(base) => is_bytea(base),
        _ => *ty == Type::BYTEA,
    }
}

/// The hex format (<https://www.postgresql.org/docs/current/datatype-binary.html>).
fn write_bytea(out: &mut BytesMut, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 + 2 * bytes.len());
    out.extend_from_slice(b"\\x");
    for byte in bytes {
        let digit = |half: u8| DIGITS[usize::from(half & 15)];
        out.extend_from_slice(&[digit(byte >> 4), digit(*byte)]);
    }
}

/// Postgres would wait for what is missing.
pub(super) fn check_count(statement: &Prepared, params: &[Param]) -> Result<(), QueryError> {
    let wanted = statement.params().len();
    if params.len() == wanted {
        return Ok(());
    }
    Err(QueryError::Database(Box::new(DatabaseError::parameter_count(params.len(), wanted))))
}

/// What a result is written into, row by row as it comes in.
pub trait RowSink: Send {
    /// The columns, before the first row; none for a statement that returns nothing.
    fn begin(&mut self, columns: &Columns);

    /// One row.
    ///
    /// # Errors
    /// When the answer grows over its limit or a value is not UTF-8.
    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError>;

    /// A row was over the limit by itself.
    fn dropped(&mut self) -> QueryError;

    /// Whether the proxy has asked for itself: no limit of answers holds for what comes.
    fn is_own(&self) -> bool {
        false
    }

    /// The command tag, such as `SELECT 3`, after the last row.
    fn end(&mut self, tag: Option<&str>);
}

impl<S: RowSink + ?Sized> RowSink for Box<S> {
    fn is_own(&self) -> bool {
        (**self).is_own()
    }

    fn begin(&mut self, columns: &Columns) {
        (**self).begin(columns);
    }

    fn row(&mut self, row: Row<'_>) -> Result<(), QueryError> {
        (**self).row(row)
    }

    fn dropped(&mut self) -> QueryError {
        (**self).dropped()
    }

    fn end(&mut self, tag: Option<&str>) {
        (**self).end(tag);
    }
}

/// Why a statement has no result.
#[derive(Debug, Clone, thiserror::Error)]
pub enum QueryError {
    /// Postgres refused it.
    #[error("{}", .0.message)]
    Database(Box<DatabaseError>),
    /// The connection is gone.
    #[error("the connection to the database was lost")]
    Closed,
    /// The result is over the limit.
    #[error("the result is over the limit of {limit} bytes")]
    Full {
        /// In bytes.
        limit: u64,
        /// Whether the statement came to its end all the same.
        completed: bool,
    },
    /// The request cannot be sent as asked.
    #[error("{0}")]
    Invalid(String),
}

impl QueryError {
    /// The same, if it came after a sink has refused what came before.
    #[must_use]
    pub(super) fn after(self, refused: Option<Self>) -> Self {
        match (self, refused) {
            // It was cancelled because of the refusal; a lost connection would leave that open.
            (Self::Database(said), Some(refused)) if !said.is_shutdown() => refused,
            (error, _) => error,
        }
    }

    /// The session was told to speak another encoding.
    pub(super) fn foreign_encoding() -> Self {
        Self::Invalid("the result is not UTF-8: the statement has run, but leave client_encoding as it is".to_owned())
    }

    /// The same error of a text behind which something was sent that is none of the client's: what is wrong with its end is at
    /// its own end.
    #[must_use]
    pub fn within(mut self, text: &str) -> Self {
        if let Self::Database(error) = &mut self {
            let end = u32::try_from(text.chars().count()).unwrap_or(u32::MAX).saturating_add(1);
            error.position = error.position.map(|position| position.min(end));
        }
        self
    }
}

#[cfg(test)]
mod tests;
