//! The tokens that stand for a signed-in user: JSON Web Tokens (RFC 7519) signed with HS256, as `hono/jwt` makes them.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::hs256;
use crate::problem::{Code, Problem};
use crate::{Settings, Site};

#[derive(Debug, Deserialize, Serialize)]
struct Claims {
    /// The user's id.
    sub: Uuid,
    /// When the token was made, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<f64>,
    /// The first second in which it is not valid any more. RFC 7519 allows fractions.
    exp: f64,
    /// The first second in which it is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nbf: Option<f64>,
}

/// What our own tokens say; whole seconds, so that every reader takes them.
#[derive(Serialize)]
struct Minted {
    sub: Uuid,
    iat: u64,
    exp: u64,
}

/// A token for this user, and the second in which it ends.
pub(crate) fn mint(site: &Site, user: Uuid) -> Result<(String, u64), Problem> {
    hs256::install();
    let Settings { jwt_secret, jwt_ttl, .. } = &*site.settings;
    let now = site.runtime.now();
    let minted = Minted { sub: user, iat: now, exp: now + jwt_ttl };
    let key = EncodingKey::from_secret(jwt_secret.reveal().as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &minted, &key);
    let token = token.map_err(|error| Problem::internal(format!("signing a token: {error}")))?;
    Ok((token, minted.exp))
}

/// The user a token stands for.
pub(super) fn user(site: &Site, token: &str) -> Result<Uuid, Problem> {
    hs256::install();
    let key = DecodingKey::from_secret(site.settings.jwt_secret.reveal().as_bytes());
    // One algorithm and no other, whatever the token's header says. Times are held against the site's clock below.
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_nbf = false;
    validation.validate_aud = false;
    let decoded = jsonwebtoken::decode::<Claims>(token, &key, &validation);
    let claims = decoded.map_err(|_| Problem::new(Code::TokenInvalid, "the token is not valid: sign in again"))?.claims;
    #[allow(clippy::cast_precision_loss)] // exact for the next 285 million years
    let now = site.runtime.now() as f64;
    if now >= claims.exp {
        return Err(Problem::new(Code::TokenExpired, "the token has expired: sign in again"));
    }
    if claims.nbf.is_some_and(|begin| begin > now) {
        return Err(Problem::new(Code::TokenInvalid, "the token is not valid yet"));
    }
    Ok(claims.sub)
}
