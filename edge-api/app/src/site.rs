//! What a request stands on: the settings, the proxy, and what the machine around us can do.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use pool_client::{BoxFuture, Client};

use crate::problem::{Code, Problem};
use crate::{Settings, SettingsError};

/// What the machine around us does for us: a Worker, or the host in tests.
pub trait Runtime: Send + Sync {
    /// The time, in seconds since 1970-01-01 UTC.
    fn now(&self) -> u64;

    /// PBKDF2 with HMAC-SHA-256 (RFC 8018, section 5.2), 32 bytes long.
    ///
    /// # Errors
    /// If the machine refuses, as production Workers do above 100,000 rounds.
    fn pbkdf2_sha256<'a>(
        &'a self,
        password: &'a [u8],
        salt: &'a [u8],
        rounds: u32,
    ) -> BoxFuture<'a, Result<[u8; 32], RuntimeError>>;

    /// Writes a line to the log.
    fn log(&self, line: &str);
}

/// What the machine refused to do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct RuntimeError(pub String);

/// Everything a request stands on, made anew for each and found in its extensions; a [`SettingsError`] found there
/// instead is what the request is answered with.
#[derive(Clone)]
pub struct Site {
    pub(crate) settings: Arc<Settings>,
    pub(crate) runtime: Arc<dyn Runtime>,
    pub(crate) db: Client,
}

impl Site {
    /// What a request with these settings stands on, from now on: the settings' deadline is that of all its calls
    /// together.
    pub fn new(settings: Settings, client: Client, runtime: Arc<dyn Runtime>) -> Self {
        let mut db = client.with_deadline(settings.deadline).with_total_deadline(settings.deadline);
        if let Some(database) = &settings.database {
            db = db.with_database(database);
        }
        Self { settings: Arc::new(settings), runtime, db }
    }

    /// The database for a statement behind which the cache has to forget something: a quarter of the time is kept for
    /// that.
    pub(crate) fn writing(&self) -> Client {
        self.db.clone().with_deadline(self.settings.deadline / 4 * 3)
    }

    /// The same, with the request's id on every call of the proxy.
    pub(crate) fn with_request_id(mut self, id: &str) -> Self {
        self.db = self.db.with_request_id(id);
        self
    }
}

impl<S: Sync> FromRequestParts<S> for Site {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        if let Some(site) = parts.extensions.get::<Self>() {
            return Ok(site.clone());
        }
        // A shell that cannot read its settings says so here: the answer names what is wrong, like any other.
        Err(match parts.extensions.get::<SettingsError>() {
            Some(error) => Problem::new(Code::Misconfigured, error.to_string()),
            None => Problem::internal("the request came without its site"),
        })
    }
}

#[cfg(test)]
pub(crate) mod testing {
    //! A runtime for unit tests.

    use pbkdf2::sha2::Sha256;

    use super::{BoxFuture, Runtime, RuntimeError};

    #[derive(Default)]
    pub(crate) struct Host;

    impl Runtime for Host {
        fn now(&self) -> u64 {
            1_800_000_000
        }

        fn pbkdf2_sha256<'a>(
            &'a self,
            password: &'a [u8],
            salt: &'a [u8],
            rounds: u32,
        ) -> BoxFuture<'a, Result<[u8; 32], RuntimeError>> {
            Box::pin(async move { Ok(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, rounds)) })
        }

        fn log(&self, _: &str) {}
    }
}
