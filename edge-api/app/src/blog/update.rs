//! `PUT /api/v1/blog/:id`: changes those fields of one's own post that are sent, and leaves the others.

use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Post, PostRow, post_columns, precondition, tags};
use crate::auth::SignedIn;
use crate::input::{Fields, Input, JsonBody, PostId, Wrong};
use crate::problem::Problem;
use crate::values::{Content, Title};
use crate::{Site, conditional};

/// The body of `PUT /api/v1/blog/:id`: at least one field.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields, extend("minProperties" = 1))]
pub struct UpdatePost {
    /// A new title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<Title>,
    /// A new text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// Publishes it, or makes it a draft again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
}

impl Input for UpdatePost {
    fn read(fields: &mut Fields) -> Result<Self, Wrong> {
        let (title, content, published) =
            (fields.optional("title"), fields.optional("content"), fields.optional("published"));
        let input = Self { title: title?, content: content?, published: published? };
        if input.title.is_none() && input.content.is_none() && input.published.is_none() {
            return Err(fields.blame("title", "or `content` or `published` is required: there is nothing to change"));
        }
        Ok(input)
    }
}

/// The post as it is now, and whether it was in the lists before.
#[derive(Deserialize)]
struct Updated {
    #[serde(flatten)]
    post: PostRow,
    was_published: bool,
}

/// The row is locked before it is read, so that of two edits at once each sees what the other has left.
const UPDATE: &str = concat!(
    "WITH old AS (SELECT id, published FROM posts WHERE id = $1 AND author_id = $2",
    " AND ($6::timestamptz IS NULL OR updated_at = $6) FOR UPDATE),",
    " p AS (UPDATE posts SET title = coalesce($3, posts.title), content = coalesce($4, posts.content),",
    " published = coalesce($5, posts.published), updated_at = now(),",
    " published_at = CASE WHEN coalesce($5, posts.published) THEN coalesce(posts.published_at, now()) END",
    " FROM old WHERE posts.id = old.id RETURNING posts.*, old.published AS was_published) SELECT ",
    post_columns!(),
    ", p.was_published FROM p JOIN users AS u ON u.id = p.author_id"
);

pub(super) async fn update(
    site: Site,
    SignedIn(author): SignedIn,
    PostId(id): PostId,
    headers: HeaderMap,
    JsonBody(input): JsonBody<UpdatePost>,
) -> Result<Response<Body>, Problem> {
    let changed = [tags::post(id), tags::LISTS.to_owned()];
    let seen = precondition::seen(&site, author, id, &headers, &changed).await?;
    let update = site.writing().query_as::<Updated>(UPDATE).bind(id).bind(author);
    let update = update.bind(input.title.as_ref().map(Title::as_str));
    let update = update.bind(input.content.as_ref().map(Content::as_str)).bind(input.published);
    let updated = update.bind(seen.map(|time| time.to_string())).optional().await;
    let updated = tags::settled(&site, updated, &changed).await?;
    let Some(Updated { post, was_published }) = updated else {
        return Err(precondition::missing(&site, seen, &changed).await);
    };
    // A draft that stays one was never answered to anybody but its author, and that answer is not kept. Unless the
    // request says what it is to be: it may repeat one whose invalidation failed.
    if was_published || post.published || input.published.is_some() {
        tags::forget(&site, &changed).await;
    }
    conditional::tagged(StatusCode::OK, &Post::from(post))
}
