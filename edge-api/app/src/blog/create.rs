//! `POST /api/v1/blog`: a new post of the signed-in user's.

use axum::Json;
use axum::http::header::LOCATION;
use axum::http::{HeaderName, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Post, PostRow, post_columns, tags};
use crate::Site;
use crate::auth::SignedIn;
use crate::input::{Fields, Input, JsonBody, Wrong};
use crate::problem::{Code, Problem};
use crate::values::{Content, Title};

/// The body of `POST /api/v1/blog`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub struct CreatePost {
    /// Its title.
    pub title: Title,
    /// Its text.
    pub content: Content,
    /// Whether anybody may read it at once; a draft if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub published: Option<bool>,
}

impl Input for CreatePost {
    fn read(fields: &mut Fields) -> Result<Self, Wrong> {
        let (title, content, published) =
            (fields.required("title"), fields.required("content"), fields.optional("published"));
        Ok(Self { title: title?, content: content?, published: published? })
    }
}

const INSERT: &str = concat!(
    "WITH p AS (INSERT INTO posts (author_id, title, content, published, published_at)",
    " VALUES ($1, $2, $3, $4, CASE WHEN $4 THEN now() END) RETURNING *) SELECT ",
    post_columns!(),
    " FROM p JOIN users AS u ON u.id = p.author_id"
);

pub(super) async fn create(
    site: Site,
    SignedIn(author): SignedIn,
    JsonBody(input): JsonBody<CreatePost>,
) -> Result<(StatusCode, [(HeaderName, String); 1], Json<Post>), Problem> {
    let insert = site.db.query_as::<PostRow>(INSERT).bind(author).bind(input.title.as_str());
    let inserted = insert.bind(input.content.as_str()).bind(input.published.unwrap_or(false)).one().await;
    let post = match inserted {
        Ok(row) => Post::from(row),
        Err(error) if error.is_foreign_key_violation() => {
            return Err(Problem::new(Code::TokenInvalid, "the token's user does not exist any more"));
        }
        Err(error) => return Err(error.into()),
    };
    // A draft is in no list, and nobody has asked for an id that did not exist.
    if post.published {
        tags::forget(&site, &[tags::LISTS.to_owned()]).await;
    }
    let location = format!("/api/v1/blog/{}", post.id);
    Ok((StatusCode::CREATED, [(LOCATION, location)], Json(post)))
}
