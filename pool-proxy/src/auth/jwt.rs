//! JSON Web Tokens (RFC 7519): whose they are, whether they hold, and which principal they stand for.
//!
//! A token gives its bearer a Postgres role and some claims, both for one request; it never gives more than its issuer's
//! entry in the configuration allows.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use jsonwebtoken::dangerous::insecure_decode_claims;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation, decode, decode_header};
use moka::sync::Cache;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tracing::debug;

use super::api_key::KeyHash;
use super::claims::Claims;
use super::jwks::{Found, KeySource};
use super::principal::{Allowance, Databases, Principal};
use super::usage::Usage;
use super::{NOT_VALID, signature};
use crate::drain::Drain;
use crate::error::Failure;

/// How far clocks may differ, in seconds.
pub(super) const LEEWAY: u64 = 30;
/// How long a token that was found good is taken without looking again, so that keys and issuers that are withdrawn
/// are out of use soon.
const REMEMBERED: Duration = Duration::from_mins(1);
/// How many of those are kept.
const MOST_REMEMBERED: u64 = 10_000;
/// The longest token that is looked at, in bytes.
const LONGEST: usize = 16 << 10;

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
    /// The databases its tokens are good for.
    pub databases: Databases,
    /// Whether their transactions are READ ONLY.
    pub read_only: bool,
    /// Whether they may invalidate cached answers.
    pub invalidate: bool,
    /// How much each of its subjects may ask.
    pub allowance: Allowance,
    /// How much they all have asked.
    pub usage: Usage,
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

    /// Whether a secret may be a token of somebody here: three parts, and not endless.
    pub(super) fn may_know(&self, secret: &str) -> bool {
        let dots = || secret.bytes().filter(|byte| *byte == b'.').count();
        !self.list.is_empty() && secret.len() <= LONGEST && dots() == 2
    }

    /// The principal of a token, which has this hash.
    ///
    /// # Errors
    /// [`Failure::Unauthorized`] if it does not hold, [`Failure::Forbidden`] if its role is none its issuer may give,
    /// [`Failure::Unavailable`] if the issuer's keys could not be fetched so far.
    pub(super) async fn principal(&self, token: &str, hash: KeyHash) -> Result<Arc<Principal>, Failure> {
        let hash = *hash.as_bytes();
        if let Some(good) = self.good.get(&hash).filter(|good| SystemTime::now() < good.until) {
            return Ok(good.principal);
        }
        let refused = |why: &'static str| {
            debug!(why, "token refused");
            NOT_VALID
        };
        let header = decode_header(token).map_err(|_| refused("malformed"))?;
        // What must be understood is not (RFC 7515, section 4.1.11).
        if header.crit.is_some() {
            return Err(refused("crit"));
        }
        // A token for another purpose is none for access (RFC 8725, section 3.11).
        if !header.typ.as_deref().is_none_or(is_for_access) {
            return Err(refused("typ"));
        }
        let claimed: Claimed = insecure_decode_claims(token).map_err(|_| refused("malformed"))?;
        let issuer = self.of(claimed.iss.as_deref()).ok_or_else(|| refused("issuer"))?;
        let claims = issuer.claims_of(token, &header).await?;
        let good = Good { until: claims.expiry(), principal: Arc::new(issuer.principal(&claims)?) };
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
    /// Every role that its tokens can have.
    pub fn all_roles(&self) -> impl Iterator<Item = &str> {
        let default = self.default_role.iter().filter(|role| !self.roles.contains(role));
        self.roles.iter().chain(default).map(AsRef::as_ref)
    }

    /// The claims of a token that holds.
    async fn claims_of(&self, token: &str, header: &Header) -> Result<Claims, Failure> {
        let refused = |why: &str| {
            debug!(issuer = %self.name, why, "token refused");
            NOT_VALID
        };
        let keys = match self.keys.find(header.kid.as_deref(), header.alg).await {
            Found::Keys(keys) => keys,
            Found::Unreachable => {
                return Err(Failure::unavailable("the keys of the token's issuer cannot be fetched just now"));
            }
        };
        let validation = self.validation(header.alg);
        let mut outcome = Err(ErrorKind::InvalidSignature.into());
        for key in keys {
            outcome = decode::<Box<RawValue>>(token, &key, &validation);
            // More than one may fit while an issuer changes its keys.
            if !matches!(&outcome, Err(error) if matches!(error.kind(), ErrorKind::InvalidSignature)) {
                break;
            }
        }
        let decoded = outcome.map_err(|error| match error.kind() {
            // Only now is it known that the token is the issuer's, so its bearer may know.
            ErrorKind::ExpiredSignature => Failure::refused("the token has expired"),
            ErrorKind::ImmatureSignature => Failure::refused("the token is not valid yet"),
            ErrorKind::InvalidAudience => refused("audience"),
            ErrorKind::InvalidIssuer => refused("issuer"),
            ErrorKind::InvalidSignature => refused("no key has signed it"),
            ErrorKind::MissingRequiredClaim(_) => refused("a claim is missing"),
            _ => refused("malformed"),
        })?;
        let claims = Claims::parse(&decoded.claims).ok_or_else(|| refused("malformed"))?;
        // The library lets pass what is no audience.
        if self.audiences.is_empty() && claims.value("aud").is_some_and(|audience| !audience.is_null()) {
            return Err(refused("audience"));
        }
        Ok(claims)
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

    fn principal(&self, claims: &Claims) -> Result<Principal, Failure> {
        Ok(Principal {
            name: Arc::clone(&self.name),
            // No key's name has such characters.
            line: format!("\0{}\0{}", self.name, claims.subject()).into(),
            databases: self.databases.clone(),
            role: Some(self.role(claims)?),
            claims: Some(claims.only(&self.claims).into()),
            read_only: self.read_only,
            may_invalidate: self.invalidate,
            allowance: self.allowance,
            usage: self.usage.clone(),
        })
    }

    fn role(&self, claims: &Claims) -> Result<Arc<str>, Failure> {
        let role = match claims.value(&self.role_claim) {
            None | Some(Value::Null) => self.default_role.as_ref(),
            Some(Value::String(name)) => self.roles.iter().chain(&self.default_role).find(|role| ***role == **name),
            Some(_) => None,
        };
        role.cloned().ok_or_else(|| Failure::Forbidden("the token names no role that its issuer may give".to_owned()))
    }
}

/// The type of a token that stands for its bearer (RFC 7519, section 5.1, and RFC 9068, section 2.1).
fn is_for_access(typ: &str) -> bool {
    ["JWT", "at+jwt", "application/at+jwt"].iter().any(|known| known.eq_ignore_ascii_case(typ))
}

#[cfg(test)]
mod tests;
