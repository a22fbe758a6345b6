//! Role and claims, set for one transaction only.

use super::call::Isolation;
use crate::auth::Principal;
use crate::postgres::pipeline::{Step, in_order};
use crate::postgres::{Column, Param, QueryError, RowSink, Server};

/// Its snapshot also locks the transaction's READ ONLY: before the first one, SET TRANSACTION READ WRITE would work.
const SET_IDENTITY: &str = "SELECT pg_catalog.set_config('role', $1, true), \
    pg_catalog.set_config('request.jwt.claims', $2, true)";

/// How a transaction begins.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mode {
    pub(super) isolation: Option<Isolation>,
    pub(super) read_only: bool,
    pub(super) deferrable: bool,
}

impl Mode {
    pub(super) fn begin(self) -> String {
        let mut sql = "BEGIN".to_owned();
        if let Some(isolation) = self.isolation {
            sql.push_str(" ISOLATION LEVEL ");
            sql.push_str(isolation.as_sql());
        }
        if self.read_only {
            sql.push_str(" READ ONLY");
        }
        if self.deferrable {
            sql.push_str(" DEFERRABLE");
        }
        sql
    }
}

/// Begins a transaction as a restricted principal, and returns only when Postgres has acknowledged it: a statement must
/// never go out before (a cancel could hit the BEGIN and let the statement run as the login role).
///
/// # Errors
/// What Postgres says; the transaction may be open then.
pub(super) async fn enter(server: &mut Server, principal: &Principal, mode: Mode) -> Result<(), QueryError> {
    let statement = server.prepare(&SET_IDENTITY.into(), true).await?;
    let role = principal.role.as_deref().unwrap_or("none");
    let claims = principal.claims.as_deref().unwrap_or("");
    let params = [Param::Text(role.to_owned()), Param::Text(claims.to_owned())];
    let begin = Mode { read_only: mode.read_only || principal.read_only, ..mode }.begin();
    let server = &*server;
    let number = server.executions();
    let steps: Vec<Step<'_, Result<(), QueryError>>> = vec![
        Box::pin(server.command(&begin)),
        Box::pin(async { server.execute(number, &statement, &params, &mut Nowhere).await.map(drop) }),
    ];
    in_order(steps).await.into_iter().collect()
}

/// For results nobody reads.
struct Nowhere;

impl RowSink for Nowhere {
    fn begin(&mut self, _: &[Column<'_>]) {}

    fn row(&mut self, _: &tokio_postgres::Row) -> Result<(), QueryError> {
        Ok(())
    }

    fn dropped(&mut self) -> QueryError {
        QueryError::Closed
    }

    fn end(&mut self, _: Option<&str>) {}
}
