//! Who asks: a credential becomes a [`Principal`], or nothing does.
//!
//! It knows hashes of keys only, and never says which part of a credential was wrong.

pub mod api_key;
mod principal;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

pub use api_key::{ApiKey, KeyHash};
pub use principal::Principal;

use crate::error::Failure;

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

/// The keys in force. They can be replaced while requests are served.
#[derive(Debug)]
pub struct Auth {
    keys: RwLock<Arc<[KeyEntry]>>,
}

impl Auth {
    /// With these keys.
    pub fn new(keys: Vec<KeyEntry>) -> Self {
        Self { keys: RwLock::new(keys.into()) }
    }

    /// Puts other keys in force; requests under way keep what they have.
    pub fn replace(&self, keys: Vec<KeyEntry>) {
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }

    /// The principal of an API key. Every key is compared, in constant time, whatever was presented: unknown, wrong
    /// and expired keys take the same path and the same time.
    ///
    /// # Errors
    /// [`Failure::Unauthorized`] without a credential, or when no key in force has this secret.
    pub fn authenticate(&self, secret: Option<&str>) -> Result<Arc<Principal>, Failure> {
        let presented = KeyHash::of(secret.unwrap_or_default());
        let keys = Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner));
        let mut found = u64::MAX;
        for (index, entry) in (0_u64..).zip(keys.iter()) {
            let same: Choice = entry.hash.as_bytes().ct_eq(presented.as_bytes());
            found.conditional_assign(&index, same);
        }
        let entry = usize::try_from(found).ok().and_then(|index| keys.get(index));
        match entry {
            Some(entry) if entry.expires.is_none_or(|end| SystemTime::now() < end) => Ok(Arc::clone(&entry.principal)),
            _ if secret.is_none() => Err(Failure::Unauthorized(
                "a credential is required: Authorization: Bearer <API key>, or Neon-Connection-String",
            )),
            _ => Err(Failure::Unauthorized("the credential is not valid")),
        }
    }
}

#[cfg(test)]
mod tests;
