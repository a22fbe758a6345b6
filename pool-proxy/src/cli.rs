//! The commands. Each ends with 0 when all is well, 1 when it ran and found a fault, 2 when it was asked in a wrong way
//! or the configuration is at fault.

mod check;
mod coherence;
mod config;
mod key;
mod serve;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use pool_proxy::config::{Faults, Flags, Sources};

/// It ran and found a fault.
const FAULT: u8 = 1;

/// Asked in a wrong way, or with a configuration that cannot be used.
const REFUSED: u8 = 2;

/// Lets thousands of stateless clients share a few Postgres connections and a query cache.
#[derive(Parser)]
#[command(name = "pool-proxy", version, propagate_version = true, arg_required_else_help = true)]
#[command(after_help = "Two variables are enough to start:\n  \
    DATABASE_URL=postgres://... POOL_PROXY_KEY=$(openssl rand -hex 32) pool-proxy serve")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM.
    Serve(serve::Arguments),
    /// Tell whether it would work in production: reach every database, compare pools, TLS, rights.
    Check(check::Arguments),
    /// Make databases tell what changed, so that answers can be kept until then.
    Coherence(coherence::Arguments),
    /// Make API keys.
    Key(key::Arguments),
    /// Print the configuration in force, secrets masked, and where each value came from.
    Config(config::Arguments),
}

/// Where the configuration comes from; the environment does its part.
#[derive(Args)]
struct SourceArguments {
    /// The TOML file; `POOL_PROXY_CONFIG` otherwise.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The public listener, such as 0.0.0.0:8080.
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The operators' listener, such as 127.0.0.1:9080.
    #[arg(long, value_name = "ADDRESS:PORT")]
    ops_listen: Option<String>,
}

impl SourceArguments {
    fn sources(self) -> Sources {
        Sources::of_process(Flags { listen: self.listen, ops_listen: self.ops_listen }, self.config)
    }
}

/// Does what the command line asks.
pub(crate) fn run() -> ExitCode {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve::run(arguments),
        Command::Check(arguments) => check::run(arguments),
        Command::Coherence(arguments) => coherence::run(arguments),
        Command::Key(arguments) => key::run(arguments),
        Command::Config(arguments) => config::run(arguments),
    }
}

/// Prints an answer. Whoever stopped reading it needs none.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Tells what is wrong with the configuration.
fn refuse(faults: &Faults, json: bool) -> ExitCode {
    if json {
        let list = faults.0.iter().map(|fault| {
            serde_json::json!({
                "key": fault.key,
                "value": fault.value,
                "origin": fault.origin.as_ref().map(ToString::to_string),
                "problem": fault.problem,
            })
        });
        print(&format!("{:#}\n", serde_json::json!({ "ok": false, "faults": list.collect::<Vec<_>>() })));
    } else {
        eprintln!("pool-proxy: {faults}");
    }
    ExitCode::from(REFUSED)
}
