//! JSON Web Tokens (RFC 7519): whose they are, whether they hold, and which principal they stand for.
//!
//! A token gives its bearer a Postgres role and some claims, both for one request; it never gives more than its issuer's
//! entry in the configuration allows.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::{Map, Value};
use tracing::debug;

use super::api_key::KeyHash;
use super::jwks::{Found, KeySource};
use super::principal::{Allowance, Principal};
use super::{NOT_VALID, signature};
use crate::drain::Drain;
use crate::error::Failure;

/// How far clocks may differ, in seconds.
const LEEWAY: u64 = 30;
/// How long a token that was found good is taken without looking again, so that keys and issuers that are withdrawn
/// are out of use soon.
const REMEMBERED: Duration = Duration::from_mins(1);
/// How many of those are kept.
const MOST_REMEMBERED: u64 = 10_000;

/// Whose tokens are taken, and what they give.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// What logs call it.
    pub name: Arc<str>,
    /// The `iss` of its tokens; `None` takes those that no other entry names.
    pub issuer: Option<String>,
    /// One of these must be in `aud`; empty for tokens that have none.
    pub audiences: Vec<String>,
    /// What they are signed with.
    pub keys: KeySource,
    /// The claim that names the role: a name, or a path as RFC 6901 has it (`/realm/role`).
    pub role_claim: String,
    /// The roles it may give.
    pub roles: Vec<Arc<str>>,
    /// The role of a token that names none.
    pub default_role: Option<Arc<str>>,
    /// The claims that statements can read.
    pub claims: Vec<String>,
    /// The databases its tokens are good for; `None` for all.
    pub databases: Option<Vec<Arc<str>>>,
    /// Whether their transactions are READ ONLY.
    pub read_only: bool,
    /// How much each of its subjects may ask.
    pub allowance: Allowance,
}

/// All issuers whose tokens are taken.
#[derive(Debug)]
pub(super) struct Issuers {
    list: Vec<Issuer>,
    /// Tokens that were found good, by their hash.
    good: Cache<[u8; 32], Good>,
}

#[derive(Debug, Clone)]
struct Good {
    principal: Arc<Principal>,
    until: SystemTime,
}

#[derive(Deserialize)]
struct Claimed {
    iss: Option<String>,
}

impl Issuers {
    /// Keys that were fetched for the issuers before stay where the address is the same; others are fetched from now on.
    pub(super) fn new(mut list: Vec<Issuer>, before: &[Issuer], drain: &Drain) -> Self {
        signature::install();
        for issuer in &mut list {
            let KeySource::Remote(remote) = &issuer.keys else { continue };
            let known = before.iter().find_map(|old| match &old.keys {
                KeySource::Remote(old) if old.url() == remote.url() => Some(Arc::clone(old)),
                _ => None,
            });
            match known {
                Some(known) => issuer.keys = KeySource::Remote(known),
                None => remote.keep_fresh(drain),
            }
        }
        let good = Cache::builder().max_capacity(MOST_REMEMBERED).time_to_live(REMEMBERED).build();
        Self { list, good }
    }

    pub(super) fn list(&self) -> &[Issuer] {
        &self.list
    }

    /// Whether a secret may be a token of somebody here: three parts, the first of which is JSON.
    pub(super) fn may_know(&self, secret: &str) -> bool {
        !self.list.is_empty() && secret.starts_with("ey") && secret.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// The principal of a token.
    ///
    /// # Errors
    /// [`Failure::Unauthorized`] if it does not hold, [`Failure::Forbidden`] if its role is none its issuer may give,
    /// [`Failure::Unavailable`] if the issuer's keys could not be fetched so far.
    pub(super) async fn principal(&self, token: &str) -> Result<Arc<Principal>, Failure> {
        let hash = *KeyHash::of(token).as_bytes();
        if let Some(good) = self.good.get(&hash).filter(|good| SystemTime::now() < good.until) {
            return Ok(good.principal);
        }
        let refused = |why: &'static str| {
            debug!(why, "token refused");
            Failure::Unauthorized(NOT_VALID)
        };
        let header = decode_header(token).map_err(|_| refused("malformed"))?;
        // What must be understood is not (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(refused("crit"));
        }
        let claimed: Claimed = insecure_decode_claims(token).map_err(|_| refused("malformed"))?;
        let issuer = self.of(claimed.iss.as_deref()).ok_or_else(|| refused("issuer"))?;
        let claims = issuer.claims_of(token, &header).await?;
        let good = Good { until: expiry(&claims), principal: Arc::new(issuer.principal(&claims)?) };
        self.good.insert(hash, good.clone());
        Ok(good.principal)
    }

    /// The entry for an `iss`, as the token claims it.
    fn of(&self, claimed: Option<&str>) -> Option<&Issuer> {
        let named = self.list.iter().find(|issuer| issuer.issuer.is_some() && issuer.issuer.as_deref() == claimed);
        named.or_else(|| self.list.iter().find(|issuer| issuer.issuer.is_none()))
    }
}

