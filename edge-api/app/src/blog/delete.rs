//! `DELETE /api/v1/blog/:id`: removes one's own post for good.

use axum::http::{HeaderMap, StatusCode};
use uuid::Uuid;

use super::{precondition, tags};
use crate::Site;
use crate::auth::SignedIn;
use crate::input::PostId;
use crate::problem::Problem;

const DELETE: &str = "DELETE FROM posts WHERE id = $1 AND author_id = $2 \
    AND ($3::timestamptz IS NULL OR updated_at = $3) RETURNING id";

pub(super) async fn delete(
    site: Site,
    SignedIn(author): SignedIn,
    PostId(id): PostId,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let seen = precondition::seen(&site, author, id, &headers).await?;
    let delete = site.writing().query_scalar::<Uuid>(DELETE).bind(id).bind(author);
    let deleted = delete.bind(seen.map(|time| time.to_string())).optional().await;
    let changed = [tags::post(id), tags::LISTS.to_owned()];
    let deleted = tags::settled(&site, deleted, &changed).await?;
    deleted.ok_or_else(|| precondition::missing(seen))?;
    // A draft's, too: it may have been published until just now, and that may not have been forgotten yet.
    tags::forget(&site, &changed).await;
    Ok(StatusCode::NO_CONTENT)
}
