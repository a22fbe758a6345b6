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

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use harness::{Dice, cases};
    use hmac::{Hmac, KeyInit, Mac};
    use pool_client::{BoxFuture, Client, Request, Response, Transport, TransportError};
    use sha2::Sha256;

    use super::*;
    use crate::site::testing::Host;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// Leads nowhere: tokens are read without a database.
    struct Nowhere;

    impl Transport for Nowhere {
        fn send<'a>(&'a self, _: &'a Request, _: Duration) -> BoxFuture<'a, Result<Response, TransportError>> {
            Box::pin(async { Err(TransportError::TimedOut) })
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'_, ()> {
            Box::pin(async {})
        }

        fn now(&self) -> Duration {
            Duration::ZERO
        }
    }

    fn site() -> Site {
        let settings = Settings::read(|name| match name {
            "POOL_PROXY_URL" => Some("http://127.0.0.1:8080".to_owned()),
            "POOL_PROXY_KEY" => Some("0123456789abcdef".to_owned()),
            "JWT_SECRET" => Some(SECRET.to_owned()),
            _ => None,
        });
        Site::new(settings.unwrap(), Client::new(Nowhere, "key"), Arc::new(Host))
    }

    fn signed(header: &[u8], claims: &[u8]) -> String {
        let said = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap().chain_update(&said).finalize();
        format!("{said}.{}", URL_SAFE_NO_PAD.encode(signature.into_bytes()))
    }

    #[test]
    fn whatever_a_token_says_it_is_its_users_or_refused() {
        const PIECES: &[&str] =
            &["{", "}", "\"", ":", ",", ".", "=", "null", "1e999", "-1", "\"exp\":", "\"alg\":\"none\"", "[[[[[[", "é"];
        let site = site();
        let mut dice = Dice::new();
        let mut good = 0;
        for number in 0..cases(5000) {
            let id = Uuid::from_u64_pair(dice.bits(), dice.bits());
            let (token, _) = mint(&site, id).unwrap();
            assert_eq!(user(&site, &token).ok(), Some(id));
            let mut header = br#"{"alg":"HS256"}"#.to_vec();
            let mut claims = format!(r#"{{"sub":"{id}","exp":1900000000}}"#).into_bytes();
            let other = match number % 4 {
                0 => dice.text(60),
                1 => {
                    let mut token = token.into_bytes();
                    dice.spoil(&mut token, PIECES);
                    String::from_utf8_lossy(&token).into_owned()
                }
                2 => {
                    dice.spoil(&mut header, PIECES);
                    signed(&header, &claims)
                }
                _ => {
                    dice.spoil(&mut claims, PIECES);
                    signed(&header, &claims)
                }
            };
            match user(&site, &other) {
                Ok(_) => good += 1,
                Err(problem) => assert_eq!(problem.status(), 401, "{other}"),
            }
        }
        assert!((1..cases(5000)).contains(&good), "{good}");
    }
}
