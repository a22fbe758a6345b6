//! `POST /api/v1/user/signup`: a new account, in one round trip to the database.

use axum::Json;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::{Session, User};
use crate::Site;
use crate::auth;
use crate::input::{Fields, Input, JsonBody, Wrong};
use crate::problem::{Code, Problem};
use crate::values::{Email, Name, NewPassword};

/// The body of `POST /api/v1/user/signup`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub struct SignUp {
    /// Nobody else may have signed up with it.
    pub email: Email,
    /// What readers see.
    pub name: Name,
    /// Kept as a hash alone.
    pub password: NewPassword,
}

impl Input for SignUp {
    fn read(fields: &mut Fields) -> Result<Self, Wrong> {
        let (email, name, password) = (fields.required("email"), fields.required("name"), fields.required("password"));
        Ok(Self { email: email?, name: name?, password: password? })
    }
}

pub(crate) async fn sign_up(
    site: Site,
    JsonBody(input): JsonBody<SignUp>,
) -> Result<(StatusCode, Json<Session>), Problem> {
    let hash = auth::hash(site.settings.scheme, &*site.runtime, input.password.as_bytes()).await?;
    let inserted = site
        .db()
        .query_as::<User>(
            "INSERT INTO users (email, name, password_hash) VALUES ($1, $2, $3) RETURNING id, email, name, created_at",
        )
        .bind(input.email.as_str())
        .bind(input.name.as_str())
        .bind(hash)
        .one()
        .await;
    match inserted {
        Ok(user) => Ok((StatusCode::CREATED, Json(Session::of(&site, user)?))),
        Err(error) if error.is_unique_violation() => {
            Err(Problem::new(Code::EmailTaken, "somebody has signed up with this e-mail address"))
        }
        Err(error) => Err(error.into()),
    }
}
