//! `pool-proxy config`: what is in force, and where each value came from. It asks no database.

use std::process::ExitCode;

use clap::Args;
use pool_proxy::config::{Config, Effective};
use serde_json::json;

use super::{SourceArguments, print, refuse};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    source: SourceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let (config, effective) = match Config::load(&arguments.source.sources()) {
        Ok(loaded) => loaded,
        Err(faults) => return refuse(&faults, arguments.json),
    };
    if arguments.json {
        let entries = effective
            .0
            .iter()
            .map(|entry| json!({ "key": entry.key, "value": entry.value, "origin": entry.origin.to_string() }));
        let answer = json!({ "ok": true, "config": entries.collect::<Vec<_>>(), "warnings": config.warnings });
        print(&format!("{answer:#}\n"));
    } else {
        print(&table(&effective));
        for warning in &config.warnings {
            eprintln!("warning: {warning}");
        }
    }
    ExitCode::SUCCESS
}

/// Three columns. A value that is much longer than the others does not push all of them aside.
fn table(effective: &Effective) -> String {
    const WIDEST: usize = 48;
    let width = |of: fn(&pool_proxy::config::Entry) -> &str| {
        effective.0.iter().map(|entry| of(entry).chars().count()).filter(|width| *width <= WIDEST).max().unwrap_or(0)
    };
    let (keys, values) = (width(|entry| &entry.key), width(|entry| &entry.value));
    let line = |entry: &pool_proxy::config::Entry| {
        let value = if entry.value.is_empty() { "\"\"" } else { &entry.value };
        format!("{:keys$}  {value:values$}  {}\n", entry.key, entry.origin)
    };
    effective.0.iter().map(line).collect()
}
