//! What an answer depends on.

use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::LazyLock;

use bytes::Bytes;
use foldhash::quality::RandomState;

use crate::auth::Principal;

/// Everything that can change an answer: database, role, claims, rights, output mode, statement and parameters. The last
/// two are the raw request body, so that a hit is found before any JSON is parsed. Kept whole, not as a hash: two
/// requests share an entry only if they are the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    whole: Bytes,
    /// Of the whole: plans are thousands of bytes, and a key is looked up several times.
    hash: u64,
}

/// Differs from process to process, so that nobody knows which keys collide.
static HASHES: LazyLock<RandomState> = LazyLock::new(RandomState::default);

impl Key {
    /// `mode` is whatever of the request besides its body decides how the answer is written.
    pub fn new(database: &str, principal: &Principal, mode: &[u8], body: &[u8]) -> Self {
        let role = principal.role.as_deref();
        let claims = principal.claims.as_deref();
        let restricted = [u8::from(principal.is_restricted())];
        let parts = [
            Some(database.as_bytes()),
            role.map(str::as_bytes),
            claims.map(str::as_bytes),
            Some(mode),
            Some(&restricted),
            Some(body),
        ];
        // Exactly, so that nothing is copied or left over.
        let length = parts.iter().map(|part| size_of::<u64>() + part.map_or(0, <[u8]>::len)).sum();
        let mut key = Vec::with_capacity(length);
        for part in parts {
            // A length before each part, so that no two lists of parts give the same key.
            key.extend_from_slice(&part.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
            key.extend_from_slice(part.unwrap_or_default());
        }
        Self { hash: HASHES.hash_one(&*key), whole: key.into() }
    }

    /// Its length in bytes.
    pub fn len(&self) -> usize {
        self.whole.len()
    }

    /// Never true: the parts' lengths alone take room.
    pub fn is_empty(&self) -> bool {
        self.whole.is_empty()
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}
