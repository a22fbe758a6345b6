//! `pool-proxy check`: a doctor. It reaches every database, or the upstream, and tells what would fail in production, and what might.

mod ask;
mod capacity;
mod coherence;
mod finding;
mod issuers;
mod keys;
mod login;
mod reach;
mod report;
mod server;
mod upstream;

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use futures_util::future::join_all;
use pool_proxy::config::{Config, DatabaseConfig};
use pool_proxy::drain::Drain;

use super::{FAULT, SourceArguments, print, refuse};
use finding::{Finding, Findings, Result};

/// One database may take this long, its connections included.
const PATIENCE: Duration = Duration::from_mins(1);

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let sources = arguments.source.sources();
    let config = match Config::load(&sources) {
        Ok((config, _)) => config,
        Err(faults) => return refuse(&faults, arguments.json),
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("pool-proxy: the runtime cannot be started: {error}");
            return ExitCode::from(FAULT);
        }
    };
    let findings = runtime.block_on(examine(&config));
    print(&if arguments.json { report::json(&findings) } else { report::text(&findings, &sources) });
    let fails = findings.iter().any(|finding| finding.result == Result::Fails);
    if fails { ExitCode::from(FAULT) } else { ExitCode::SUCCESS }
}

async fn examine(config: &Config) -> Vec<Finding> {
    let mut general = Findings::new("configuration");
    for warning in &config.warnings {
        general.warn("configuration", warning.as_str());
    }
    if config.warnings.is_empty() {
        general.fine("configuration", "valid");
    }
    if let Some(upstream) = &config.upstream {
        let findings = upstream::examine(upstream).await;
        return general.into_inner().into_iter().chain(findings.into_inner()).collect();
    }
    keys::expiry(&mut general, &config.keys);
    issuers::examine(&mut general, &config.issuers).await;
    let mut all = general.into_inner();
    for findings in join_all(config.databases.iter().map(|database| examine_database(config, database))).await {
        all.extend(findings.into_inner());
    }
    all
}

async fn examine_database(config: &Config, database: &DatabaseConfig) -> Findings {
    let mut findings = Findings::new(&database.name);
    let drain = Drain::default();
    if tokio::time::timeout(PATIENCE, ask_all(config, database, &drain, &mut findings)).await.is_err() {
        findings.fail("time", format!("the database did not answer within {} s", PATIENCE.as_secs()));
    }
    // What connections were opened say goodbye, so that the server's log stays clean.
    drain.finish(Duration::from_secs(2)).await;
    findings
}

async fn ask_all(config: &Config, database: &DatabaseConfig, drain: &Drain, findings: &mut Findings) {
    let Some(server) = reach::connect(database, drain, findings).await else { return };
    let client = server.client();
    server::examine(client, database, findings).await;
    reach::second(client, database, drain, findings).await;
    capacity::examine(client, config, database, findings).await;
    login::examine(client, config, database, findings).await;
    keys::examine(client, config, database, findings).await;
    coherence::examine(client, database, findings).await;
}
