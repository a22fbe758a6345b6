//! What the operator wants, from defaults, file, environment and flags: the one place that reads the environment.

mod access;
mod cache;
mod clients;
mod databases;
pub mod date;
mod effective;
mod fault;
mod file;
mod issuers;
mod keys;
mod listeners;
pub mod names;
mod origin;
mod pool;
mod reader;
mod size;
mod sources;
mod trace;
mod upstream;
mod value;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub use effective::{Effective, Entry};
pub use fault::{Fault, Faults};
pub use origin::Origin;
pub use sources::{Flags, Sources};

use crate::auth::{Issuer, KeyEntry};
use crate::coherence::KeepConfig;
use crate::frontend::Terms;
use crate::gateway::Limits;
use crate::gateway::transactions::Instance;
use crate::pool::PoolConfig;
use crate::postgres::Target;
use crate::telemetry::log::LogConfig;
use crate::telemetry::trace::TraceConfig;
use crate::upstream::Upstream;
use file::File;
use reader::{Read, Reader};
use size::Size;
use value::Region;

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// The public listener.
    pub listen: SocketAddr,
    /// Its certificate, if it speaks TLS.
    pub tls: Option<TlsFiles>,
    /// The operators' listener.
    pub ops: OpsConfig,
    /// Origins that browsers may ask from; `*` for any.
    pub cors_origins: Vec<String>,
    /// What clients are granted.
    pub terms: Terms,
    /// A short name that answers, logs and metrics carry; may be empty.
    pub region: String,
    /// Which of several proxies behind one name this is; transactions carry it.
    pub instance: Instance,
    /// How logs are written.
    pub log: LogConfig,
    /// A statement that takes longer in the database is logged; none if nothing is said.
    pub slow_query: Option<Duration>,
    /// On SIGTERM, how long readiness says no before accepting stops.
    pub drain_delay: Duration,
    /// Where traces go, if they go anywhere.
    pub trace: Option<TraceConfig>,
    /// Where everything is relayed to. A relay has none of what follows.
    pub upstream: Option<Upstream>,
    /// How much the cache may hold, in bytes, keys included; 0 turns it off.
    pub cache_bytes: u64,
    /// The databases, at least one.
    pub databases: Vec<DatabaseConfig>,
    /// The keys.
    pub keys: Vec<KeyEntry>,
    /// Whose tokens are taken.
    pub issuers: Vec<Issuer>,
    /// The file that was read, to see when it changes.
    pub file: Option<PathBuf>,
    /// The files that hold keys of issuers, to see when they change.
    pub issuer_files: Vec<PathBuf>,
    /// What works, but should be known.
    pub warnings: Vec<String>,
}

/// The operators' listener.
#[derive(Debug, Clone)]
pub struct OpsConfig {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The hash of the bearer token it asks for; required off the loopback.
    pub token: Option<crate::auth::KeyHash>,
    /// How many statements of each database are told apart in its statistics; 0 turns them off.
    pub statements: usize,
}

/// A certificate and its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM, the leaf first.
    pub cert: PathBuf,
    /// PEM.
    pub key: PathBuf,
}

/// One Postgres the proxy fronts.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// What clients call it.
    pub name: Arc<str>,
    /// Where it is.
    pub target: Target,
    /// How many connections.
    pub pool: PoolConfig,
    /// How its answers are kept.
    pub keep: KeepConfig,
    /// How much a call may take.
    pub limits: Limits,
}

/// How much the cache holds unless somebody says otherwise.
const CACHE: Size = Size(256 << 20);

/// How long readiness says no before accepting stops, unless somebody says otherwise.
const DRAIN_DELAY: Duration = Duration::from_secs(5);

impl Config {
    /// Reads the configuration: defaults, then the file, the environment and the flags, each over those before it.
    /// Called again with the same sources it gives what can change while the proxy serves.
    ///
    /// # Errors
    /// Everything that is wrong with it. A file that cannot be parsed hides what else is wrong.
    pub fn load(sources: &Sources) -> Result<(Self, Effective), Faults> {
        let path = match (&sources.file, sources.variable(sources::CONFIG)) {
            (Some(path), _) => Some((path.clone(), Origin::Flag("--config"))),
            (None, Some(path)) => Some((PathBuf::from(path), Origin::Environment(sources::CONFIG))),
            (None, None) => None,
        };
        let (file, place) = match &path {
            Some((path, named_by)) => {
                let (file, place) = file::read(path, named_by.clone()).map_err(|fault| Faults(vec![fault]))?;
                (file, Some(place))
            }
            None => (File::default(), None),
        };
        let mut reader = Reader::new(sources, place.as_ref());
        check_variables(&mut reader, sources);
        let config = Self::read(&mut reader, sources, &file, path.map(|(path, _)| path));
        if reader.faults.is_empty() { Ok((config, reader.effective)) } else { Err(Faults(reader.faults)) }
    }

