//! `GET /api/v1/user/me`: the signed-in user.

use axum::Json;

use super::User;
use crate::Site;
use crate::auth::SignedIn;
use crate::problem::Problem;

pub(crate) async fn me(site: Site, SignedIn(id): SignedIn) -> Result<Json<User>, Problem> {
    let user =
        site.db().query_as::<User>("SELECT id, email, name, created_at FROM users WHERE id = $1").bind(id).read_only();
    user.optional().await?.map(Json).ok_or_else(Problem::user_is_gone)
}
