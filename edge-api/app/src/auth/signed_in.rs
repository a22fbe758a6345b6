//! The user who asks, handed to handlers by type: a handler that takes a [`SignedIn`] cannot be reached without one.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use uuid::Uuid;

use super::token;
use crate::Site;
use crate::problem::{Code, Problem};

/// The id of the user whose token came with the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SignedIn(pub(crate) Uuid);

/// The same where anybody may ask: no token, a user, or a token that is no good, which matters only if the answer
/// would depend on it.
#[derive(Debug)]
pub(crate) struct MaybeSignedIn(pub(crate) Option<Result<SignedIn, Problem>>);

impl<S: Sync> FromRequestParts<S> for MaybeSignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Some(header) = parts.headers.get(AUTHORIZATION).cloned() else {
            return Ok(Self(None));
        };
        let site = Site::from_request_parts(parts, state).await?;
        // The scheme's name is not case-sensitive (RFC 9110, section 11.1).
        let token = header.to_str().ok().and_then(|text| text.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer"));
        Ok(Self(Some(match token {
            Some((_, token)) => token::user(&site, token.trim()).map(SignedIn),
            None => Err(unauthenticated()),
        })))
    }
}

impl<S: Sync> FromRequestParts<S> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let MaybeSignedIn(user) = MaybeSignedIn::from_request_parts(parts, state).await?;
        user.unwrap_or_else(|| Err(unauthenticated()))
    }
}

fn unauthenticated() -> Problem {
    Problem::new(Code::Unauthenticated, "sign in and send the token as `Authorization: Bearer <token>`")
}
