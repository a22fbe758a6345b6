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
    let served = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| (format!("the runtime cannot be started: {error}"), FAULT))
        .and_then(
            |runtime| // Once it serves it ends in good order: what can go wrong is an address or a file that cannot be used.
            runtime.block_on(app::serve(config, options)).map_err(|error| (error.to_string(), REFUSED)),
        );
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err((error, code)) => {
            // The last words are worth saying also where the log is off.
            if tracing::enabled!(Level::ERROR) {
                error!("{error}");
            } else {
                eprintln!("pool-proxy: {error}");
            }
            ExitCode::from(code)
        }
    }
}
