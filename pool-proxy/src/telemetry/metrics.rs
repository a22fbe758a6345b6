//! The process's metrics, in Prometheus's text format. Names begin with `pool_proxy_` and use base units.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use super::trace::TraceMetrics;

/// Upper bounds of the duration histograms, in seconds.
const SECONDS: [f64; 12] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Database {
    database: Arc<str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Spans {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Outcome {
    database: Arc<str>,
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct State {
    database: Arc<str>,
    state: &'static str,
}

/// A pool, for its gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolGauges {
    /// Connections that wait for work.
    pub idle: usize,
    /// Connections at work.
    pub active: usize,
    /// The most there may be.
    pub max: usize,
    /// Calls that wait for a connection.
    pub waiting: usize,
    /// Connections that open transactions hold between their client's requests.
    pub transactions: usize,
}

/// The stream of a database's changes, for its gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamGauges {
    /// How long ago it was last true that everything committed by then had been told; `None` while nothing is known.
    pub age: Option<Duration>,
    /// Whether that is so lately that answers are given from the cache.
    pub is_proven: bool,
    /// How many relations it tells of.
    pub relations: usize,
    /// How many answers are kept until it tells of a change, each counted for each relation or row it was read from.
    pub dependents: usize,
}

/// Everything that is counted.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    requests: Family<Request, Counter>,
    request_seconds: Family<Route, Histogram>,
    usual: Usual,
    cache_requests: Family<Outcome, Counter>,
    cache_entries: Gauge,
    cache_bytes: Gauge,
    queries: Family<Outcome, Counter>,
    query_seconds: Family<Database, Histogram>,
    queue_seconds: Family<Database, Histogram>,
    connections: Family<State, Gauge>,
    stream_proven: Family<Database, Gauge>,
    stream_age: Family<Database, Gauge<f64, AtomicU64>>,
    stream_dependents: Family<Database, Gauge>,
    connections_max: Family<Database, Gauge>,
    waiting: Family<Database, Gauge>,
    transactions: Family<Database, Gauge>,
    connects: Family<Outcome, Counter>,
    cancels: Family<Database, Counter>,
    resets: Family<Database, Counter>,
    shared_reads: Family<Database, Counter>,
    analyses: Family<Database, Counter>,
    client: ClientMetrics,
    client_bodies: Gauge,
    traces: TraceMetrics,
}

/// What nearly every request counts in, without a look-up by label.
#[derive(Debug)]
struct Usual {
    answered: Counter,
    seconds: Histogram,
}

impl Usual {
    const ROUTE: &str = "sql";
    const STATUS: u16 = 200;
}

/// The connections of clients. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ClientMetrics {
    /// Open now.
    pub connections: Gauge,
    /// Over the most there may be.
    pub refused: Counter,
}

fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

