//! `POST /api/v1/blog`: a new post of the signed-in user's.

use axum::body::Body;
use axum::http::header::LOCATION;
use axum::http::{HeaderValue, Response, StatusCode};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Post, PostRow, post_columns, tags};
use crate::auth::SignedIn;
use crate::input::{Fields, Input, JsonBody, Wrong};
use crate::problem::Problem;
use crate::values::{Content, Title};
use crate::{Site, conditional};

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
) -> Result<Response<Body>, Problem> {
    let published = input.published.unwrap_or(false);
    // A draft is in no list, and nobody has asked for an id that did not exist.
    let changed = if published { vec![tags::LISTS.to_owned()] } else { Vec::new() };
    let insert = site.writing().query_as::<PostRow>(INSERT).bind(author).bind(input.title.as_str());
    let inserted = insert.bind(input.content.as_str()).bind(published).one().await;
    let post = match tags::settled(&site, inserted, &changed).await {
        Ok(row) => Post::from(row),
        Err(error) if error.is_foreign_key_violation() => return Err(Problem::user_is_gone()),
        Err(error) => return Err(error.into()),
    };
    tags::forget(&site, &changed).await;
    let mut answer = conditional::tagged(StatusCode::CREATED, &post)?;
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/blog/{}", post.id)) {
        answer.headers_mut().insert(LOCATION, location);
    }
    Ok(answer)
}
