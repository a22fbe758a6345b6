//! `GET /api/v1/blog/:id`: one post with its author. Published ones are anybody's and cached, drafts their author's.

use axum::body::Body;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode};

use super::{Post, PostRow, post_columns, tags};
use crate::Site;
use crate::auth::MaybeSignedIn;
use crate::conditional;
use crate::input::PostId;
use crate::problem::Problem;

const PUBLISHED: &str = concat!(
    "SELECT ",
    post_columns!(),
    " FROM posts AS p JOIN users AS u ON u.id = p.author_id WHERE p.id = $1 AND p.published"
);
pub(super) const OWN: &str = concat!(
    "SELECT ",
    post_columns!(),
    " FROM posts AS p JOIN users AS u ON u.id = p.author_id WHERE p.id = $1 AND p.author_id = $2"
);

pub(super) async fn read(
    site: Site,
    MaybeSignedIn(reader): MaybeSignedIn,
    PostId(id): PostId,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let query =
        site.db().query_as::<PostRow>(PUBLISHED).read_only().bind(id).cache(tags::cache(&site, [tags::post(id)]));
    let mut found = query.fetch().await?;
    if let Some(row) = found.rows.pop() {
        return conditional::public(&Post::from(row), &headers, found.cache_status.as_deref());
    }
    // It may be a draft of the reader's. Readers of what is published, signed in or not, never come here.
    let reader = reader.ok_or_else(Problem::not_found)??.0;
    let own = site.db().query_as::<PostRow>(OWN).read_only().bind(id).bind(reader).optional().await?;
    let mut answer = conditional::tagged(StatusCode::OK, &Post::from(own.ok_or_else(Problem::not_found)?))?;
    answer.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    Ok(answer)
}
