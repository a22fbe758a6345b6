//! The composition root: builds every room from the configuration, serves, reloads, drains. The only file that knows all
//! rooms.

mod files;
mod relay;
mod traces;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::header::HeaderValue;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{error, info, warn};

use crate::auth::Auth;
use crate::cache::Changes;
use crate::coherence::{Coherence, KeepConfig, Mode};
use crate::config::{Config, TlsFiles};
use crate::drain::Drain;
use crate::frontend::accept::{self, Listening};
use crate::frontend::gzip::Gzip;
use crate::frontend::ledger::Ledger;
use crate::frontend::tls::Certificate;
use crate::frontend::{Ops, Public, Terms};
use crate::gateway::{Database, Gateway, Keeping};
use crate::plan::Plans;
use crate::pool::Pool;
use crate::telemetry::{ClientMetrics, Metrics};
use files::{is_settled, stamps};
use traces::Traces;

/// How long requests may go on after the listeners have closed.
const FINISH: Duration = Duration::from_secs(30);
/// How long connections to Postgres may then take to close.
const CLOSE: Duration = Duration::from_secs(5);
/// How often changed files are looked for.
const WATCH: Duration = Duration::from_secs(2);

/// The most connections to the operators' listener.
const OPERATORS: usize = 256;
/// Open files that the process needs besides its connections: the log, the certificates, the runtime's own, and clients
/// that are just being refused.
const OTHER_FILES: usize = 64 + 256;

/// What `serve` is told besides its configuration.
pub struct Options {
    /// A file to write the bound addresses to, once requests are served.
    pub ready_file: Option<PathBuf>,
    /// The configuration file, whose changes are taken up.
    pub config_file: Option<PathBuf>,
    /// Reads the configuration again.
    pub reload: Box<dyn Fn() -> Result<Config, String> + Send + Sync>,
}

/// Why the service did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A listener, certificate or file that cannot be used.
    #[error("{0}")]
    Start(String),
}

/// What the process is told from outside. Without a handler each of them ends it.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes them from now on, within a runtime.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn take() -> std::io::Result<Self> {
        let (terminate, interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        Ok(Self { terminate, interrupt, hangup: signal(SignalKind::hangup())? })
    }
}

/// Everything that lives as long as the process.
struct App {
    public: Arc<Public>,
    ops: Arc<Ops>,
    certificate: Option<Arc<Certificate>>,
    /// Ends first: listeners, client connections, fills.
    drain: Drain,
    /// Where spans go.
    traces: Traces,
    /// Ends when nobody needs a connection to Postgres any more.
    connections: Drain,
}

/// Serves until SIGTERM or SIGINT, then finishes what runs.
///
/// # Errors
/// When it cannot start.
pub async fn serve(config: Config, options: Options, signals: Signals) -> Result<(), ServeError> {
    let listeners = Listeners::bind(&config)?;
    if let Some(upstream) = &config.upstream {
        return relay::serve(upstream, &config, listeners, options, signals).await;
    }
    let app = App::build(&config)?;

    let (public, ops) = (Arc::clone(&app.public), Arc::clone(&app.ops));
    let answer = move |request| Arc::clone(&public).answer(request);
    let answer_ops = move |request| {
        let ops = Arc::clone(&ops);
        async move { ops.answer(request).await }
    };
    for database in app.public.gateway.databases() {
        app.connections.spawn_until_stopped("keep connections warm", database.pool.clone().keep_warm());
    }
    for database in app.public.gateway.databases() {
        let configured = config.databases.iter().find(|configured| configured.name == database.name);
        if let (Some(keeping), Some(configured)) = (&database.keeping, configured) {
            let coherence = Coherence {
                target: configured.target.clone(),
                database: Arc::clone(database),
                changes: Arc::clone(&keeping.changes),
                shelf: app.public.gateway.shelf().clone(),
                publication: Arc::clone(&configured.keep.publication),
                drain: app.connections.clone(),
            };
            app.connections.spawn_until_stopped("follow changes", coherence.keep());
        }
    }
    // Cancelling takes a second connection for a moment.
    let pools = config.databases.iter().map(|database| database.pool.max.saturating_mul(2)).sum();
    let terms = within_open_files(config.terms, pools, 1);
    let listening = Listening { certificate: app.certificate.clone(), terms, metrics: app.public.metrics.client() };
    let announced = listeners.addresses()?;
    app.drain.spawn("public listener", accept::serve(listeners.public, listening, app.drain.clone(), answer));
    // Readiness and metrics stay to be read until the very end.
    let ops_drain = Drain::default();
    let terms = Terms { connections: OPERATORS, ..config.terms };
    let listening = Listening { certificate: None, terms, metrics: ClientMetrics::default() };
    ops_drain.spawn("operators' listener", accept::serve(listeners.ops, listening, ops_drain.clone(), answer_ops));

    let scheme = if app.certificate.is_some() { "https" } else { "http" };
    let (listen, ops_listen) = announced;
    info!(region = config.region, "serving {scheme}://{listen}, operators at http://{ops_listen}");
    announce(options.ready_file.as_deref(), announced, scheme)?;
    let Signals { terminate, interrupt, hangup } = signals;
    app.watch_files(config.tls.clone(), config.issuer_files.clone(), options, hangup);
    app.leave(told_to_end(terminate, interrupt, config.drain_delay).await).await;
    ops_drain.stop();
    ops_drain.finish(Duration::from_secs(1)).await;
    info!("stopped");
    Ok(())
}

