//! Posts: writing and reading them. What anybody may read is cached at the proxy under tags; a write makes the proxy
//! forget the tags of what it changed, before it is answered.

pub(crate) mod bulk;
mod create;
mod cursor;
mod delete;
mod page;
mod precondition;
mod read;
mod tags;
mod update;

use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub use bulk::BulkQuery;
pub(crate) use bulk::Page;
pub use create::CreatePost;
pub(crate) use cursor::Cursor;
pub use page::{PostPage, PostSummary};
pub(crate) use page::{SummaryRow, summary_columns};
pub use update::UpdatePost;

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/", post(create::create))
        .route("/bulk", get(bulk::bulk))
        .route("/{id}", get(read::read).put(update::update).delete(delete::delete))
}

/// Who wrote a post.
#[derive(Clone, Debug, JsonSchema, Serialize)]
pub struct Author {
    /// The user's id.
    pub id: Uuid,
    /// What the user is called.
    pub name: String,
}

/// A whole post.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Post {
    /// The post's id.
    pub id: Uuid,
    /// Its title.
    pub title: String,
    /// Its text.
    pub content: String,
    /// Whether anybody but its author may read it.
    pub published: bool,
    /// When it was published; `null` for a draft.
    pub published_at: Option<Timestamp>,
    /// When it was first written.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who wrote it.
    pub author: Author,
}

/// The columns of a [`PostRow`], from `posts AS p` and `users AS u`.
macro_rules! post_columns {
    () => {
        "p.id, p.title, p.content, p.published, p.published_at, p.created_at, p.updated_at, \
         u.id AS author_id, u.name AS author_name"
    };
}
use post_columns;

/// A post as the database answers it.
#[derive(Deserialize)]
struct PostRow {
    id: Uuid,
    title: String,
    content: String,
    published: bool,
    published_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    author_id: Uuid,
    author_name: String,
}

impl From<PostRow> for Post {
    fn from(row: PostRow) -> Self {
        Self {
            id: row.id,
            title: row.title,
            content: row.content,
            published: row.published,
            published_at: row.published_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            author: Author { id: row.author_id, name: row.author_name },
        }
    }
}
