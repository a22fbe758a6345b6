//! `DELETE /api/v1/blog/:id`: removes one's own post for good.

use axum::http::{HeaderMap, StatusCode};

use super::{precondition, tags};
use crate::Site;
use crate::auth::SignedIn;
use crate::input::PostId;
use crate::problem::Problem;

/// Whether it was deleted, and whether there was a post to delete, be it another's.
const DELETE: &str = "WITH gone AS (DELETE FROM posts WHERE id = $1 AND author_id = $2 \
    AND ($3::timestamptz IS NULL OR updated_at = $3) RETURNING id) \
    SELECT EXISTS (SELECT FROM gone), EXISTS (SELECT FROM posts WHERE id = $1)";

pub(super) async fn delete(
    site: Site,
    SignedIn(author): SignedIn,
    PostId(id): PostId,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let changed = [tags::post(id), tags::LISTS.to_owned()];
    let seen = precondition::seen(&site, author, id, &headers, &changed).await?;
    let delete = site.writing().query_as::<(bool, bool)>(DELETE).bind(id).bind(author);
    let deleted = delete.bind(seen.map(|time| time.to_string())).one().await;
    let (deleted, was_there) = tags::settled(&site, deleted, &changed).await?;
    // A draft's, too: it may have been published until just now. And those of a post that is gone already: the request may
    // repeat one whose invalidation failed.
    if deleted || !was_there {
        tags::forget(&site, &changed).await;
    }
    if deleted { Ok(StatusCode::NO_CONTENT) } else { Err(precondition::missing(&site, seen, &changed).await) }
}
