//! The question itself: a function with an SQL-standard body, created in the session's temporary schema and rolled back.
//!
//! Such a body (`CREATE FUNCTION ... BEGIN ATOMIC`, Postgres 14) is parsed and resolved when it is created, in this session's
//! search path, and `pg_proc.prosqlbody` then holds the tree. Nothing can be smuggled in: the text was accepted by Prepare as
//! one statement, so it holds no stray END; the CREATE goes by the extended protocol, which takes one statement; a line break
//! ends a trailing comment; and the reader insists on exactly one query.

use futures_util::future::{join, join3};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

/// Not a name anyone else would give a function. A second row of that name means somebody did: not analysable.
const NAME: &str = "pool_proxy_statement_probe";

/// READ WRITE and READ COMMITTED, whatever the session's defaults are: the catalogue is written, and rolled back.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE";

/// Validation would only rewrite the tree that was just built, and fail on what is not our business.
/// In this order: the role comes last, so that its search path and rights hold from the next statement on.
const AS_ROLE: &str = "SELECT pg_catalog.set_config('check_function_bodies', 'off', true), \
     pg_catalog.set_config('role', $1, true)";
const AS_LOGIN: &str = "SELECT pg_catalog.set_config('check_function_bodies', 'off', true)";

/// After the probe the look-ups run as the login role with a search path on which nobody can shadow an operator.
const LEAVE_ROLE: &str = "SET LOCAL ROLE NONE; SET LOCAL search_path TO pg_catalog, pg_temp";

const READ: &str = "SELECT p.prosqlbody::pg_catalog.text FROM pg_catalog.pg_proc p \
     WHERE p.proname = $1::pg_catalog.text AND p.pronamespace = pg_catalog.pg_my_temp_schema()";

/// Why there is no tree, or no use in going on.
#[derive(Debug)]
pub(super) enum Failure {
    /// The connection is gone.
    Lost(Error),
    /// A function body refuses such a statement: it is a utility statement.
    Utility,
    /// Cancelled, timed out, no resources: the same question may be answered another time.
    Interrupted,
    Unanalysable,
}

impl Failure {
    pub(super) fn of(client: &Client, error: Error) -> Self {
        if client.is_closed() || error.is_closed() {
            return Self::Lost(error);
        }
        // Classes 40 (rollback), 53 (resources), 55 (not in state: lock_timeout) and 57 (operator).
        let passing = |code: &SqlState| ["40", "53", "55", "57"].iter().any(|class| code.code().starts_with(class));
        if error.code().is_some_and(passing) { Self::Interrupted } else { Self::Unanalysable }
    }
}

/// A transaction that was begun under the right role and waits for its question.
pub(super) struct Probe<'c> {
    client: &'c Client,
}

impl<'c> Probe<'c> {
    /// Begins. Both answers are awaited before anything else is sent: with a cancel arriving in between, what follows would
    /// otherwise run as the login role and outside the transaction (findings, A2).
    pub(super) async fn begin(client: &'c Client, role: Option<&str>) -> Result<Self, Failure> {
        let (begun, assumed) = match &role {
            Some(role) => {
                let role: [(&(dyn ToSql + Sync), Type); 1] = [(role, Type::TEXT)];
                join(client.batch_execute(BEGIN), client.query_typed(AS_ROLE, &role)).await
            }
            None => join(client.batch_execute(BEGIN), client.query_typed(AS_LOGIN, &[])).await,
        };
        begun.map_err(|error| Failure::of(client, error))?;
        assumed.map_err(|error| Failure::of(client, error))?;
        Ok(Self { client })
    }

    /// The tree of `text`, as Postgres writes it.
    pub(super) async fn tree(&self, text: &str, params: &[Type]) -> Result<String, Failure> {
        let create = create(text, params);
        let name: [(&(dyn ToSql + Sync), Type); 1] = [(&NAME, Type::TEXT)];
        let (created, left, read) = join3(
            self.client.query_typed(&create, &[]),
            self.client.batch_execute(LEAVE_ROLE),
            self.client.query_typed(READ, &name),
        )
        .await;
        created.map_err(|error| self.refused(error))?;
        left.map_err(|error| Failure::of(self.client, error))?;
        let rows = read.map_err(|error| Failure::of(self.client, error))?;
        match rows.as_slice() {
            [row] => cell(row, 0)?.ok_or(Failure::Unanalysable),
            _ => Err(Failure::Unanalysable),
        }
    }

    /// 0A000 is Postgres's "not yet supported in unquoted SQL function body", the word for a utility statement. A syntax error
    /// in what Prepare accepted means the same (SELECT INTO is one).
    fn refused(&self, error: Error) -> Failure {
        match error.code() {
            Some(&SqlState::FEATURE_NOT_SUPPORTED | &SqlState::SYNTAX_ERROR) => Failure::Utility,
            _ => Failure::of(self.client, error),
        }
    }
}

/// Back to idle, whatever happened. A late cancel can hit the ROLLBACK itself; it is asked again then.
pub(super) async fn end(client: &Client) -> Result<(), Error> {
    let mut last = client.batch_execute("ROLLBACK").await;
    for _ in 0..2 {
        match &last {
            Err(error) if !error.is_closed() && !client.is_closed() => {
                last = client.batch_execute("ROLLBACK").await;
            }
            _ => break,
        }
    }
    last
}

fn create(text: &str, params: &[Type]) -> String {
    let types: Vec<String> =
        params.iter().map(|param| format!("{}.{}", quoted(param.schema()), quoted(param.name()))).collect();
    format!(
        "CREATE FUNCTION pg_temp.{NAME}({}) RETURNS pg_catalog.void LANGUAGE sql BEGIN ATOMIC\n{text}\n;\nEND",
        types.join(", ")
    )
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column of text. Every query of this room casts its columns to text, which reads the same in text and in binary format.
pub(super) fn cell(row: &Row, at: usize) -> Result<Option<String>, Failure> {
    row.try_get::<_, Option<String>>(at).map_err(|_| Failure::Unanalysable)
}

#[cfg(test)]
mod tests;
