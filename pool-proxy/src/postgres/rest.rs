//! A connection while nobody uses it: for how long, whether it is too old, and whether the server still answers. A
//! firewall may have forgotten it, and then nobody is told.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use super::server::Server;
use crate::drain::Drain;

/// How long a connection rests until it is asked for a sign of life, and again after each. It also keeps those who
/// forget idle connections from forgetting it.
const QUIET: Duration = Duration::from_secs(10);

/// How long the sign may take.
const SIGN: Duration = Duration::from_secs(2);

/// How long after its time a connection may still be taken out while it rests; then it is closed when it comes back.
const OVERDUE: Duration = Duration::from_secs(5);

/// What is known of a connection's rest.
#[derive(Debug)]
pub(super) struct Rest {
    since: Instant,
    asked: Mutex<Asked>,
    expires: Option<Instant>,
    generation: u64,
    /// The server does not answer: whoever drives the connection need not wait for it.
    hopeless: Arc<AtomicBool>,
}

/// The last sign of life that was asked for.
#[derive(Debug)]
struct Asked {
    at: Instant,
    sign: Option<watch::Receiver<Option<bool>>>,
}

impl Rest {
    pub(super) fn new(hopeless: Arc<AtomicBool>) -> Self {
        let now = Instant::now();
        Self { since: now, asked: Mutex::new(Asked { at: now, sign: None }), expires: None, generation: 0, hopeless }
    }
}

impl Server {
    /// It is to be replaced after this.
    pub fn expire_at(&mut self, moment: Instant) {
        self.rest.expires = Some(moment);
    }

    /// Whether it is to be replaced, while nobody uses it.
    pub fn is_expired(&self) -> bool {
        self.rest.expires.is_some_and(|moment| moment <= Instant::now())
    }

    /// Whether by now it should have been replaced some time ago, and was never found at rest.
    pub fn is_overdue(&self, now: Instant) -> bool {
        self.rest.expires.is_some_and(|moment| moment + OVERDUE <= now)
    }

    /// Since when its settings are those that a session is given, in a count of its pool's.
    pub fn belong_to(&mut self, generation: u64) {
        self.rest.generation = generation;
    }

    /// The same.
    pub fn generation(&self) -> u64 {
        self.rest.generation
    }

    /// From now on nobody uses it.
    pub fn begin_rest(&mut self, now: Instant) {
        self.rest.since = now;
    }

    /// For how long nobody has used it.
    pub fn resting(&self) -> Duration {
        self.rest.since.elapsed()
    }

    /// Asks for a sign of life, if it has been quiet for long. The answer is waited for in the background.
    pub fn check(&self, drain: &Drain) {
        let mut asked = self.rest.asked.lock().unwrap_or_else(PoisonError::into_inner);
        if self.rest.since.max(asked.at).elapsed() < QUIET {
            return;
        }
        let (tell, sign) = watch::channel(None);
        *asked = Asked { at: Instant::now(), sign: Some(sign) };
        let (client, hopeless) = (Arc::clone(&self.common.client), Arc::clone(&self.rest.hopeless));
        drain.spawn("check connection", async move {
            let alive = matches!(timeout(SIGN, client.check_connection()).await, Ok(Ok(())));
            hopeless.store(!alive, Ordering::Release);
            tell.send_replace(Some(alive));
        });
    }

    /// Whether the server has given no sign in time.
    pub fn is_mute(&self) -> bool {
        self.rest.hopeless.load(Ordering::Acquire)
    }

    /// Waits for the sign, if one was asked for; false if it has not come in time.
    pub async fn has_answered(&mut self) -> bool {
        let asked = self.rest.asked.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Some(mut sign) = asked.sign.take() else { return !self.is_mute() };
        let told = sign.wait_for(Option::is_some).await.is_ok_and(|told| *told == Some(true));
        told && !self.is_mute()
    }
}
