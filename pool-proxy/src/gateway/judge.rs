//! Judging a statement: asked of Postgres once, and remembered for a while.

use super::verdicts::Judged;
use std::sync::Arc;

use super::call::Mode;
use super::database::Database;
use super::identity;
use super::outcome::not_sent;
use crate::auth::Principal;
use crate::error::Failure;
use crate::pool::Lease;
use crate::statement;

/// What a statement is. Without a `must` it is asked only at the second sight of the text: a text seen once may never
/// come again, and resetting the connection costs less than asking.
pub(super) async fn judge(
    database: &Database,
    lease: &mut Lease,
    principal: &Principal,
    text: &Arc<str>,
    must: bool,
) -> Result<Option<Arc<Judged>>, Failure> {
    let key = (database.definitions(), Arc::clone(text), principal.role.clone());
    match database.verdicts.known.get(&key) {
        Some(Some(verdict)) => return Ok(Some(verdict)),
        None if !must => {
            database.verdicts.known.insert(key, None);
            return Ok(None);
        }
        Some(None) | None => {}
    }
    let server = lease.server().ok_or(Failure::Internal)?;
    // The limit of answers is not one of what the proxy asks for itself.
    server.limit_rows(0);
    let keep = !statement::has_frozen_literal(text);
    let prepared = if principal.is_restricted() {
        // The names are to be resolved with the rights of the role.
        let mode = Mode { read_only: true, ..Mode::default() };
        let entered = identity::enter(server, principal, mode).await;
        let prepared = match entered {
            Ok(()) => server.prepare(text, keep).await.map_err(not_sent),
            Err(error) => Err(identity_refused(principal, error)),
        };
        server.command("ROLLBACK").await.map_err(not_sent)?;
        prepared?
    } else {
        server.prepare(text, keep).await.map_err(not_sent)?
    };
    database.metrics.analysis();
    let role = principal.role.as_deref();
    // Boxed: it is rare, and every other call would carry its size.
    let verdict = Box::pin(statement::analyse(server.client(), text, prepared.params(), role, &database.safe))
        .await
        .map_err(|error| not_sent(error.into()))?;
    let verdict = Arc::new(Judged::new(verdict));
    if !verdict.is_lasting() {
        // Cut short, as by a cancel: what comes next would be, too.
        return Err(Failure::unavailable("the statement could not be analysed just now; nothing was run"));
    }
    database.statements.judged(text, &verdict);
    // A session that has another search path than those to come says nothing of them.
    if !lease.is_outdated() {
        database.verdicts.known.insert(key, Some(Arc::clone(&verdict)));
    }
    Ok(Some(verdict))
}

/// A role that cannot be assumed is the operator's fault, not the client's.
pub(super) fn identity_refused(principal: &Principal, error: crate::postgres::QueryError) -> Failure {
    if let crate::postgres::QueryError::Database(said) = &error
        && !said.is_shutdown()
        && !said.is_cancelled()
    {
        tracing::error!(key = %principal.name, code = %said.code, "the role of a key cannot be assumed: {}", said.message);
        return Failure::unavailable("the role of this key cannot be assumed; `pool-proxy check` says why");
    }
    not_sent(error)
}
