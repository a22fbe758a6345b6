//! Opening connections: as many at a time as are asked for while the server lets them in, and one at a time, ever more
//! slowly, while it does not. So a database that is down is not stormed when it comes back.
//!
//! Each is opened in a task of its own: a caller that leaves takes nothing with it, and what it would have got is there
//! for the next.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tracing::{debug, warn};

use super::PoolConfig;
use super::outlook::Outlook;
use crate::drain::Drain;
use crate::postgres::{ConnectError, Server, Stage, Target};
use crate::telemetry::DatabaseMetrics;

/// The first pause after an attempt that failed; each further one doubles it.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest while the server is full: others may give up a connection at any time.
const LONGEST_FULL: Duration = Duration::from_millis(300);
/// The longest while it is down: what clients wait for most when it is back.
const LONGEST_DOWN: Duration = Duration::from_millis(250);
/// The longest while it refuses the session for another reason than that it starts or stops (57P), such as a database that
/// is not there.
const LONGEST_REFUSED: Duration = Duration::from_secs(1);
/// The longest while it refuses the login: some servers lock out who tries too often.
const LONGEST_LOGIN: Duration = Duration::from_secs(5);

/// How long a failure is believed when nobody tries again.
const LASTING: Duration = Duration::from_secs(5);

/// Opens connections. Cheap to clone.
#[derive(Clone)]
pub(super) struct Dialer(Arc<Inner>);

struct Inner {
    name: Arc<str>,
    target: Target,
    /// One for each connection there may be, held until the server has closed it.
    cap: Arc<Semaphore>,
    config: PoolConfig,
    drain: Drain,
    metrics: Arc<DatabaseMetrics>,
    state: Mutex<State>,
    /// How many wait for a connection.
    waiting: AtomicUsize,
    news: Notify,
    /// Connections of an older one have settings that sessions are not given any more.
    generation: AtomicU64,
}

#[derive(Default)]
struct State {
    /// Open, and not lent yet.
    ready: Vec<Server>,
    /// Attempts, also those that wait until another connection has closed.
    under_way: usize,
    trouble: Option<Trouble>,
    closed: bool,
}

/// The last attempt failed.
struct Trouble {
    error: ConnectError,
    failures: u32,
    /// When the first failed.
    since: Instant,
    /// When the next attempt may be made.
    next: Instant,
    /// One is under way.
    probing: bool,
}

impl Trouble {
    fn outlook(&self) -> Outlook {
        let next = (!self.probing).then_some(self.next);
        if self.error.is_full() {
            Outlook::Full { next }
        } else {
            Outlook::Down { error: self.error.clone(), next, since: self.since }
        }
    }
}

impl Dialer {
    pub(super) fn new(
        name: Arc<str>,
        target: Target,
        config: PoolConfig,
        drain: Drain,
        metrics: Arc<DatabaseMetrics>,
    ) -> Self {
        let cap = Arc::new(Semaphore::new(config.max));
        let (state, waiting, news) = (Mutex::default(), AtomicUsize::new(0), Notify::new());
        let generation = AtomicU64::new(0);
        Self(Arc::new(Inner { name, target, cap, config, drain, metrics, state, waiting, news, generation }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One that was opened and not lent yet.
    pub(super) fn take(&self) -> Option<Server> {
        let mut state = self.state();
        while let Some(server) = state.ready.pop() {
            if server.is_idle() && !self.is_outdated(&server) {
                return Some(server);
            }
        }
        None
    }

    /// Whoever connects from now on is given other settings.
    pub(super) fn renew(&self) {
        self.0.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Whether a connection has settings that are not given any more.
    pub(super) fn is_outdated(&self, server: &Server) -> bool {
        server.generation() < self.0.generation.load(Ordering::Acquire)
    }

    /// Whether the server answers, asked without a connection of its own.
    pub(super) async fn server_answers(&self) -> bool {
        self.0.target.answers().await
    }

    /// How many were opened and not lent yet.
    pub(super) fn ready(&self) -> usize {
        self.state().ready.len()
    }

    /// Takes out what is not to be kept.
    pub(super) fn retain(&self, keep: impl FnMut(&Server) -> bool) {
        self.state().ready.retain(keep);
    }

    /// How many wait for a connection.
    pub(super) fn waiting(&self) -> usize {
        self.0.waiting.load(Ordering::Acquire)
    }

    /// Counts somebody who waits, until dropped.
    pub(super) fn wait(&self) -> Waiting<'_> {
        self.0.waiting.fetch_add(1, Ordering::AcqRel);
        Waiting(self)
    }

    /// Tells whoever is first in the line that something has changed.
    pub(super) fn tell(&self) {
        self.0.news.notify_one();
    }

    /// Waits until something has changed.
    pub(super) async fn news(&self) {
        self.0.news.notified().await;
    }

    /// Sees to it that so many connections are being opened, if the server lets them in.
    pub(super) fn want(&self, count: usize) -> Outlook {
        let mut guard = self.state();
        let state = &mut *guard;
        state.forget();
        let Some(trouble) = &mut state.trouble else {
            while state.under_way < count.min(self.0.config.max) {
                self.dial(state, false);
            }
            return Outlook::Coming { probe: false };
        };
        if !trouble.probing && trouble.next <= Instant::now() {
            trouble.probing = true;
            self.dial(state, true);
            return Outlook::Coming { probe: true };
        }
        trouble.outlook()
    }

    /// How it stands, for whoever wants nothing any more.
    pub(super) fn outlook(&self) -> Outlook {
        let mut state = self.state();
        state.forget();
        state.trouble.as_ref().map_or(Outlook::Coming { probe: false }, Trouble::outlook)
    }

    fn dial(&self, state: &mut State, probe: bool) {
        state.under_way += 1;
        let attempt = Attempt { dialer: self.clone(), probe, outcome: None };
        self.0.drain.spawn_until_stopped("connect", attempt.run());
    }

    /// Opens none for so long, as if the server were full; also if it is.
    pub(super) fn leave_free(&self, pause: Duration) {
        let mut state = self.state();
        let next = Instant::now() + pause;
        match &mut state.trouble {
            None => {
                state.trouble = Some(Trouble {
                    error: ConnectError::full(),
                    failures: 0,
                    since: Instant::now(),
                    next,
                    probing: false,
                });
            }
            Some(trouble) if trouble.error.is_full() => trouble.next = trouble.next.max(next),
            Some(_) => {}
        }
    }

    /// No more from now on.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        state.ready.clear();
    }
}

/// Somebody who waits for a connection.
pub(super) struct Waiting<'a>(&'a Dialer);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}

