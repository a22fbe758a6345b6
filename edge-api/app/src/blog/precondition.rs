//! `If-Match`: a change of exactly the post that its author has read, and of no later one.

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use jiff::Timestamp;
use uuid::Uuid;

use super::read::OWN;
use super::{Post, PostRow, tags};
use crate::problem::{Code, Problem};
use crate::{Site, conditional};

/// When the post was last changed, if the request wants to change that one alone. The statement that changes it looks
/// at this time again, so that nothing slips in between.
///
/// A request that comes too late may repeat one that was made and whose invalidation failed: what it would have changed
/// is forgotten all the same.
pub(super) async fn seen(
    site: &Site,
    author: Uuid,
    id: Uuid,
    asked: &HeaderMap,
    changed: &[String],
) -> Result<Option<Timestamp>, Problem> {
    if !asked.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let own = site.writing().query_as::<PostRow>(OWN).read_only().bind(id).bind(author).optional().await?;
    let problem = match own.map(Post::from) {
        Some(post) if conditional::is_expected(&post, asked)? => return Ok(Some(post.updated_at)),
        Some(_) => failed(),
        None => Problem::not_found(),
    };
    tags::forget(site, changed).await;
    Err(problem)
}

/// Why a statement found no post to change.
pub(super) async fn missing(site: &Site, seen: Option<Timestamp>, changed: &[String]) -> Problem {
    if seen.is_none() {
        return Problem::not_found();
    }
    tags::forget(site, changed).await;
    failed()
}

fn failed() -> Problem {
    Problem::new(Code::PreconditionFailed, "the post has changed since you read it: read it again")
}
