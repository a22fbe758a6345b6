//! An error in words that are fit for a log.

use std::fmt;

use super::{DatabaseError, Error, Kind};

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::Database(error) => describe(error, f)?,
            kind => write!(f, "{kind}")?,
        }
        if let Some(index) = self.query_index() {
            write!(f, ", in statement {index} of the batch")?;
        }
        if self.outcome_unknown() {
            f.write_str("; whether it took effect is unknown")?;
        }
        if let Some(id) = self.request_id() {
            write!(f, " (request {id})")?;
        }
        Ok(())
    }
}

fn describe(error: &DatabaseError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "Postgres refused the statement with SQLSTATE {}", error.code)?;
    if quotes_no_values(&error.code) {
        write!(f, ": {}", error.message)?;
    }
    Ok(())
}

/// Whether messages of this class speak of names and states alone. Others, such as those of invalid input (22) or of
/// functions' own errors (P0), may quote values.
fn quotes_no_values(code: &str) -> bool {
    ["08", "0A", "23", "25", "28", "40", "42", "53", "54", "55", "57", "58"].iter().any(|class| code.starts_with(class))
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self, f)
    }
}

impl fmt::Debug for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Detail, hint and context may quote whole rows.
        f.debug_struct("DatabaseError")
            .field("code", &self.code)
            .field("schema", &self.schema)
            .field("table", &self.table)
            .field("column", &self.column)
            .field("constraint", &self.constraint)
            .finish_non_exhaustive()
    }
}