impl Issuer {
    /// Whether its tokens may use a database.
    pub fn may_use(&self, database: &str) -> bool {
        self.databases.as_ref().is_none_or(|names| names.iter().any(|name| **name == *database))
    }

    /// Every role that its tokens can have.
    pub fn all_roles(&self) -> impl Iterator<Item = &str> {
        let default = self.default_role.iter().filter(|role| !self.roles.contains(role));
        self.roles.iter().chain(default).map(AsRef::as_ref)
    }

    /// The claims of a token that holds.
    async fn claims_of(&self, token: &str, header: &Header) -> Result<Map<String, Value>, Failure> {
        let refused = |why: &str| {
            debug!(issuer = %self.name, why, "token refused");
            Failure::Unauthorized(NOT_VALID)
        };
        // A public key must never be taken for a secret (RFC 8725, section 2.1).
        let fits = match header.alg {
            Algorithm::HS256 => self.keys.is_secret(),
            Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA => !self.keys.is_secret(),
            _ => false,
        };
        if !fits {
            return Err(refused("algorithm"));
        }
        let key = match self.keys.find(header.kid.as_deref(), header.alg).await {
            Found::Key(key) => key,
            Found::Unknown => return Err(refused("unknown key")),
            Found::Unreachable => {
                return Err(Failure::unavailable("the keys of the token's issuer cannot be fetched just now"));
            }
        };
        let decoded = decode::<Map<String, Value>>(token, &key, &self.validation(header.alg));
        decoded.map(|token| token.claims).map_err(|error| match error.kind() {
            // Only now is it known that the token is the issuer's, so its bearer may know.
            ErrorKind::ExpiredSignature => Failure::Unauthorized("the token has expired"),
            ErrorKind::ImmatureSignature => Failure::Unauthorized("the token is not valid yet"),
            ErrorKind::InvalidAudience => refused("audience"),
            ErrorKind::InvalidIssuer => refused("issuer"),
            ErrorKind::InvalidSignature => refused("signature"),
            ErrorKind::MissingRequiredClaim(_) => refused("a claim is missing"),
            _ => refused("malformed"),
        })
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        let mut required = vec!["exp"];
        if !self.audiences.is_empty() {
            validation.set_audience(&self.audiences);
            required.push("aud");
        }
        if let Some(issuer) = &self.issuer {
            validation.set_issuer(&[issuer]);
            required.push("iss");
        }
        validation.set_required_spec_claims(&required);
        validation
    }

    fn principal(&self, claims: &Map<String, Value>) -> Result<Principal, Failure> {
        let role = self.role(claims)?;
        let kept = self.claims.iter().filter_map(|name| claims.get_key_value(name));
        let kept: Map<String, Value> = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or_default();
        Ok(Principal {
            name: Arc::clone(&self.name),
            // No key's name has such characters.
            line: format!("\0{}\0{subject}", self.name).into(),
            databases: self.databases.clone(),
            role: Some(role),
            claims: Some(Value::Object(kept).to_string().into()),
            read_only: self.read_only,
            allowance: self.allowance,
        })
    }

    fn role(&self, claims: &Map<String, Value>) -> Result<Arc<str>, Failure> {
        let named = if self.role_claim.starts_with('/') {
            pointed(claims, &self.role_claim)
        } else {
            claims.get(&self.role_claim)
        };
        let role = match named {
            None | Some(Value::Null) => self.default_role.as_ref(),
            Some(Value::String(name)) => self.roles.iter().chain(&self.default_role).find(|role| ***role == **name),
            Some(_) => None,
        };
        role.cloned().ok_or_else(|| Failure::Forbidden("the token names no role that its issuer may give".to_owned()))
    }
}

/// The value at a path (RFC 6901).
fn pointed<'a>(claims: &'a Map<String, Value>, path: &str) -> Option<&'a Value> {
    let (first, rest) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
    let first = claims.get(&first.replace("~1", "/").replace("~0", "~"))?;
    if rest.is_empty() { Some(first) } else { first.pointer(&format!("/{rest}")) }
}

/// From when on the token is refused.
fn expiry(claims: &Map<String, Value>) -> SystemTime {
    let seconds = claims.get("exp").and_then(Value::as_f64).unwrap_or_default().max(0.0);
    let until = Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
    UNIX_EPOCH.checked_add(until.saturating_add(Duration::from_secs(LEEWAY))).unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests;
