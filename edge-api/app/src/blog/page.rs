//! A page of posts.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Author, Cursor};
use crate::values::Limit;

/// A post as lists show it.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostSummary {
    /// The post's id.
    pub id: Uuid,
    /// Its title.
    pub title: String,
    /// The first 300 characters of its text.
    pub excerpt: String,
    /// Whether anybody but its author may read it.
    pub published: bool,
    /// When it was published; `null` for a draft.
    pub published_at: Option<Timestamp>,
    /// When it was first written.
    pub created_at: Timestamp,
    /// Who wrote it.
    pub author: Author,
}

/// A page of posts, newest first.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PostPage {
    /// The posts.
    pub posts: Vec<PostSummary>,
    /// To be sent as `cursor` for the next page; `null` on the last one.
    pub next_cursor: Option<String>,
}

/// The columns of a [`SummaryRow`], from `posts AS p` and `users AS u`.
macro_rules! summary_columns {
    () => {
        "p.id, p.title, left(p.content, 300) AS excerpt, p.published, p.published_at, p.created_at, \
         u.id AS author_id, u.name AS author_name"
    };
}
pub(crate) use summary_columns;

/// A summary as the database answers it.
#[derive(Deserialize)]
pub(crate) struct SummaryRow {
    id: Uuid,
    title: String,
    excerpt: String,
    published: bool,
    published_at: Option<Timestamp>,
    created_at: Timestamp,
    author_id: Uuid,
    author_name: String,
}

impl PostPage {
    /// A page of at most `limit` posts from up to one more: that one is the sign that there is a next page. `order`
    /// is the time by which they are ordered.
    pub(crate) fn of(mut rows: Vec<SummaryRow>, limit: Limit, order: fn(&PostSummary) -> Option<Timestamp>) -> Self {
        let limit = usize::from(limit.get());
        let more = rows.len() > limit;
        rows.truncate(limit);
        let posts: Vec<PostSummary> = rows.into_iter().map(PostSummary::from).collect();
        let last = posts.last().filter(|_| more);
        let next_cursor = last.and_then(|post| Some(Cursor { time: order(post)?, id: post.id }.encode()));
        Self { posts, next_cursor }
    }
}

impl From<SummaryRow> for PostSummary {
    fn from(row: SummaryRow) -> Self {
        Self {
            id: row.id,
            title: row.title,
            excerpt: row.excerpt,
            published: row.published,
            published_at: row.published_at,
            created_at: row.created_at,
            author: Author { id: row.author_id, name: row.author_name },
        }
    }
}
