//! The keys that an issuer's tokens are signed with (RFC 7517): fixed ones, or a set that is fetched.
//!
//! A fetched set is looked at again every ten minutes, and at once when a token names a key that is not in it: one fetch
//! at a time, and not more than one in five seconds, whatever is asked. While the issuer is out of reach what was fetched
//! last is good for a day.

use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use super::fetch::Fetch;
use crate::drain::Drain;

/// How old a fetched set may become before it is looked at again.
const FRESH: Duration = Duration::from_mins(10);
/// Between two fetches, however many tokens name a key that nobody knows.
const PAUSE: Duration = Duration::from_secs(5);
/// How long a set may be used while its issuer cannot be reached.
const LASTING: Duration = Duration::from_hours(24);
/// The most keys of one set that are looked at.
const MOST_KEYS: usize = 100;

/// Keys by what a token's header says of its own.
#[derive(Debug, Clone)]
pub struct KeySet(Vec<Known>);

#[derive(Debug, Clone)]
struct Known {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

/// Why a set of keys cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeySetError {
    /// Not `{"keys": [...]}`.
    #[error("it is not a JSON Web Key Set: {{\"keys\": [...]}}")]
    Malformed,
    /// None that signs by an algorithm we know.
    #[error("there is no public key in it for signatures by RS256, ES256 or EdDSA (Ed25519)")]
    Empty,
}

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// The public keys of a JSON Web Key Set. Keys of other kinds and for other uses are left out, and so are secret
    /// ones: who can read the set could sign with them.
    ///
    /// # Errors
    /// When it is none, or has no key that can be used.
    pub fn parse(json: &[u8]) -> Result<Self, KeySetError> {
        let set: Set<'_> = serde_json::from_slice(json).map_err(|_| KeySetError::Malformed)?;
        let keys: Vec<Known> = set.keys.into_iter().take(MOST_KEYS).filter_map(Known::read).collect();
        if keys.is_empty() { Err(KeySetError::Empty) } else { Ok(Self(keys)) }
    }

    /// A secret shared with the issuer, for HS256.
    pub fn secret(secret: &[u8]) -> Self {
        Self(vec![Known { id: None, algorithm: Algorithm::HS256, key: DecodingKey::from_secret(secret) }])
    }

    /// The one key that may have signed a token: that of its `kid`, else the only one of its algorithm that has no name
    /// or is asked for without one.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let fitting = || self.0.iter().filter(|known| known.algorithm == algorithm);
        if let Some(named) = fitting().find(|known| id.is_some() && known.id.as_deref() == id) {
            return Some(named.key.clone());
        }
        let mut nameless = fitting().filter(|known| id.is_none() || known.id.is_none());
        match (nameless.next(), nameless.next()) {
            (Some(only), None) => Some(only.key.clone()),
            _ => None,
        }
    }
}

impl Known {
    fn read(json: &RawValue) -> Option<Self> {
        let jwk: Jwk = serde_json::from_str(json.get()).ok()?;
        if !matches!(jwk.common.public_key_use, None | Some(PublicKeyUse::Signature)) {
            return None;
        }
        let (algorithm, named) = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
                (Algorithm::ES256, KeyAlgorithm::ES256)
            }
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                (Algorithm::EdDSA, KeyAlgorithm::EdDSA)
            }
            _ => return None,
        };
        if jwk.common.key_algorithm.is_some_and(|other| other != named) {
            return None;
        }
        let key = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self { id: jwk.common.key_id, algorithm, key })
    }
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// They are known.
    Fixed(KeySet),
    /// They are fetched.
    Remote(Arc<Remote>),
}

/// What became of the search for a key.
#[derive(Debug)]
pub(super) enum Found {
    /// This one.
    Key(DecodingKey),
    /// There is none such.
    Unknown,
    /// Nobody knows: no set could be fetched so far.
    Unreachable,
}

impl KeySource {
    /// A set to be fetched from this address.
    pub fn remote(fetch: Fetch) -> Self {
        Self::Remote(Arc::new(Remote { fetch, state: RwLock::default(), turn: tokio::sync::Mutex::new(()) }))
    }

    /// The key that may have signed a token.
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        match self {
            Self::Fixed(keys) => keys.find(id, algorithm).map_or(Found::Unknown, Found::Key),
            Self::Remote(remote) => remote.find(id, algorithm).await,
        }
    }

    /// Whether tokens are signed with a secret.
    pub(super) fn is_secret(&self) -> bool {
        matches!(self, Self::Fixed(keys) if keys.0.iter().any(|known| known.algorithm == Algorithm::HS256))
    }
}

/// A set that is fetched.
#[derive(Debug)]
pub struct Remote {
    fetch: Fetch,
    state: RwLock<State>,
    /// Whoever has it fetches.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    keys: Option<(Arc<KeySet>, Instant)>,
    tried: Option<Instant>,
}

impl Remote {
    /// The address.
    pub fn url(&self) -> &str {
        self.fetch.url()
    }

    async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        if let Found::Key(key) = self.look(id, algorithm) {
            return Found::Key(key);
        }
        self.refresh(PAUSE).await;
        self.look(id, algorithm)
    }

    fn look(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        match &state.keys {
            Some((keys, since)) if since.elapsed() < LASTING => {
                keys.find(id, algorithm).map_or(Found::Unknown, Found::Key)
            }
            _ => Found::Unreachable,
        }
    }

    /// Fetches the set, unless it was tried within `pause`. Whoever comes meanwhile waits for the same fetch.
    async fn refresh(&self, pause: Duration) {
        let _turn = self.turn.lock().await;
        let tried = self.state.read().unwrap_or_else(PoisonError::into_inner).tried;
        if tried.is_some_and(|tried| tried.elapsed() < pause) {
            return;
        }
        let fetched = self.fetch.get().await.map_err(|error| error.to_string());
        let parsed = fetched.and_then(|json| KeySet::parse(&json).map_err(|error| error.to_string()));
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        state.tried = Some(now);
        match parsed {
            Ok(keys) => {
                info!(url = self.url(), keys = keys.0.len(), "keys of an issuer fetched");
                state.keys = Some((Arc::new(keys), now));
            }
            Err(error) => warn!(url = self.url(), %error, "the keys of an issuer cannot be fetched"),
        }
    }

    /// Keeps the set fresh for as long as somebody uses it.
    pub(super) fn keep_fresh(self: &Arc<Self>, drain: &Drain) {
        let remote: Weak<Self> = Arc::downgrade(self);
        drain.spawn_until_stopped("keys of an issuer", async move {
            while let Some(remote) = remote.upgrade() {
                remote.refresh(PAUSE).await;
                let failed = matches!(remote.look(None, Algorithm::HS256), Found::Unreachable);
                drop(remote);
                sleep(if failed { PAUSE } else { FRESH }).await;
            }
        });
    }

    /// Fetches the set once, for the doctor.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub async fn probe(&self) -> Result<usize, String> {
        let json = self.fetch.get().await.map_err(|error| error.to_string())?;
        KeySet::parse(&json).map(|keys| keys.0.len()).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests;
