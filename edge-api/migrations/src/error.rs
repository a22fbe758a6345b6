//! Why migrations were not applied. No message repeats the URL, a password or a row.

use pool_proxy::postgres::target::TargetError;
use pool_proxy::postgres::{ConnectError, QueryError};

/// Why migrations were not applied, or their status cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// The URL cannot be used.
    #[error(transparent)]
    Url(#[from] TargetError),
    /// The URL points at a transaction pooler, by this sign.
    #[error(
        "this URL points at a transaction pooler ({0}), which gives every transaction another session: take the \
         direct URL, on most platforms the one with port 5432"
    )]
    Pooler(&'static str),
    /// A file whose name gives it no place among the others.
    #[error("\"{0}\" is no name of a migration; expected V, a number, two underscores, a name and .sql")]
    FileName(String),
    /// Two files have the same number.
    #[error("the number of {0} is taken by another file")]
    Repeated(String),
    /// No connection could be opened.
    #[error("the database cannot be reached: {0}")]
    Connect(#[from] ConnectError),
    /// Others were migrating all the time.
    #[error("another migration has been running for {0} s and more: try again when it has ended")]
    Busy(u64),
    /// What happens between the files was refused, such as reading the history.
    #[error("{doing}: {}", said(error))]
    Database {
        /// What was being done.
        doing: &'static str,
        /// What Postgres said.
        error: QueryError,
    },
    /// A file was refused. The files before it are applied; nothing of it has happened, unless the connection was lost
    /// just when it was to take effect.
    #[error("{file}{}: {}; {}", place(*line), said(error), outcome(error))]
    File {
        /// The file.
        file: String,
        /// Where in it, from 1, where Postgres says so.
        line: Option<usize>,
        /// What Postgres said.
        error: QueryError,
    },
    /// A file ends the transaction it runs in, so that its failure could not be undone.
    #[error("{0} ends its transaction: a migration holds no BEGIN, COMMIT or ROLLBACK of its own")]
    Transaction(String),
    /// A file is another one than when it was applied.
    #[error(
        "{0} has changed since it was applied: put back what was applied, and write what is to change into a new file"
    )]
    Changed(String),
    /// The database has had a migration that is not among the files.
    #[error("{0} was applied to this database and is not among the files: this program is older than the database")]
    Unknown(String),
    /// A file comes before one that is applied.
    #[error("{0} comes before a migration that is already applied: give it the next number")]
    Late(String),
    /// The table of what was applied does not hold what this program writes there.
    #[error("the table {table} cannot be understood", table = crate::history::TABLE)]
    History,
}

impl MigrationError {
    /// Asked in a wrong way: no database was looked at.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Url(_) | Self::Pooler(_) | Self::FileName(_) | Self::Repeated(_))
    }

    /// The SQLSTATE, where Postgres spoke.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Connect(error) => error.code.as_deref(),
            Self::Database { error: QueryError::Database(error), .. }
            | Self::File { error: QueryError::Database(error), .. } => Some(&error.code),
            _ => None,
        }
    }
}

/// Postgres's message and SQLSTATE. Its detail stays out: it quotes rows.
fn said(error: &QueryError) -> String {
    let QueryError::Database(error) = error else { return error.to_string() };
    let advice = match error.code.as_str() {
        "42501" => "; migrate with the role that owns the tables, or one that may create them",
        "55P03" => "; somebody uses the table: try again, at a quieter time",
        "25006" => "; the server is a standby, or the role may only read",
        "3F000" => "; create the schema that the URL names, or name another",
        _ => "",
    };
    format!("{} (SQLSTATE {}){advice}", error.message, error.code)
}

fn outcome(error: &QueryError) -> &'static str {
    match error {
        QueryError::Database(_) => "nothing of it was applied",
        _ => "run it again: what was applied will be known then",
    }
}

fn place(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(", line {line}"))
}
