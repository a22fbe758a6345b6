//! An error in words that are fit for a log.

use std::fmt;

use super::class::class;
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

/// The routine of Postgres's that carries out PL/pgSQL's RAISE.
const RAISE: &str = "exec_stmt_raise";

/// What is wrong and with what, by codes and names. Messages are left out whatever their class: of a `regclass` that is
/// none they quote the value, and a function may raise any code with any words.
fn describe(error: &DatabaseError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    write!(f, "Postgres refused the statement with SQLSTATE {}", error.code)?;
    if let Some(class) = class(&error.code) {
        write!(f, " ({class})")?;
    }
    // In quotes and with escapes, so that no name breaks a line of the log.
    let named = |kind: &str, name: &Option<String>| name.as_ref().map(|name| format!("{kind} {name:?}"));
    let table = match (&error.schema, &error.table) {
        (Some(schema), Some(table)) => Some(format!("table {schema:?}.{table:?}")),
        (_, table) => named("table", table),
    };
    // What a function raises it also names as it likes, with values if it likes.
    let own = error.routine.as_deref() != Some(RAISE);
    let about = [
        named("constraint", &error.constraint).filter(|_| own),
        table.filter(|_| own),
        named("column", &error.column).filter(|_| own),
        error.position.map(|position| format!("at character {position}")),
        error.routine.as_ref().map(|routine| format!("in {}", routine.escape_debug())),
    ];
    let about: Vec<String> = about.into_iter().flatten().collect();
    if about.is_empty() { Ok(()) } else { write!(f, ": {}", about.join(", ")) }
}

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        describe(self, f)
    }
}

impl fmt::Debug for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Message, detail, hint and context may quote whole rows.
        let mut shown = f.debug_struct("DatabaseError");
        shown.field("code", &self.code).field("position", &self.position).field("routine", &self.routine);
        if self.routine.as_deref() != Some(RAISE) {
            shown.field("schema", &self.schema).field("table", &self.table);
            shown.field("column", &self.column).field("constraint", &self.constraint);
        }
        shown.finish_non_exhaustive()
    }
}