/// One attempt to connect. Whatever becomes of it, it is counted down, and who waits is told.
struct Attempt {
    dialer: Dialer,
    probe: bool,
    outcome: Option<Result<Server, ConnectError>>,
}

impl Attempt {
    async fn run(mut self) {
        let dialer = self.dialer.clone();
        // Waits while a connection that was given up is still closing. The semaphore is never closed itself.
        let permit = Arc::clone(&dialer.0.cap).acquire_owned().await.ok();
        if !self.is_wanted() {
            return;
        }
        // Before it begins: the settings are no older than that.
        let generation = dialer.0.generation.load(Ordering::Acquire);
        let mut outcome = Box::pin(dialer.0.target.connect(&dialer.0.drain, permit)).await;
        dialer.0.metrics.connect(if outcome.is_ok() { "ok" } else { "failed" });
        if let Ok(server) = &mut outcome {
            let lifetime = dialer.0.config.max_lifetime.mul_f64(rand::random_range(0.8..1.0));
            server.expire_at(Instant::now() + lifetime);
            server.belong_to(generation);
        }
        if let Err(error) = &outcome {
            let (database, stage) = (&dialer.0.name, error.stage.as_str());
            // Once for each time that it begins, or is another one.
            if self.is_news(error) {
                warn!(%database, stage, code = error.code, error = %error.message, "cannot connect");
            } else {
                debug!(%database, stage, code = error.code, "still cannot connect");
            }
        }
        self.outcome = Some(outcome);
    }

    fn is_news(&self, error: &ConnectError) -> bool {
        let state = self.dialer.state();
        state.trouble.as_ref().is_none_or(|known| (known.error.stage, &known.error.code) != (error.stage, &error.code))
    }

    /// Not if others have found out in the meantime that the server lets nobody in.
    fn is_wanted(&self) -> bool {
        let state = self.dialer.state();
        !state.closed && (self.probe || state.trouble.is_none())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let mut unwanted = None;
        {
            let mut state = self.dialer.state();
            state.under_way -= 1;
            if let (true, Some(trouble)) = (self.probe, &mut state.trouble) {
                trouble.probing = false;
            }
            match self.outcome.take() {
                None => {}
                Some(Ok(server)) if state.closed => unwanted = Some(server),
                Some(Ok(server)) => {
                    state.trouble = None;
                    state.ready.push(server);
                }
                Some(Err(error)) => state.fail(error, self.probe),
            }
        }
        drop(unwanted);
        self.dialer.tell();
    }
}

impl State {
    /// What nobody has looked into for long may be over.
    fn forget(&mut self) {
        if self.trouble.as_ref().is_some_and(|trouble| !trouble.probing && trouble.next.elapsed() > LASTING) {
            self.trouble = None;
        }
    }

    fn fail(&mut self, error: ConnectError, probe: bool) {
        let failures = match &self.trouble {
            // It began before the trouble was known, and is no news.
            Some(trouble) if !probe => trouble.failures,
            Some(trouble) => trouble.failures.saturating_add(1),
            None => 0,
        };
        let longest = match error.stage {
            _ if error.is_full() => LONGEST_FULL,
            Stage::Authentication => LONGEST_LOGIN,
            Stage::Startup if error.code.as_deref().is_some_and(|code| !code.starts_with("57P")) => LONGEST_REFUSED,
            _ => LONGEST_DOWN,
        };
        let pause = PAUSE.saturating_mul(2_u32.saturating_pow(failures)).min(longest);
        // Several proxies must not try at the same moments.
        let next = Instant::now() + pause.mul_f64(rand::random_range(0.5..1.0));
        // A place that is left free for others stays so.
        let next = self.trouble.as_ref().map_or(next, |trouble| trouble.next.max(next));
        let probing = self.trouble.as_ref().is_some_and(|trouble| trouble.probing);
        // A server that was full was not down.
        let known = self.trouble.as_ref().filter(|trouble| !trouble.error.is_full());
        let since = known.map_or_else(Instant::now, |trouble| trouble.since);
        self.trouble = Some(Trouble { error, failures, since, next, probing });
    }
}
