//! `GET /api/v1/user/me`: the signed-in user.

use axum::Json;

use super::User;
use crate::Site;
use crate::auth::SignedIn;
use crate::problem::{Code, Problem};

pub(crate) async fn me(site: Site, SignedIn(id): SignedIn) -> Result<Json<User>, Problem> {
    let user = site.db.query_as::<User>("SELECT id, email, name, created_at FROM users WHERE id = $1").bind(id);
    // A token outlives its user by up to its own life.
    let gone = || Problem::new(Code::TokenInvalid, "the token's user does not exist any more");
    user.optional().await?.map(Json).ok_or_else(gone)
}
