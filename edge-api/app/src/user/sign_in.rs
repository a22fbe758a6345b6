//! `POST /api/v1/user/signin`: a token for an e-mail address and its password.

use axum::Json;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Session, User};
use crate::Site;
use crate::auth::{self, Verdict};
use crate::input::{Fields, Input, JsonBody, Wrong};
use crate::problem::{Code, Problem};
use crate::values::{Email, Password};

/// The body of `POST /api/v1/user/signin`.
#[derive(Clone, Debug, JsonSchema, Serialize)]
#[schemars(deny_unknown_fields)]
pub struct SignIn {
    /// As given when signing up, in any case.
    pub email: Email,
    /// As given when signing up.
    pub password: Password,
}

impl Input for SignIn {
    fn read(fields: &mut Fields) -> Result<Self, Wrong> {
        let (email, password) = (fields.required("email"), fields.required("password"));
        Ok(Self { email: email?, password: password? })
    }
}

#[derive(Deserialize)]
struct Account {
    #[serde(flatten)]
    user: User,
    password_hash: String,
}

pub(crate) async fn sign_in(site: Site, JsonBody(input): JsonBody<SignIn>) -> Result<Json<Session>, Problem> {
    let password = input.password.as_bytes();
    let account = site
        .db()
        .query_as::<Account>("SELECT id, email, name, created_at, password_hash FROM users WHERE email = $1")
        .bind(input.email.as_str())
        .read_only()
        .optional()
        .await?;
    let wrong = || Problem::new(Code::WrongCredentials, "no user has this e-mail address and password");
    let Some(Account { user, password_hash }) = account else {
        // Whether somebody has signed up must not be told by how long the answer takes.
        auth::burn(site.settings.scheme, &*site.runtime, password).await?;
        return Err(wrong());
    };
    match auth::verify(site.settings.scheme, &*site.runtime, password, &password_hash).await? {
        Verdict::Wrong => return Err(wrong()),
        Verdict::Right => {}
        Verdict::Outdated => rehash(&site, &user, password, &password_hash).await,
    }
    Ok(Json(Session::of(&site, user)?))
}

/// Hashes the password by today's scheme. That it fails is no reason to refuse the user: the next time will do.
async fn rehash(site: &Site, user: &User, password: &[u8], outdated: &str) {
    let attempt = async {
        let hash = auth::hash(site.settings.scheme, &*site.runtime, password).await?;
        // Only over the hash that was verified: the password may have been changed meanwhile.
        let update = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        site.db().query(update).bind(user.id).bind(outdated).bind(hash).execute().await?;
        Ok::<_, Problem>(())
    };
    if let Err(problem) = attempt.await {
        site.runtime.log(&format!("a password could not be hashed anew: {problem}"));
    }
}
