//! `DELETE /api/v1/blog/:id`: removes one's own post for good.

use axum::http::StatusCode;

use super::tags;
use crate::Site;
use crate::auth::SignedIn;
use crate::input::PostId;
use crate::problem::Problem;

pub(super) async fn delete(site: Site, SignedIn(author): SignedIn, PostId(id): PostId) -> Result<StatusCode, Problem> {
    let delete = "DELETE FROM posts WHERE id = $1 AND author_id = $2 RETURNING published";
    let deleted = site.db.query_scalar::<bool>(delete).bind(id).bind(author).optional().await?;
    let was_published = deleted.ok_or_else(Problem::not_found)?;
    if was_published {
        tags::forget(&site, &[tags::post(id), tags::LISTS.to_owned()]).await;
    }
    Ok(StatusCode::NO_CONTENT)
}
