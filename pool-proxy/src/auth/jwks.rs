//! The keys that an issuer's tokens are signed with (RFC 7517): fixed ones, or a set that is fetched.
//!
//! A set is fetched by a task of its own: at the start, every ten minutes, and when a token names a key that is not in
//! it, but then not more than once in five seconds, whatever is asked and whoever leaves. While the issuer is out of
//! reach what was fetched last is good for a day.

mod known;

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::{Algorithm, DecodingKey};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{info, warn};

use super::fetch::{self, Fetch};
use crate::drain::Drain;
use known::Known;

/// How old a fetched set may become before it is looked at again.
const FRESH: Duration = Duration::from_mins(10);
/// Between two fetches, however many tokens name a key that nobody knows.
const PAUSE: Duration = Duration::from_secs(5);
/// Between two fetches that nobody waits for, while they fail.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// How long a set may be used while its issuer cannot be reached.
const LASTING: Duration = Duration::from_hours(24);
/// The most keys of one set that are looked at.
const MOST_KEYS: usize = 100;

/// Public keys by what a token's header says of its own.
#[derive(Debug, Clone)]
pub struct KeySet(Vec<Known>);

/// It is no set of keys.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("it is not a JSON Web Key Set: {{\"keys\": [...]}}")]
pub struct NotKeySet;

#[derive(Deserialize)]
struct Set<'a> {
    #[serde(borrow)]
    keys: Vec<&'a RawValue>,
}

impl KeySet {
    /// The public keys of a JSON Web Key Set, perhaps none. Keys of other kinds and for other uses are left out, and so
    /// are secret ones: who can read the set could sign with them.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(json: &[u8]) -> Result<Self, NotKeySet> {
        let set: Set<'_> = serde_json::from_slice(json).map_err(|_| NotKeySet)?;
        Ok(Self(set.keys.into_iter().take(MOST_KEYS).filter_map(Known::read).collect()))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The keys that may have signed a token: those of its `kid`, else those without a name; all where it has none.
    fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Vec<DecodingKey> {
        let fitting = |id: Option<&str>| {
            let fits = move |known: &&Known| known.algorithm == algorithm && known.id.as_deref() == id;
            self.0.iter().filter(fits).map(|known| known.key.clone()).collect::<Vec<_>>()
        };
        match id {
            None => self.0.iter().filter(|known| known.algorithm == algorithm).map(|known| known.key.clone()).collect(),
            Some(_) => Some(fitting(id)).filter(|keys| !keys.is_empty()).unwrap_or_else(|| fitting(None)),
        }
    }
}

/// Where an issuer's keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A secret shared with the issuer, for HS256.
    Secret(DecodingKey),
    /// Public keys that are known.
    Fixed(KeySet),
    /// Public keys that are fetched.
    Remote(Arc<Remote>),
}

/// What became of the search for keys.
#[derive(Debug)]
pub(super) enum Found {
    /// One of these, if any.
    Keys(Vec<DecodingKey>),
    /// Nobody knows: no set could be fetched so far.
    Unreachable,
}

impl KeySource {
    /// A secret.
    pub fn secret(secret: &[u8]) -> Self {
        Self::Secret(DecodingKey::from_secret(secret))
    }

    /// A set to be fetched.
    pub fn remote(fetch: Fetch) -> Self {
        let (wanted, tries) = (Arc::new(Notify::new()), watch::Sender::new(0));
        Self::Remote(Arc::new(Remote { fetch, state: RwLock::default(), wanted, tries }))
    }

    /// The keys that may have signed a token. A public key is never taken for a secret (RFC 8725, section 2.1).
    pub(super) async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        match (self, algorithm) {
            (Self::Secret(key), Algorithm::HS256) => Found::Keys(vec![key.clone()]),
            (Self::Fixed(keys), Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) => {
                Found::Keys(keys.find(id, algorithm))
            }
            (Self::Remote(remote), Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) => {
                remote.find(id, algorithm).await
            }
            _ => Found::Keys(vec![]),
        }
    }
}

/// A set that is fetched.
#[derive(Debug)]
pub struct Remote {
    fetch: Fetch,
    state: RwLock<Option<(Arc<KeySet>, Instant)>>,
    /// Somebody waits for the next fetch.
    wanted: Arc<Notify>,
    /// How often was fetched, successfully or not.
    tries: watch::Sender<u64>,
}

impl Remote {
    /// The address.
    pub fn url(&self) -> &str {
        self.fetch.url()
    }

    /// The address without what may be a secret in it.
    pub fn shown(&self) -> &str {
        fetch::shown(self.url())
    }

    async fn find(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        let mut tries = self.tries.subscribe();
        match self.look(id, algorithm) {
            Found::Keys(keys) if !keys.is_empty() => return Found::Keys(keys),
            _ => {}
        }
        self.wanted.notify_one();
        // A pause and a fetch, and no longer: the task may have ended with the process.
        let _ = timeout(PAUSE + fetch::PATIENCE + Duration::from_secs(1), tries.changed()).await;
        self.look(id, algorithm)
    }

    fn look(&self, id: Option<&str>, algorithm: Algorithm) -> Found {
        match &*self.state.read().unwrap_or_else(PoisonError::into_inner) {
            Some((keys, since)) if since.elapsed() < LASTING => Found::Keys(keys.find(id, algorithm)),
            _ => Found::Unreachable,
        }
    }

    /// Fetches the set once, for the doctor.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub async fn probe(&self) -> Result<KeySet, String> {
        let json = self.fetch.get().await.map_err(|error| error.to_string())?;
        KeySet::parse(&json).map_err(|error| error.to_string())
    }

    /// Fetches the set; whether that went well.
    async fn refresh(&self) -> bool {
        let fetched = self.probe().await;
        let url = self.shown();
        match &fetched {
            Ok(keys) if keys.is_empty() => warn!(url, "an issuer has no keys that tokens could be signed with"),
            Ok(keys) => info!(url, keys = keys.len(), "keys of an issuer fetched"),
            Err(error) => warn!(url, %error, "the keys of an issuer cannot be fetched"),
        }
        let went_well = fetched.is_ok();
        if let Ok(keys) = fetched {
            // Also an empty one: keys that are withdrawn are not to be used for another day.
            *self.state.write().unwrap_or_else(PoisonError::into_inner) = Some((Arc::new(keys), Instant::now()));
        }
        self.tries.send_modify(|tries| *tries += 1);
        went_well
    }

    /// Keeps the set fresh for as long as somebody uses it.
    pub(super) fn keep_fresh(self: &Arc<Self>, drain: &Drain) {
        let (remote, wanted) = (Arc::downgrade(self), Arc::clone(&self.wanted));
        drain.spawn_until_stopped("keys of an issuer", async move {
            let mut pause = PAUSE;
            while let Some(remote) = remote.upgrade() {
                let went_well = remote.refresh().await;
                drop(remote);
                let earliest = Instant::now() + PAUSE;
                pause = if went_well { PAUSE } else { LONGEST_PAUSE.min(pause * 2) };
                tokio::select! {
                    () = sleep(if went_well { FRESH } else { pause }) => {}
                    () = wanted.notified() => sleep_until(earliest).await,
                }
            }
        });
    }
}

#[cfg(test)]
mod tests;
