//! Role and claims, set for one transaction only.

use super::call::Mode;
use crate::auth::Principal;
use crate::pool::Fate;
use crate::postgres::pipeline::{Step, in_order};
use crate::postgres::{Columns, Param, Prepared, QueryError, Row, RowSink, Server};

/// Its snapshot also locks the transaction's READ ONLY: before the first one, SET TRANSACTION READ WRITE would work.
const SET_IDENTITY: &str = "SELECT pg_catalog.set_config('role', $1, true), \
    pg_catalog.set_config('request.jwt.claims', $2, true)";

/// Begins a transaction as a restricted principal, and returns only when Postgres has acknowledged it: a statement must
/// never go out before (a cancel could hit the BEGIN and let the statement run as the login role).
///
/// # Errors
/// What Postgres says; the transaction may be open then.
pub(super) async fn enter(server: &mut Server, principal: &Principal, mode: Mode) -> Result<(), QueryError> {
    let identity = server.prepare(&SET_IDENTITY.into(), true).await?;
    let opens = begin(principal, mode);
    let server = &*server;
    let number = server.executions();
    let params = params(principal);
    let steps: Vec<Step<'_, Result<(), QueryError>>> = vec![
        Box::pin(server.command(&opens)),
        Box::pin(async { server.execute(number, &identity, &params, &mut Nowhere).await.map(drop) }),
    ];
    in_order(steps).await.into_iter().collect()
}

/// A statement of the login role's own at the beginning of a transaction.
pub(super) struct Claim {
    pub(super) statement: Prepared,
    pub(super) params: Vec<Param>,
}

/// The same, with a statement of the login role's between the two. `Err` within is what came of that one.
///
/// # Errors
/// What Postgres says of the rest; the transaction may be open then.
pub(super) async fn enter_with(
    server: &mut Server,
    fate: &Fate,
    (principal, mode): (&Principal, Mode),
    claim: &Claim,
) -> Result<Result<(), QueryError>, QueryError> {
    let identity = server.prepare(&SET_IDENTITY.into(), true).await?;
    let opens = begin(principal, mode);
    let server = &*server;
    let number = server.executions();
    let params = params(principal);
    // A cancel that hits the BEGIN would let what comes behind it stay.
    fate.set_cancellable(false);
    let steps: Vec<Step<'_, Result<(), QueryError>>> = vec![
        Box::pin(async {
            let begun = server.command(&opens).await;
            fate.set_cancellable(true);
            begun
        }),
        Box::pin(async { server.execute(number, &claim.statement, &claim.params, &mut Nowhere).await.map(drop) }),
        Box::pin(async { server.execute(number + 1, &identity, &params, &mut Nowhere).await.map(drop) }),
    ];
    let mut ended = in_order(steps).await.into_iter();
    ended.next().unwrap_or(Ok(()))?;
    if let Some(Err(error)) = ended.next() {
        return Ok(Err(error));
    }
    ended.next().unwrap_or(Ok(())).map(Ok)
}

fn begin(principal: &Principal, mode: Mode) -> String {
    Mode { read_only: mode.read_only || principal.read_only, ..mode }.begin()
}

fn params(principal: &Principal) -> [Param; 2] {
    let role = principal.role.as_deref().unwrap_or("none");
    let claims = principal.claims.as_deref().unwrap_or("");
    [Param::Text(role.to_owned()), Param::Text(claims.to_owned())]
}

/// For results nobody reads.
pub(super) struct Nowhere;

impl RowSink for Nowhere {
    fn is_own(&self) -> bool {
        true
    }

    fn begin(&mut self, _: &Columns) {}

    fn row(&mut self, _: Row<'_>) -> Result<(), QueryError> {
        Ok(())
    }

    fn dropped(&mut self) -> QueryError {
        QueryError::Closed
    }

    fn end(&mut self, _: Option<&str>) {}
}
