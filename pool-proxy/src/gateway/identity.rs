//! Role and claims, set for one transaction only.

use super::call::Mode;
use crate::auth::Principal;
use crate::postgres::pipeline::{Step, in_order};
use crate::postgres::{Column, Param, QueryError, RowSink, Server};

/// Its snapshot also locks the transaction's READ ONLY: before the first one, SET TRANSACTION READ WRITE would work.
const SET_IDENTITY: &str = "SELECT pg_catalog.set_config('role', $1, true), \
    pg_catalog.set_config('request.jwt.claims', $2, true)";

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
