//! Where a configuration is read from. This is the only file of the crate that reads the process's environment.

use std::collections::BTreeMap;
use std::path::PathBuf;

/// Everything a configuration can come from. Reading the same sources again sees the file as it is then. It holds
/// secrets, so it has no `Debug`.
#[derive(Clone, Default)]
pub struct Sources {
    /// What the command line says.
    pub flags: Flags,
    /// The environment variables, as far as they concern the proxy.
    pub environment: BTreeMap<String, String>,
    /// The TOML file that `--config` names; `POOL_PROXY_CONFIG` names it otherwise.
    pub file: Option<PathBuf>,
}

/// Values of the command line, as they were typed.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    /// `--listen`
    pub listen: Option<String>,
    /// `--ops-listen`
    pub ops_listen: Option<String>,
}

/// The variables there are.
pub(super) const DATABASE_URL: &str = "DATABASE_URL";
pub(super) const KEY: &str = "POOL_PROXY_KEY";
pub(super) const LISTEN: &str = "POOL_PROXY_LISTEN";
pub(super) const OPS_LISTEN: &str = "POOL_PROXY_OPS_LISTEN";
pub(super) const OPS_TOKEN: &str = "POOL_PROXY_OPS_TOKEN";
pub(super) const POOL_MAX: &str = "POOL_PROXY_POOL_MAX";
pub(super) const POOL_MIN_IDLE: &str = "POOL_PROXY_POOL_MIN_IDLE";
pub(super) const POOL_SHARED_READS: &str = "POOL_PROXY_POOL_SHARED_READS";
pub(super) const CACHE_BYTES: &str = "POOL_PROXY_CACHE_BYTES";
pub(super) const CACHE_MODE: &str = "POOL_PROXY_CACHE_MODE";
pub(super) const TLS_CERT: &str = "POOL_PROXY_TLS_CERT";
pub(super) const TLS_KEY: &str = "POOL_PROXY_TLS_KEY";
pub(super) const LOG: &str = "POOL_PROXY_LOG";
pub(super) const SLOW_QUERY: &str = "POOL_PROXY_SLOW_QUERY";
pub(super) const CONFIG: &str = "POOL_PROXY_CONFIG";
pub(super) const REGION: &str = "POOL_PROXY_REGION";
pub(super) const DB_ROOT_CERT: &str = "POOL_PROXY_DB_ROOT_CERT";

pub(super) const UPSTREAM: &str = "POOL_PROXY_UPSTREAM";
pub(super) const UPSTREAM_ROOT_CERT: &str = "POOL_PROXY_UPSTREAM_ROOT_CERT";

pub(super) const TRACE_ENDPOINT: &str = "POOL_PROXY_TRACE_ENDPOINT";
pub(super) const TRACE_HEADERS: &str = "POOL_PROXY_TRACE_HEADERS";
pub(super) const TRACE_SAMPLE: &str = "POOL_PROXY_TRACE_SAMPLE";
pub(super) const TRACE_SQL_COMMENT: &str = "POOL_PROXY_TRACE_SQL_COMMENT";

pub(super) const INSTANCE: &str = "POOL_PROXY_INSTANCE";
/// For the test of the tests, and in debug builds only: answers are kept without being held against what changed while they
/// were read.
pub(super) const TEST_FENCE: &str = "POOL_PROXY_TEST_FENCE";

/// Fly's own name of a machine (<https://fly.io/docs/machines/runtime-environment/>).
pub(super) const FLY_MACHINE: &str = "FLY_MACHINE_ID";

/// Those that OpenTelemetry has for every program
/// (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>).
pub(super) const OTEL_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
pub(super) const OTEL_TRACES_ENDPOINT: &str = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT";
pub(super) const OTEL_HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
pub(super) const OTEL_TRACES_HEADERS: &str = "OTEL_EXPORTER_OTLP_TRACES_HEADERS";
pub(super) const OTEL_DISABLED: &str = "OTEL_SDK_DISABLED";
pub(super) const OTEL_TRACES_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL";
pub(super) const OTEL_PROTOCOL: &str = "OTEL_EXPORTER_OTLP_PROTOCOL";
pub(super) const OTEL_SERVICE_NAME: &str = "OTEL_SERVICE_NAME";
pub(super) const OTEL_TRACES_EXPORTER: &str = "OTEL_TRACES_EXPORTER";
pub(super) const OTEL_SAMPLER: &str = "OTEL_TRACES_SAMPLER";
pub(super) const OTEL_SAMPLER_ARG: &str = "OTEL_TRACES_SAMPLER_ARG";

pub(super) const KNOWN: [&str; 36] = [
    DATABASE_URL,
    KEY,
    LISTEN,
    OPS_LISTEN,
    OPS_TOKEN,
    POOL_MAX,
    POOL_MIN_IDLE,
    POOL_SHARED_READS,
    CACHE_BYTES,
    CACHE_MODE,
    TLS_CERT,
    TLS_KEY,
    LOG,
    SLOW_QUERY,
    CONFIG,
    REGION,
    INSTANCE,
    FLY_MACHINE,
    DB_ROOT_CERT,
    UPSTREAM,
    UPSTREAM_ROOT_CERT,
    TRACE_ENDPOINT,
    TRACE_HEADERS,
    TRACE_SAMPLE,
    TRACE_SQL_COMMENT,
    OTEL_ENDPOINT,
    OTEL_TRACES_ENDPOINT,
    OTEL_HEADERS,
    OTEL_TRACES_HEADERS,
    OTEL_DISABLED,
    OTEL_TRACES_PROTOCOL,
    OTEL_PROTOCOL,
    OTEL_SERVICE_NAME,
    OTEL_TRACES_EXPORTER,
    OTEL_SAMPLER,
    OTEL_SAMPLER_ARG,
];

const PREFIX: &str = "POOL_PROXY_";

/// Variables with our prefix that are for the tests and benchmarks beside us.
const OTHERS: [&str; 4] = ["POOL_PROXY_BIN", "POOL_PROXY_TEST_", "POOL_PROXY_BENCH_", "POOL_PROXY_POSTGRES_BIN"];

/// Says that no colours are wanted (<https://no-color.org>).
const NO_COLOR: &str = "NO_COLOR";

impl Sources {
    /// The process's own environment, and what the command line says.
    pub fn of_process(flags: Flags, file: Option<PathBuf>) -> Self {
        let environment = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .filter(|(name, _)| name.starts_with(PREFIX) || KNOWN.contains(&name.as_str()) || name == NO_COLOR)
            // What is no UTF-8 is found out, and refused, by the replacement character.
            .map(|(name, value)| (name, value.to_string_lossy().into_owned()))
            .collect();
        Self { flags, environment, file }
    }

    /// Whether the environment asks for output without colours.
    pub fn no_color(&self) -> bool {
        self.variable(NO_COLOR).is_some()
    }

    /// A variable's value. Empty is as good as unset: platforms set variables that nobody filled in.
    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Variables that look like ours and are not.
    pub(super) fn unknown_variables(&self) -> impl Iterator<Item = &str> {
        let names = self.environment.keys().map(String::as_str);
        names.filter(|name| {
            let matches = |other: &str| if other.ends_with('_') { name.starts_with(other) } else { *name == other };
            name.starts_with(PREFIX) && !KNOWN.contains(name) && !OTHERS.iter().any(|other| matches(other))
        })
    }
}
