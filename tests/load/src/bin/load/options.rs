//! What the driver is told: where things are, how long to measure, what to measure.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use load::Outcome;

use crate::{clients, overload};

/// Files that a process needs besides one socket per client.
const SPARE_FILES: u64 = 200;

/// Measures pool-proxy side by side with its yardsticks and writes tests/load/report.md.
#[derive(Parser)]
pub(crate) struct Options {
    /// Superuser URL of a private Postgres cluster; a database is made there and dropped again.
    #[arg(long, env = "POOL_PROXY_BENCH_POSTGRES", hide_env_values = true)]
    pub(crate) postgres: String,
    /// The load generator.
    #[arg(long, env = "OHA_BIN", default_value = "oha")]
    pub(crate) oha: PathBuf,
    /// The proxy's release binary; without it, the one beside this program.
    #[arg(long, env = "POOL_PROXY_BIN")]
    pub(crate) proxy: Option<PathBuf>,
    /// The program that applies the edge API's migrations; without it, the one beside this program.
    #[arg(long, env = "EDGE_MIGRATIONS_BIN")]
    migrations: Option<PathBuf>,
    /// `PgBouncer`, to measure beside; without it, that is left out.
    #[arg(long, env = "PGBOUNCER_BIN")]
    pub(crate) pgbouncer: Option<PathBuf>,
    /// pgbench, to measure with; without it, the machine's.
    #[arg(long, env = "PGBENCH_BIN")]
    pub(crate) pgbench: Option<PathBuf>,
    /// pgpool-II, to measure beside; without it, that is left out.
    #[arg(long, env = "PGPOOL_BIN")]
    pub(crate) pgpool: Option<PathBuf>,
    /// The tests, built: the history checker is one of them.
    #[arg(long, env = "SUITES_BIN")]
    pub(crate) suites: Option<PathBuf>,
    /// One round of a second: shows that all of it works, measures nothing, writes no report.
    #[arg(long)]
    quick: bool,
    /// How often each server is measured; servers take turns.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of load per server and round.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Seconds of the run with 10,000 clients.
    #[arg(long, default_value_t = 60)]
    clients_seconds: u32,
    /// Only this part; writes no report. `profile` runs only so.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Folder for the report, whatever the other options say.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// One question of the benchmark.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Part {
    /// Cache hits against bare hyper, over plain HTTP/1.1, TLS and HTTP/2.
    Hits,
    /// Uncached selects against the smallest pool and a Node service.
    Select,
    /// 10,000 clients on 10 connections, beside `PgBouncer`.
    Clients,
    /// What an idle connection takes.
    Memory,
    /// Ten times more requests than the database bears.
    Overload,
    /// The edge API's Worker in workerd, its reads cached and uncached.
    Edge,
    /// Prisma's query plans, against Prisma's own server for them.
    Plans,
    /// Answers that are kept until they change: what hits, writes, and a mix of both come to.
    Coherence,
    /// The history checker of the tests, for a million reads.
    History,
    /// The same requests along clients, rows, hits, lengths and transports.
    Axes,
    /// Speed and memory with more connections, rows, answers in the cache and tags.
    Growth,
    /// What the proxy adds to the time of a single request.
    Latency,
    /// Times to the first answer with the database and the proxy far away.
    Distance,
    /// From the start of the process to the first answer.
    Start,
    /// Long answers: what a megabyte of JSON takes.
    Rows,
    /// Ten statements in one request.
    Batch,
    /// The same select through what others put in front of Postgres.
    Peers,
    /// Where the time goes in hits and selects, by perf.
    Profile,
}

impl Part {
    /// As it is named on the command line.
    pub(crate) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}

impl Options {
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }

    pub(crate) fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    pub(crate) fn seconds(&self) -> u32 {
        if self.quick { 1 } else { self.seconds.max(1) }
    }

    pub(crate) fn clients_seconds(&self) -> u32 {
        if self.quick { 2 } else { self.clients_seconds.max(1) }
    }

    /// Until answers are on their way and buffers are given back.
    pub(crate) fn settling(&self) -> Duration {
        if self.quick { Duration::from_millis(300) } else { Duration::from_secs(2) }
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        let all = vec![
            Part::Hits,
            Part::Select,
            Part::Clients,
            Part::Memory,
            Part::Overload,
            Part::Edge,
            Part::Plans,
            Part::Coherence,
            Part::History,
            Part::Axes,
            Part::Growth,
            Part::Latency,
            Part::Distance,
            Part::Start,
            Part::Rows,
            Part::Batch,
            Part::Peers,
        ];
        self.only.map_or(all, |part| vec![part])
    }

    /// Files that a server or a generator has open at most, with what it needs besides its clients.
    pub(crate) fn open_files(&self) -> u64 {
        let needs = |part: Part| match part {
            Part::Clients | Part::Memory | Part::Axes | Part::Growth => u64::from(clients::CLIENTS),
            Part::Overload => overload::FILES,
            Part::Hits
            | Part::Select
            | Part::Edge
            | Part::Plans
            | Part::Coherence
            | Part::History
            | Part::Latency
            | Part::Distance
            | Part::Start
            | Part::Rows
            | Part::Batch
            | Part::Peers
            | Part::Profile => 0,
        };
        self.parts().into_iter().map(needs).max().unwrap_or_default() + SPARE_FILES
    }

    /// None when the run is too small to replace a real report.
    pub(crate) fn report_folder(&self) -> Option<PathBuf> {
        let whole = !self.quick && self.only.is_none();
        self.out.clone().or_else(|| whole.then(|| Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()))
    }

    pub(crate) fn proxy_binary(&self) -> Outcome<PathBuf> {
        self.proxy.clone().map_or_else(|| sibling("pool-proxy"), Ok)
    }

    pub(crate) fn migrations_binary(&self) -> Outcome<PathBuf> {
        self.migrations.clone().map_or_else(|| sibling("edge-migrations"), Ok)
    }
}

/// A program that cargo built beside this one.
pub(crate) fn sibling(name: &str) -> Outcome<PathBuf> {
    let path = std::env::current_exe()?.with_file_name(name);
    if path.is_file() {
        return Ok(path);
    }
    let package = if name.starts_with("bare-") || name == "crowd" { "load" } else { name };
    Err(format!("{} is missing: cargo build --release -p {package}", path.display()).into())
}
