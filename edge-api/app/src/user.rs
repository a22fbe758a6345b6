//! Users: signing up, signing in, and who one is.

mod me;
pub(crate) mod posts;
mod sign_in;
mod sign_up;

use axum::Router;
use axum::routing::{get, post};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::problem::Problem;
use crate::{Site, auth};

pub use sign_in::SignIn;
pub use sign_up::SignUp;

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/signup", post(sign_up::sign_up))
        .route("/signin", post(sign_in::sign_in))
        .route("/me", get(me::me))
        .route("/me/posts", get(posts::posts))
}

/// A user, as that user sees themselves.
#[derive(Clone, Debug, Deserialize, JsonSchema, Serialize)]
#[serde(rename_all(serialize = "camelCase"))]
pub struct User {
    /// The user's id.
    pub id: Uuid,
    /// The e-mail address, in lower case.
    pub email: String,
    /// What the user is called.
    pub name: String,
    /// When the user signed up.
    pub created_at: Timestamp,
}

/// What signing up or in answers. No `Debug`: the token is a secret.
#[derive(JsonSchema, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// To be sent as `Authorization: Bearer <token>`.
    pub token: String,
    /// When the token ends.
    pub expires_at: Timestamp,
    /// Whose it is.
    pub user: User,
}

impl Session {
    /// A new session of this user.
    fn of(site: &Site, user: User) -> Result<Self, Problem> {
        let (token, end) = auth::mint(site, user.id)?;
        let end = i64::try_from(end).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
        let expires_at = end.ok_or_else(|| Problem::internal("the clock is beyond the year 9999"))?;
        Ok(Self { token, expires_at, user })
    }
}
