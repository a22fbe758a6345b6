//! What a request stands on: the settings, the proxy, and what the machine around us can do.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use pool_client::{Bookmark, BoxFuture, Client, Trace};

use crate::problem::{Code, Problem};
use crate::{Settings, SettingsError};

/// What the machine around us does for us: a Worker, or the host in tests.
pub trait Runtime: Send + Sync {
    /// The time, in seconds since 1970-01-01 UTC.
    fn now(&self) -> u64;

    /// The same, as exactly as the machine tells it.
    fn since_1970(&self) -> Duration {
        Duration::from_secs(self.now())
    }

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
    client: Client,
    /// Shared by the clones: the time of one is that of all.
    timed: Arc<OnceLock<Timed>>,
}

/// The client with what is left of the request's time, counted from its first call.
struct Timed {
    all: Client,
    most: Client,
}

impl Site {
    /// What a request with these settings stands on. The settings' deadline is that of all its calls together, from the
    /// first: how long the reader takes to send a body is not the database's time.
    pub fn new(settings: Settings, client: Client, runtime: Arc<dyn Runtime>) -> Self {
        let mut client = client.with_deadline(settings.deadline);
        if let Some(database) = &settings.database {
            client = client.with_database(database);
        }
        Self { settings: Arc::new(settings), runtime, client, timed: Arc::default() }
    }

    /// The database.
    pub(crate) fn db(&self) -> &Client {
        &self.timed().all
    }

    /// The database for a change behind which the cache has to forget something, and for what is asked before it: all
    /// of that leaves a quarter of the time to the forgetting.
    pub(crate) fn writing(&self) -> &Client {
        &self.timed().most
    }

    /// What the database's log holds of what the request has seen and done.
    pub(crate) fn bookmark(&self) -> Option<Bookmark> {
        self.client.bookmark()
    }

    fn timed(&self) -> &Timed {
        self.timed.get_or_init(|| {
            let within = |time| self.client.clone().with_total_deadline(time);
            Timed { all: within(self.settings.deadline), most: within(self.settings.deadline / 4 * 3) }
        })
    }

    /// The same for one request: its id and its trace are on every call of the proxy, and nothing is shown to it that is older than what it
    /// knows of. It has made no call yet.
    pub(crate) fn of_request(mut self, id: &str, known: Option<Bookmark>, trace: Option<Trace>) -> Self {
        self.client = self.client.with_request_id(id).with_session(known);
        if let Some(trace) = trace {
            self.client = self.client.with_trace(trace);
        }
        self.timed = Arc::default();
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