impl App {
    fn build(config: &Config) -> Result<Self, ServeError> {
        let failed = |what: &str, error: &dyn std::fmt::Display| ServeError::Start(format!("{what}: {error}"));
        let (drain, connections) = (Drain::default(), Drain::default());
        let metrics = Arc::new(Metrics::new(&config.region));
        let traces = Traces::begin(config, &metrics)?;
        let mut databases = Vec::new();
        for database in &config.databases {
            let name = Arc::clone(&database.name);
            let counted = metrics.database(&name);
            let (target, counted_too) = (database.target.clone(), Arc::clone(&counted));
            let pool = Pool::new(Arc::clone(&name), target, database.pool, connections.clone(), counted_too)
                .map_err(|error| failed("the pool", &error))?;
            let mut served = Database::new(name, pool, database.limits, counted).with_statements(
                config.ops.statements,
                config.slow_query,
                traces.tracer.is_on(),
            );
            served.schema_name = database.target.schema_name().map(Arc::from);
            let KeepConfig { mode, bound, patience, safe_functions, unfenced, .. } = &database.keep;
            served.safe = safe_functions.iter().cloned().collect();
            served.keeping = (*mode != Mode::Ask && config.cache_bytes > 0).then(|| Keeping {
                changes: Arc::new(if *unfenced { Changes::unfenced(*bound) } else { Changes::new(*bound) }),
                observes: *mode == Mode::Observe,
                patience: *patience,
            });
            databases.push(served);
        }
        let gateway = Arc::new(Gateway::new(databases, config.cache_bytes, config.instance.clone(), drain.clone()));
        let certificate = certificate(config)?;
        let region = match config.region.as_str() {
            "" => None,
            region => Some(HeaderValue::from_str(region).map_err(|error| failed("region", &error))?),
        };
        let ledger = Ledger::new(config.terms.body_bytes);
        let auth = Arc::new(Auth::new(config.keys.clone(), config.issuers.clone(), drain.clone()));
        let public = Arc::new(Public {
            gateway: Arc::clone(&gateway),
            auth: Arc::clone(&auth),
            metrics: Arc::clone(&metrics),
            region,
            cors_origins: config.cors_origins.clone(),
            terms: config.terms,
            ledger: ledger.clone(),
            tracer: traces.tracer.clone(),
            plans: Plans::default(),
            gzip: Gzip::default(),
        });
        let ops =
            Arc::new(Ops { gateway, auth, ledger, metrics, token: config.ops.token, leaving: AtomicBool::new(false) });
        Ok(Self { public, ops, certificate, drain, traces, connections })
    }

    /// Takes up changed keys, limits and certificates on SIGHUP, and when a file has changed.
    fn watch_files(&self, tls: Option<TlsFiles>, mut issuers: Vec<PathBuf>, options: Options, mut hangup: Signal) {
        let (public, certificate) = (Arc::clone(&self.public), self.certificate.clone());
        self.drain.spawn_until_stopped("watch files", async move {
            let mut fixed: Vec<PathBuf> = options.config_file.clone().into_iter().collect();
            fixed.extend(tls.iter().flat_map(|files| [files.cert.clone(), files.key.clone()]));
            let mut watched = [&fixed[..], &issuers[..]].concat();
            let mut seen = stamps(&watched);
            // What was changed between reading and looking is not missed.
            if let Ok(fresh) = (options.reload)() {
                reload(&public, &fresh);
            }
            let served = certificate.zip(tls);
            catch_up(served.as_ref());
            loop {
                let asked = tokio::select! {
                    _ = hangup.recv() => true,
                    () = tokio::time::sleep(WATCH) => false,
                };
                let now = stamps(&watched);
                if !asked && (now == seen || !is_settled(&watched, &now).await) {
                    continue;
                }
                seen = now;
                match (options.reload)() {
                    Ok(fresh) => {
                        reload(&public, &fresh);
                        info!("keys, issuers and limits taken up");
                        if fresh.issuer_files != issuers {
                            issuers = fresh.issuer_files;
                            watched = [&fixed[..], &issuers[..]].concat();
                            // Read once more: what was changed between reading and looking is not missed.
                            seen.clear();
                        }
                    }
                    Err(error) => error!("the configuration is not taken up: {error}"),
                }
                if let Some((certificate, files)) = &served {
                    match certificate.reload(&files.cert, &files.key) {
                        Ok(()) => info!("certificate read again"),
                        Err(error) => error!("the certificate is not taken up: {error}"),
                    }
                }
            }
        });
    }

