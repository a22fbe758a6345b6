//! `If-Match`: a change of exactly the post that its author has read, and of no later one.

use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use jiff::Timestamp;
use uuid::Uuid;

use super::read::OWN;
use super::{Post, PostRow};
use crate::problem::{Code, Problem};
use crate::{Site, conditional};

/// When the post was last changed, if the request wants to change that one alone. The statement that changes it looks
/// at this time again, so that nothing slips in between.
pub(super) async fn seen(site: &Site, author: Uuid, id: Uuid, asked: &HeaderMap) -> Result<Option<Timestamp>, Problem> {
    if !asked.contains_key(IF_MATCH) {
        return Ok(None);
    }
    let own = site.writing().query_as::<PostRow>(OWN).read_only().bind(id).bind(author).optional().await?;
    let post = Post::from(own.ok_or_else(Problem::not_found)?);
    if conditional::is_expected(&post, asked)? { Ok(Some(post.updated_at)) } else { Err(failed()) }
}

/// Why a statement found no post to change.
pub(super) fn missing(seen: Option<Timestamp>) -> Problem {
    if seen.is_some() { failed() } else { Problem::not_found() }
}

fn failed() -> Problem {
    Problem::new(Code::PreconditionFailed, "the post has changed since you read it: read it again")
}
