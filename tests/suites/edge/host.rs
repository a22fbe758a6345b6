//! The host under an API that runs in this process: its clock, its log, its hashes, and the way to the proxy, on which
//! something may be lost.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use edge_app::{Runtime, RuntimeError};
use pbkdf2::sha2::Sha256;
use pool_client::BoxFuture;
use pool_client::native::HyperTransport;
use pool_client::transport::{Response, Transport, TransportError};

/// What is lost on the way between the host and the proxy at the moment.
pub(super) type Losing = Arc<Mutex<Lost>>;

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Lost {
    #[default]
    Nothing,
    /// The answers to statements.
    Answers,
    /// The answer to the next statement.
    NextAnswer,
    /// What the cache is told to forget, before it gets there.
    Invalidations,
}

/// From now on this is lost.
pub(super) fn lose(losing: &Losing, lost: Lost) {
    *losing.lock().unwrap_or_else(PoisonError::into_inner) = lost;
}

/// A way to the proxy on which something may be lost.
pub(super) struct Lossy {
    pub(super) transport: HyperTransport,
    pub(super) losing: Losing,
}

impl Lossy {
    /// Whether this one is lost.
    fn loses(&self, path: &str) -> bool {
        let mut losing = self.losing.lock().unwrap_or_else(PoisonError::into_inner);
        match *losing {
            Lost::Nothing => false,
            Lost::Answers => path == "/sql",
            Lost::NextAnswer => path == "/sql" && std::mem::take(&mut *losing) == Lost::NextAnswer,
            Lost::Invalidations => path == "/invalidate",
        }
    }
}

impl Transport for Lossy {
    fn send<'a>(
        &'a self,
        request: &'a pool_client::transport::Request,
        timeout: Duration,
    ) -> BoxFuture<'a, Result<Response, TransportError>> {
        Box::pin(async move {
            if !self.loses(request.path) {
                return self.transport.send(request, timeout).await;
            }
            if request.path == "/sql" {
                let _ = self.transport.send(request, timeout).await;
            }
            Err(TransportError::Unknown("it was lost".to_owned()))
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        self.transport.sleep(duration)
    }

    fn now(&self) -> Duration {
        self.transport.now()
    }
}

/// The host as the API's runtime.
#[derive(Clone, Default)]
pub(super) struct Host {
    log: Arc<Mutex<Vec<String>>>,
    derivations: Arc<Mutex<Vec<u32>>>,
}

impl Host {
    /// What was logged so far.
    pub(super) fn logged(&self) -> Vec<String> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The rounds of every PBKDF2 so far.
    pub(super) fn derivations(&self) -> Vec<u32> {
        self.derivations.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Runtime for Host {
    fn now(&self) -> u64 {
        now()
    }

    fn since_1970(&self) -> Duration {
        SystemTime::now().duration_since(UNIX_EPOCH).unwrap()
    }

    fn pbkdf2_sha256<'a>(
        &'a self,
        password: &'a [u8],
        salt: &'a [u8],
        rounds: u32,
    ) -> BoxFuture<'a, Result<[u8; 32], RuntimeError>> {
        self.derivations.lock().unwrap_or_else(PoisonError::into_inner).push(rounds);
        Box::pin(async move { Ok(pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, rounds)) })
    }

    fn log(&self, line: &str) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).push(line.to_owned());
    }
}

/// Seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}