impl Metrics {
    /// All metrics, at zero. `region` may be empty.
    pub fn new(region: &str) -> Self {
        let mut all = Registry::default();
        let registry = all.sub_registry_with_prefix("pool_proxy");
        let build = vec![("version", env!("CARGO_PKG_VERSION").to_owned()), ("region", region.to_owned())];
        registry.register("build", "The version that runs, and its region", Info::new(build));

        macro_rules! register {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
            ($name:literal, $help:literal, $unit:expr, $metric:expr) => {{
                let metric = $metric;
                registry.register_with_unit($name, $help, $unit, metric.clone());
                metric
            }};
        }
        let durations = || Family::new_with_constructor(seconds as fn() -> Histogram);
        let queue_durations = || Family::new_with_constructor(seconds as fn() -> Histogram);
        let requests: Family<Request, Counter> = register!("http_requests", "Requests answered", Family::default());
        let request_seconds: Family<Route, Histogram> = register!(
            "http_request_duration",
            "From the request's head to its answer",
            Unit::Seconds,
            Family::new_with_constructor(seconds as fn() -> Histogram)
        );
        let spans: Family<Spans, Counter> =
            register!("trace_spans", "Spans of requests that were sampled, by result", Family::default());
        let spans = |result| spans.get_or_create_owned(&Spans { result });
        Self {
            traces: TraceMetrics { exported: spans("exported"), dropped: spans("dropped"), failed: spans("failed") },
            usual: Usual {
                answered: requests.get_or_create_owned(&Request { route: Usual::ROUTE, status: Usual::STATUS }),
                seconds: request_seconds.get_or_create_owned(&Route { route: Usual::ROUTE }),
            },
            requests,
            request_seconds,
            cache_requests: register!(
                "cache_requests",
                "Requests that asked for caching, by result",
                Family::default()
            ),
            stream_proven: register!(
                "change_stream_proven",
                "1 while answers that are kept until they change are given, else 0",
                Family::default()
            ),
            stream_age: register!(
                "change_stream_age",
                "Since the change stream was last known to have told everything",
                Unit::Seconds,
                Family::default()
            ),
            stream_dependents: register!(
                "change_stream_dependents",
                "Answers kept until they change, by each relation or row they were read from",
                Family::default()
            ),
            cache_entries: register!("cache_entries", "Answers held", Gauge::default()),
            cache_bytes: register!("cache_size", "Bytes held, keys included", Unit::Bytes, Gauge::default()),
            queries: register!("queries", "Calls run by Postgres, by result", Family::default()),
            query_seconds: register!("query_duration", "From sending to the last row", Unit::Seconds, durations()),
            queue_seconds: register!("queue_duration", "Waiting for a connection", Unit::Seconds, queue_durations()),
            connections: register!("pool_connections", "Connections to Postgres", Family::default()),
            connections_max: register!("pool_connections_max", "The most there may be", Family::default()),
            waiting: register!("pool_waiting", "Calls waiting for a connection", Family::default()),
            transactions: register!("pool_transactions", "Transactions open between requests", Family::default()),
            connects: register!("pool_connects", "Connections opened, by result", Family::default()),
            cancels: register!("cancels", "Cancel requests sent to Postgres", Family::default()),
            shared_reads: register!(
                "shared_reads",
                "Reads that went through a connection beside others",
                Family::default()
            ),
            resets: register!("resets", "Sessions reset after a request", Family::default()),
            analyses: register!("statement_analyses", "Statements judged by Postgres's parser", Family::default()),
            client: ClientMetrics {
                connections: register!("client_connections", "Connections of clients", Gauge::default()),
                refused: register!(
                    "client_connections_refused",
                    "Refused since there were too many",
                    Counter::default()
                ),
            },
            client_bodies: register!(
                "client_bodies",
                "Bodies of requests under way and answers not read yet",
                Unit::Bytes,
                Gauge::default()
            ),
            registry: all,
        }
    }

    /// The connections of clients.
    pub fn client(&self) -> ClientMetrics {
        self.client.clone()
    }

    /// The spans of traces.
    pub fn traces(&self) -> TraceMetrics {
        self.traces.clone()
    }

