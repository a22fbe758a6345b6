//! What an answer depends on.

use std::sync::Arc;

use crate::auth::Principal;

/// Everything that can change an answer: database, role, claims, rights, output mode, statement and parameters. The last
/// two are the raw request body, so that a hit is found before any JSON is parsed. Kept whole, not as a hash: two
/// requests share an entry only if they are the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key(Arc<[u8]>);

impl Key {
    /// `mode` is whatever of the request besides its body decides how the answer is written.
    pub fn new(database: &str, principal: &Principal, mode: &[u8], body: &[u8]) -> Self {
        let role = principal.role.as_deref();
        let claims = principal.claims.as_deref();
        let mut key = Vec::with_capacity(database.len() + mode.len() + body.len() + 40);
        let mut part = |bytes: Option<&[u8]>| {
            // A length before each part, so that no two lists of parts give the same key.
            key.extend_from_slice(&bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
            key.extend_from_slice(bytes.unwrap_or_default());
        };
        part(Some(database.as_bytes()));
        part(role.map(str::as_bytes));
        part(claims.map(str::as_bytes));
        part(Some(mode));
        part(Some(&[u8::from(principal.is_restricted())]));
        part(Some(body));
        Self(key.into())
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Never true: the parts' lengths alone take room.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
