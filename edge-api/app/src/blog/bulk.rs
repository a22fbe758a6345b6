//! `GET /api/v1/blog/bulk`: the newest published posts with their authors, page by page, in one round trip.

use axum::body::Body;
use axum::http::{HeaderMap, Response};
use schemars::JsonSchema;
use serde::Serialize;

use super::page::summary_columns;
use super::{Cursor, PostPage, SummaryRow, tags};
use crate::Site;
use crate::conditional;
use crate::input::{Fields, Input, QueryInput, Wrong};
use crate::problem::Problem;
use crate::values::Limit;

/// The query of `GET /api/v1/blog/bulk` and `GET /api/v1/user/me/posts`.
#[derive(Clone, Debug, Default, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub struct BulkQuery {
    /// The `nextCursor` of the page before; absent for the first page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many posts a page holds: 1 to 100, 20 if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<Limit>,
}

/// What the query means.
pub(crate) struct Page {
    pub(crate) after: Option<Cursor>,
    pub(crate) limit: Limit,
}

impl Input for Page {
    fn read(fields: &mut Fields) -> Result<Self, Wrong> {
        let (after, limit) = (fields.optional("cursor"), fields.optional::<Limit>("limit"));
        Ok(Self { after: after?, limit: limit?.unwrap_or_default() })
    }
}

impl Page {
    /// One more than asked for: whether there is a next page.
    pub(crate) fn fetch(&self) -> i32 {
        i32::from(self.limit.get()) + 1
    }
}

/// The first page, of `$1` posts.
pub const FIRST: &str = concat!(
    "SELECT ",
    summary_columns!(),
    " FROM posts AS p JOIN users AS u ON u.id = p.author_id WHERE p.published",
    " ORDER BY p.published_at DESC, p.id DESC LIMIT $1"
);
/// The page behind the post `$3`, published at `$2`.
pub const BEHIND: &str = concat!(
    "SELECT ",
    summary_columns!(),
    " FROM posts AS p JOIN users AS u ON u.id = p.author_id WHERE p.published AND (p.published_at, p.id) < ($2, $3)",
    " ORDER BY p.published_at DESC, p.id DESC LIMIT $1"
);

pub(super) async fn bulk(
    site: Site,
    QueryInput(page): QueryInput<Page>,
    headers: HeaderMap,
) -> Result<Response<Body>, Problem> {
    let query = match page.after {
        None => site.db().query_as::<SummaryRow>(FIRST).bind(page.fetch()),
        Some(Cursor { time, id }) => {
            site.db().query_as::<SummaryRow>(BEHIND).bind(page.fetch()).bind(time.to_string()).bind(id)
        }
    };
    let found = query.read_only().cache(tags::cache(&site, [tags::LISTS])).fetch().await?;
    let posts = PostPage::of(found.rows, page.limit, |post| post.published_at);
    conditional::public(&posts, &headers, found.cache_status.as_deref())
}