    /// What clients make the process hold, set when metrics are read.
    pub fn bodies(&self, bytes: u64) {
        self.client_bodies.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// A request was answered.
    pub fn request(&self, route: &'static str, status: u16, took: Duration) {
        let seconds = took.as_secs_f64();
        if (route, status) == (Usual::ROUTE, Usual::STATUS) {
            self.usual.answered.inc();
            self.usual.seconds.observe(seconds);
        } else {
            self.requests.get_or_create(&Request { route, status }).inc();
            self.request_seconds.get_or_create(&Route { route }).observe(seconds);
        }
    }

    /// The metrics of one database.
    pub fn database(self: &Arc<Self>, name: &Arc<str>) -> Arc<DatabaseMetrics> {
        let label = Database { database: Arc::clone(name) };
        let outcome = |result| Outcome { database: Arc::clone(name), result };
        Arc::new(DatabaseMetrics {
            hits: self.cache_requests.get_or_create(&outcome("hit")).clone(),
            ok: self.queries.get_or_create(&outcome("ok")).clone(),
            query_seconds: self.query_seconds.get_or_create(&label).clone(),
            queue_seconds: self.queue_seconds.get_or_create(&label).clone(),
            cancels: self.cancels.get_or_create(&label).clone(),
            shared_reads: self.shared_reads.get_or_create(&label).clone(),
            resets: self.resets.get_or_create(&label).clone(),
            analyses: self.analyses.get_or_create(&label).clone(),
            name: Arc::clone(name),
            all: Arc::clone(self),
        })
    }

    /// How a pool stands, set when metrics are read.
    pub fn pool(&self, database: &Arc<str>, gauges: PoolGauges) {
        let value = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        for (state, count) in [("idle", gauges.idle), ("active", gauges.active)] {
            self.connections.get_or_create(&State { database: database.clone(), state }).set(value(count));
        }
        let database = Database { database: database.clone() };
        self.connections_max.get_or_create(&database).set(value(gauges.max));
        self.waiting.get_or_create(&database).set(value(gauges.waiting));
        self.transactions.get_or_create(&database).set(value(gauges.transactions));
    }

    /// How a stream of changes stands, set when metrics are read.
    pub fn stream(&self, database: &Arc<str>, gauges: StreamGauges) {
        let database = Database { database: database.clone() };
        self.stream_proven.get_or_create(&database).set(i64::from(gauges.is_proven));
        self.stream_age.get_or_create(&database).set(gauges.age.map_or(f64::INFINITY, |age| age.as_secs_f64()));
        let dependents = i64::try_from(gauges.dependents).unwrap_or(i64::MAX);
        self.stream_dependents.get_or_create(&database).set(dependents);
    }

    /// What the cache holds, set when metrics are read.
    pub fn cache(&self, entries: u64, bytes: u64) {
        self.cache_entries.set(i64::try_from(entries).unwrap_or(i64::MAX));
        self.cache_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// Everything, in the `OpenMetrics` text format.
    pub fn encode(&self) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = text::encode(&mut out, &self.registry);
        out
    }
}

/// The metrics of one database; the frequent ones need no look-up by label.
#[derive(Debug)]
pub struct DatabaseMetrics {
    name: Arc<str>,
    all: Arc<Metrics>,
    hits: Counter,
    ok: Counter,
    query_seconds: Histogram,
    queue_seconds: Histogram,
    cancels: Counter,
    resets: Counter,
    shared_reads: Counter,
    analyses: Counter,
}

impl DatabaseMetrics {
    /// A request was answered from the cache.
    pub fn cache_hit(&self) {
        self.hits.inc();
    }

    /// Another request that asked for caching: `stale`, `miss`, `collapsed`, `bypass`, ...
    pub fn cache_request(&self, result: &'static str) {
        self.all.cache_requests.get_or_create(&Outcome { database: Arc::clone(&self.name), result }).inc();
    }

    /// A call was run: `ok`, `refused`, `timeout`, ...
    pub fn query(&self, result: &'static str, took: Duration) {
        if result == "ok" {
            self.ok.inc();
        } else {
            self.all.queries.get_or_create(&Outcome { database: Arc::clone(&self.name), result }).inc();
        }
        self.query_seconds.observe(took.as_secs_f64());
    }

    /// A call got a connection after waiting so long.
    pub fn queued(&self, waited: Duration) {
        self.queue_seconds.observe(waited.as_secs_f64());
    }

    /// A connection was opened (`ok`), or not (`failed`).
    pub fn connect(&self, result: &'static str) {
        self.all.connects.get_or_create(&Outcome { database: Arc::clone(&self.name), result }).inc();
    }

    /// A cancel request was sent.
    pub fn cancel(&self) {
        self.cancels.inc();
    }

    /// A session was reset.
    pub fn reset(&self) {
        self.resets.inc();
    }

    /// A read went through a connection beside others.
    pub fn shared_read(&self) {
        self.shared_reads.inc();
    }

    /// A statement was judged.
    pub fn analysis(&self) {
        self.analyses.inc();
    }
}