    /// Says no to readiness, goes on for a while so that traffic can move, closes the listeners, finishes what runs.
    async fn leave(&self, delay: Duration) {
        self.ops.leaving.store(true, Ordering::Release);
        self.drain.leave();
        info!(delay = ?delay, "stopping");
        tokio::time::sleep(delay).await;
        self.drain.stop();
        if !self.drain.finish(FINISH).await {
            warn!("some requests had not finished after {} seconds", FINISH.as_secs());
        }
        self.connections.stop();
        for database in self.public.gateway.databases() {
            database.pool.close();
        }
        self.connections.finish(CLOSE).await;
        self.traces.end(CLOSE).await;
    }
}

/// Both listeners, bound.
struct Listeners {
    public: TcpListener,
    ops: TcpListener,
}

impl Listeners {
    fn bind(config: &Config) -> Result<Self, ServeError> {
        let public = accept::bind(config.listen).map_err(ServeError::Start)?;
        Ok(Self { public, ops: accept::bind(config.ops.listen).map_err(ServeError::Start)? })
    }

    fn addresses(&self) -> Result<(SocketAddr, SocketAddr), ServeError> {
        let local = |listener: &TcpListener| listener.local_addr();
        let failed = |error: std::io::Error| ServeError::Start(error.to_string());
        Ok((local(&self.public).map_err(failed)?, local(&self.ops).map_err(failed)?))
    }
}

/// The certificate of the public listener, if it speaks TLS.
fn certificate(config: &Config) -> Result<Option<Arc<Certificate>>, ServeError> {
    let load = |files: &TlsFiles| Certificate::load(&files.cert, &files.key).map(Arc::new);
    config.tls.as_ref().map(load).transpose().map_err(|error| ServeError::Start(format!("TLS: {error}")))
}

/// Reads the certificate once more when its files begin to be watched: what was changed since the start is not missed.
fn catch_up(served: Option<&(Arc<Certificate>, TlsFiles)>) {
    if let Some((certificate, files)) = served
        && let Err(error) = certificate.reload(&files.cert, &files.key)
    {
        error!("the certificate is not taken up: {error}");
    }
}

/// Says where requests are served.
fn announce(
    file: Option<&Path>,
    (listen, ops_listen): (SocketAddr, SocketAddr),
    scheme: &str,
) -> Result<(), ServeError> {
    let Some(path) = file else { return Ok(()) };
    let ready = serde_json::json!({ "listen": listen, "ops_listen": ops_listen, "scheme": scheme });
    write_whole(path, &ready.to_string())
        .map_err(|error| ServeError::Start(format!("cannot write {}: {error}", path.display())))
}

/// Resolves when the end is wished for, with how long traffic gets to move. SIGINT comes when somebody sits before the
/// terminal and waits.
async fn told_to_end(mut terminate: Signal, mut interrupt: Signal, delay: Duration) -> Duration {
    tokio::select! {
        _ = terminate.recv() => delay,
        _ = interrupt.recv() => Duration::ZERO,
    }
}

/// The terms of clients, with no more connections than the system has file descriptors for, of which each takes `each`
/// and others `besides`.
fn within_open_files(terms: Terms, besides: usize, each: usize) -> Terms {
    // The soft limit is 1024 on most systems, for programs that still use select(2).
    let limit = match rlimit::increase_nofile_limit(u64::MAX) {
        Ok(limit) => usize::try_from(limit).unwrap_or(usize::MAX),
        Err(error) => {
            warn!(%error, "the limit of open files cannot be raised");
            return terms;
        }
    };
    let free = (limit.saturating_sub(besides + OPERATORS + OTHER_FILES) / each).max(1);
    if free < terms.connections {
        warn!(limit, connections = free, "the limit of open files leaves room for fewer clients than configured");
    }
    Terms { connections: terms.connections.min(free), ..terms }
}

/// Puts in force what can change while serving.
fn reload(public: &Public, fresh: &Config) {
    public.auth.replace(fresh.keys.clone(), fresh.issuers.clone());
    for database in public.gateway.databases() {
        if let Some(wanted) = fresh.databases.iter().find(|wanted| wanted.name == database.name) {
            database.set_limits(wanted.limits);
        } else {
            warn!(database = %database.name, "a database cannot be removed without a restart");
        }
    }
    for wanted in &fresh.databases {
        if !public.gateway.databases().any(|database| database.name == wanted.name) {
            warn!(database = %wanted.name, "a database cannot be added without a restart");
        }
    }
}

/// Whoever reads the file finds all of it or nothing.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let partial = path.with_extension("partial");
    std::fs::write(&partial, text)?;
    std::fs::rename(partial, path)
}
