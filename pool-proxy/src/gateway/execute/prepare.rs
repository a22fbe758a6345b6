//! A statement, prepared by the rules of what runs before it.

use std::sync::Arc;

use tokio::time::Instant;

use crate::postgres::settings::has_literal;
use crate::postgres::{Prepared, QueryError, Server};
use crate::statement;
use crate::telemetry::trace::Comment;

/// Takes the prepared statement, or prepares it: for this once, if it is read anew each time or has a literal such as
/// 'now'. With a comment it is another text each time, and is prepared for this once, too.
pub(super) async fn prepare(
    server: &mut Server,
    text: &Arc<str>,
    changed: bool,
    comment: Option<&Comment>,
    now: Instant,
) -> Result<Prepared, QueryError> {
    if let Some(comment) = comment {
        let commented = server.prepare(&comment.behind(text).into(), false).await;
        return commented.map_err(|error| error.within(text));
    }
    let anew = is_read_anew(text, changed);
    if anew {
        server.forget(text);
    }
    if let Some(statement) = server.prepared_by(text, now) {
        return Ok(statement);
    }
    server.prepare(text, !anew && !changed && !statement::has_frozen_literal(text)).await
}

/// Whether a statement must be prepared in its turn. A literal is read when a statement is prepared, in the session's
/// settings of that moment, and `changed` says that the request may have changed them. A FETCH has the columns of its
/// cursor.
pub(super) fn is_read_anew(text: &str, changed: bool) -> bool {
    (changed && has_literal(text)) || statement::is_shaped_by_session(text)
}
