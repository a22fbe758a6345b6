//! `GET /api/v1/user/me/posts`: the signed-in user's own posts, drafts among them, newest first.

use axum::Json;

use crate::Site;
use crate::auth::SignedIn;
use crate::blog::{Cursor, Page, PostPage, SummaryRow, summary_columns};
use crate::input::QueryInput;
use crate::problem::Problem;

/// The first page, of `$1` posts of the user `$2`.
pub const FIRST: &str = concat!(
    "SELECT ",
    summary_columns!(),
    " FROM posts AS p JOIN users AS u ON u.id = p.author_id WHERE p.author_id = $2",
    " ORDER BY p.created_at DESC, p.id DESC LIMIT $1"
);
/// The page behind the post `$4`, written at `$3`.
pub const BEHIND: &str = concat!(
    "SELECT ",
    summary_columns!(),
    " FROM posts AS p JOIN users AS u ON u.id = p.author_id WHERE p.author_id = $2 AND (p.created_at, p.id) < ($3, $4)",
    " ORDER BY p.created_at DESC, p.id DESC LIMIT $1"
);

pub(super) async fn posts(
    site: Site,
    SignedIn(author): SignedIn,
    QueryInput(page): QueryInput<Page>,
) -> Result<Json<PostPage>, Problem> {
    let text = if page.after.is_some() { BEHIND } else { FIRST };
    let mut query = site.db().query_as::<SummaryRow>(text).read_only().bind(page.fetch()).bind(author);
    if let Some(Cursor { time, id }) = page.after {
        query = query.bind(time.to_string()).bind(id);
    }
    let rows = query.all().await?;
    Ok(Json(PostPage::of(rows, page.limit, |post| Some(post.created_at))))
}