    fn read(reader: &mut Reader<'_>, sources: &Sources, file: &File, path: Option<PathBuf>) -> Self {
        let listeners = listeners::read(reader, &sources.flags, file);
        let terms = clients::read(reader, &file.clients);
        let layers = [reader.variable(sources::REGION), reader.line(&file.region)];
        let region = reader.read("region", layers, Region(String::new())).value.0;
        let layers = [reader.variable(sources::LOG), reader.line(&file.log)];
        let log = reader.read("log", layers, LogConfig::default()).value;
        let layers = [reader.line(&file.drain_delay)];
        let drain_delay = reader.read("drain_delay", layers, DRAIN_DELAY).value;
        let trace = trace::read(reader, file);
        let relays = upstream::is_asked_for(reader, file);
        let upstream = upstream::read(reader, file, listeners.listen);
        let own = if relays { Own::default() } else { Own::read(reader, file) };
        Self {
            listen: listeners.listen,
            tls: listeners.tls,
            ops: listeners.ops,
            cors_origins: listeners.cors_origins,
            terms,
            region,
            instance: own.instance,
            log,
            slow_query: own.slow_query,
            drain_delay,
            trace,
            upstream,
            cache_bytes: own.cache_bytes,
            databases: own.databases,
            keys: own.keys,
            issuers: own.issuers,
            file: path,
            issuer_files: own.issuer_files,
            warnings: std::mem::take(&mut reader.warnings),
        }
    }
}

/// What a proxy has and a relay has not.
#[derive(Default)]
struct Own {
    instance: Instance,
    slow_query: Option<Duration>,
    cache_bytes: u64,
    databases: Vec<DatabaseConfig>,
    keys: Vec<KeyEntry>,
    issuers: Vec<Issuer>,
    issuer_files: Vec<PathBuf>,
}

impl Own {
    fn read(reader: &mut Reader<'_>, file: &File) -> Self {
        let layers =
            [reader.variable(sources::INSTANCE), reader.line(&file.instance), reader.variable(sources::FLY_MACHINE)];
        let instance = reader.read("instance", layers, Instance::default()).value;
        let slow_query = slow_query(reader, file);
        let layers = [reader.variable(sources::CACHE_BYTES), reader.line(&file.cache.bytes)];
        let cache: Read<Size> = reader.read("cache.bytes", layers, CACHE);
        let databases = databases::read(reader, file);
        let names: Vec<&str> = databases::sections(reader, file).into_keys().collect();
        let keys = keys::read(reader, &file.keys, &names, !file.issuers.is_empty());
        let (issuers, issuer_files) = issuers::read(reader, &file.issuers, &names);
        Self { instance, slow_query, cache_bytes: cache.value.0, databases, keys, issuers, issuer_files }
    }
}

fn slow_query(reader: &mut Reader<'_>, file: &File) -> Option<Duration> {
    let layers = [reader.variable(sources::SLOW_QUERY), reader.line(&file.slow_query)];
    let given: Option<Read<Duration>> = reader.given("slow_query", layers);
    match &given {
        Some(read) => reader.note("slow_query", read),
        None => reader.note_text("slow_query", "off", &Origin::Default),
    }
    given.map(|read| read.value)
}

fn check_variables(reader: &mut Reader<'_>, sources: &Sources) {
    for name in sources.unknown_variables() {
        reader.warn(format!("the environment variable {name} is none of pool-proxy's and has no effect"));
    }
    for name in sources::KNOWN {
        if sources.variable(name).is_some_and(|value| value.contains(char::REPLACEMENT_CHARACTER)) {
            reader.fault(name, None, "expected text in UTF-8");
        }
    }
}

#[cfg(test)]
mod tests;
