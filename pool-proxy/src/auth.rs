//! Who asks: a credential becomes a [`Principal`], or nothing does.
//!
//! It knows hashes of keys only, and never says which part of a credential was wrong.

pub mod api_key;
mod claims;
pub mod fetch;
pub mod jwks;
pub mod jwt;
mod principal;
mod signature;
mod usage;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

pub use api_key::{ApiKey, KeyHash};
pub use jwt::Issuer;
pub use principal::{Allowance, Databases, Principal, Rate};
pub use usage::{Usage, Used};

use crate::drain::Drain;
use crate::error::Failure;
use jwt::Issuers;

/// What is said of any credential that does not hold: Postgres's own words, which clients and people look for.
const NOT_VALID: Failure = Failure::refused("password authentication failed: the credential is not valid");

/// One key: the hash it is known by, and who it stands for.
#[derive(Debug, Clone)]
pub struct KeyEntry {
    /// The hash of the secret.
    pub hash: KeyHash,
    /// Who the key stands for.
    pub principal: Arc<Principal>,
    /// The first moment at which it is no longer valid.
    pub expires: Option<SystemTime>,
}

/// The keys and issuers in force. They can be replaced while requests are served.
#[derive(Debug)]
pub struct Auth {
    keys: RwLock<Arc<[KeyEntry]>>,
    issuers: RwLock<Arc<Issuers>>,
    drain: Drain,
}

impl Auth {
    /// With these keys and issuers, whose own keys are fetched by tasks of `drain`.
    pub fn new(keys: Vec<KeyEntry>, issuers: Vec<Issuer>, drain: Drain) -> Self {
        let issuers = Issuers::new(issuers, &[], &drain);
        Self { keys: RwLock::new(keys.into()), issuers: RwLock::new(Arc::new(issuers)), drain }
    }

    /// Puts others in force; requests under way keep what they have. Of those that stay the use is counted on.
    pub fn replace(&self, mut keys: Vec<KeyEntry>, mut issuers: Vec<Issuer>) {
        for key in &mut keys {
            if let Some(old) = self.keys().iter().find(|old| old.principal.name == key.principal.name) {
                Arc::make_mut(&mut key.principal).usage = old.principal.usage.clone();
            }
        }
        for issuer in &mut issuers {
            if let Some(old) = self.issuers().list().iter().find(|old| old.name == issuer.name) {
                issuer.usage = old.usage.clone();
            }
        }
        let issuers = Arc::new(Issuers::new(issuers, self.issuers().list(), &self.drain));
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
        *self.issuers.write().unwrap_or_else(PoisonError::into_inner) = issuers;
    }

    /// The keys in force, for whoever shows them: nothing in them tells a secret but their hashes.
    pub fn keys(&self) -> Arc<[KeyEntry]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Calls a function with each issuer in force.
    pub fn each_issuer(&self, tell: impl FnMut(&Issuer)) {
        self.issuers().list().iter().for_each(tell);
    }

    fn issuers(&self) -> Arc<Issuers> {
        Arc::clone(&self.issuers.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The principal of an API key or a JSON Web Token. Every key is compared, in constant time, whatever was presented:
    /// unknown, wrong and expired keys take the same path and the same time.
    ///
    /// # Errors
    /// [`Failure::Unauthorized`] without a credential, or with one that does not hold; for tokens also
    /// [`Failure::Forbidden`] and [`Failure::Unavailable`].
    pub async fn authenticate(&self, secret: Option<&str>) -> Result<Arc<Principal>, Failure> {
        let hash = KeyHash::of(secret.unwrap_or_default());
        if let Some(principal) = self.by_key(hash) {
            return Ok(principal);
        }
        let Some(secret) = secret else {
            let reason =
                "a credential is required: Authorization: Bearer <API key or token>, or Neon-Connection-String";
            return Err(Failure::Unauthorized { reason, presented: false });
        };
        let issuers = self.issuers();
        if issuers.may_know(secret) {
            // Boxed: requests with a key would carry its size.
            return Box::pin(issuers.principal(secret, hash)).await;
        }
        Err(NOT_VALID)
    }

    fn by_key(&self, presented: KeyHash) -> Option<Arc<Principal>> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let mut found = u64::MAX;
        for (index, entry) in (0_u64..).zip(keys.iter()) {
            let same: Choice = entry.hash.ct_eq(&presented);
            found.conditional_assign(&index, same);
        }
        let entry = usize::try_from(found).ok().and_then(|index| keys.get(index))?;
        entry.expires.is_none_or(|end| SystemTime::now() < end).then(|| Arc::clone(&entry.principal))
    }
}

#[cfg(test)]
mod tests;
