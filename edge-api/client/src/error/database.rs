//! The JSON of a refusal: Postgres's fields, or the proxy's own words.

use serde::Deserialize;

use super::Kind;

/// What Postgres said, field by field (<https://www.postgresql.org/docs/current/protocol-error-fields.html>).
///
/// `Debug` and `Display` show codes, names and the position: what may quote values is in its fields alone.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DatabaseError {
    /// `ERROR`, `FATAL` or `PANIC`, in the server's language.
    pub severity: String,
    /// The five-character SQLSTATE.
    pub code: String,
    /// The primary message; it may quote values.
    pub message: String,
    /// More about the problem; it may quote values.
    pub detail: Option<String>,
    /// What to do about it; it may quote values.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<u32>,
    /// The call stack of functions; it may quote values.
    pub context: Option<String>,
    /// The schema the error is about.
    pub schema: Option<String>,
    /// The table the error is about.
    pub table: Option<String>,
    /// The column the error is about.
    pub column: Option<String>,
    /// The data type the error is about.
    pub data_type: Option<String>,
    /// The constraint the error is about.
    pub constraint: Option<String>,
    /// The routine in Postgres's source, such as `exec_stmt_raise` of what a function raised.
    pub routine: Option<String>,
    /// The status of the proxy's answer.
    pub(super) status: u16,
}

impl std::error::Error for DatabaseError {}

impl DatabaseError {
    pub(super) fn is_serialization_failure(&self) -> bool {
        self.code == "40001"
    }

    pub(super) fn is_deadlock(&self) -> bool {
        self.code == "40P01"
    }
}

/// What a body tells of a failure.
pub(super) struct Told {
    pub(super) kind: Kind,
    pub(super) query_index: Option<usize>,
    pub(super) outcome_unknown: bool,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    message: String,
    /// Only the proxy writes it; by it its answers are known from a gateway's.
    #[serde(rename = "requestId")]
    _request_id: String,
    code: Option<String>,
    severity: Option<String>,
    detail: Option<String>,
    hint: Option<String>,
    position: Option<String>,
    #[serde(rename = "where")]
    context: Option<String>,
    schema: Option<String>,
    table: Option<String>,
    column: Option<String>,
    data_type: Option<String>,
    constraint: Option<String>,
    routine: Option<String>,
    query_index: Option<usize>,
    outcome: Option<String>,
    committed: Option<bool>,
}

/// Reads the proxy's JSON; nothing if it is not the proxy's.
pub(super) fn read(status: u16, body: &[u8]) -> Option<Told> {
    let body: Body = serde_json::from_slice(body).ok()?;
    // After a defect of the proxy's nobody knows how far it came.
    let outcome_unknown = body.outcome.as_deref() == Some("unknown") || status == 500;
    let kind = match body.code {
        Some(code) => Kind::Database(Box::new(DatabaseError {
            severity: body.severity.unwrap_or_default(),
            code,
            message: body.message,
            detail: body.detail,
            hint: body.hint,
            position: body.position.and_then(|digits| digits.parse().ok()),
            context: body.context,
            schema: body.schema,
            table: body.table,
            column: body.column,
            data_type: body.data_type,
            constraint: body.constraint,
            routine: body.routine,
            status,
        })),
        None => Kind::Refused { status, message: body.message, committed: body.committed },
    };
    Some(Told { kind, query_index: body.query_index, outcome_unknown })
}
