//! What the driver is told: where things are, how long to measure, what to measure.

use std::path::{Path, PathBuf};

use clap::{Parser, ValueEnum};
use load::Outcome;

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
    /// One round of two seconds: shows that all of it works, measures nothing, writes no report.
    #[arg(long)]
    quick: bool,
    /// How often each server is measured; servers take turns.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of load per server and round.
    #[arg(long, default_value_t = 8)]
    seconds: u32,
    /// Seconds of the run with 2,000 clients.
    #[arg(long, default_value_t = 30)]
    clients_seconds: u32,
    /// Only this part; writes no report.
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// Folder for the report, whatever the other options say.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// One question of the benchmark.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Part {
    /// Cache hits against bare hyper.
    Hits,
    /// Uncached selects against the smallest pool and a Node service.
    Select,
    /// 2,000 clients on 10 connections.
    Clients,
    /// The edge API's Worker in workerd, its reads cached and uncached.
    Edge,
}

impl Options {
    pub(crate) fn is_quick(&self) -> bool {
        self.quick
    }

    pub(crate) fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds.max(1) }
    }

    pub(crate) fn seconds(&self) -> u32 {
        if self.quick { 2 } else { self.seconds.max(1) }
    }

    pub(crate) fn clients_seconds(&self) -> u32 {
        if self.quick { 5 } else { self.clients_seconds.max(1) }
    }

    pub(crate) fn parts(&self) -> Vec<Part> {
        self.only.map_or_else(|| vec![Part::Hits, Part::Select, Part::Clients, Part::Edge], |part| vec![part])
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
    let package = if name.starts_with("bare-") { "load" } else { name };
    Err(format!("{} is missing: cargo build --release -p {package}", path.display()).into())
}
