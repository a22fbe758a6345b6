//! `pool-proxy serve`: what to serve with; the rest is the application's.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use pool_proxy::app;
use pool_proxy::config::Config;
use pool_proxy::telemetry::log;
use tracing::{Level, error, warn};

use super::{FAULT, REFUSED, SourceArguments, refuse};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Write the addresses that were bound into this file once requests are served.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime cannot be started: {error}"), FAULT),
    };
    // First of all: a supervisor may ask for a reload as soon as there is a process.
    let signals = match runtime.block_on(async { app::Signals::take() }) {
        Ok(signals) => signals,
        Err(error) => return fail(&format!("signals cannot be taken: {error}"), FAULT),
    };
    let sources = arguments.source.sources();
    let config = match Config::load(&sources) {
        Ok((config, _)) => config,
        Err(faults) => return refuse(&faults, false),
    };
    log::init(&config.log);
    for warning in &config.warnings {
        warn!("{warning}");
    }
    let reload = move || Config::load(&sources).map(|(config, _)| config).map_err(|faults| faults.to_string());
    let (ready_file, config_file) = (arguments.ready_file, config.file.clone());
    let options = app::Options { ready_file, config_file, reload: Box::new(reload) };
    match runtime.block_on(app::serve(config, options, signals)) {
        Ok(()) => ExitCode::SUCCESS,
        // Once it serves it ends in good order: what can go wrong is an address or a file that cannot be used.
        Err(error) => fail(&error.to_string(), REFUSED),
    }
}

fn fail(error: &str, code: u8) -> ExitCode {
    // The last words are worth saying also where there is no log, or not yet.
    if tracing::enabled!(Level::ERROR) {
        error!("{error}");
    } else {
        eprintln!("pool-proxy: {error}");
    }
    ExitCode::from(code)
}
