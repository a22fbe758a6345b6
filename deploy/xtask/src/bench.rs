//! `cargo xtask bench`: the load benchmarks, against a private Postgres, the proxy as it is released and the edge API's
//! Worker as it is deployed.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use harness::{Error, Postgres, target_dir};

use crate::cargo::{cargo, run as run_in_front, works};
use crate::interrupt::Interrupts;
use crate::{npm, worker};

/// Runs the benchmarks; `arguments` go to them.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode, Error> {
    let interrupts = Interrupts::catch()?;
    let oha = oha(&interrupts)?;
    npm::install("tests/load/node", &interrupts)?;
    // By itself, so that it is built with the features it is released with.
    in_front("the build", &mut cargo(&["build", "--release", "--package", "pool-proxy"]), &interrupts)?;
    in_front("the build", &mut cargo(&["build", "--release", "--package", "load"]), &interrupts)?;
    let edge = if loads_the_edge_api(arguments) {
        in_front("the build", &mut cargo(&["build", "--package", "edge-migrations"]), &interrupts)?;
        Some(worker::build(true, &interrupts)?)
    } else {
        None
    };
    let postgres = Postgres::start(&mut |step| eprintln!("{step} ..."))?;
    let mut load = cargo(&["run", "--release", "--package", "load", "--bin", "load", "--"]);
    load.args(arguments)
        .env("POOL_PROXY_BENCH_POSTGRES", postgres.url())
        .env("POOL_PROXY_BIN", target_dir().join("release/pool-proxy"))
        .env("EDGE_MIGRATIONS_BIN", target_dir().join("debug/edge-migrations"))
        .env("OHA_BIN", oha);
    if let Some(worker) = edge {
        load.env("EDGE_WORKER_BUILD", worker);
    }
    let status = run_in_front(&mut load, &interrupts)?;
    postgres.stop();
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// Whether the Worker takes part: in all but a run of another part alone.
fn loads_the_edge_api(arguments: &[String]) -> bool {
    let words: Vec<_> = arguments.iter().flat_map(|argument| argument.split('=')).collect();
    let only = words.iter().position(|word| *word == "--only").and_then(|at| words.get(at + 1));
    only.is_none_or(|part| *part == "edge")
}

/// The load generator: the one named in `OHA_BIN`, the one on the path, or our own, installed on first use.
fn oha(interrupts: &Interrupts) -> Result<PathBuf, Error> {
    if let Some(given) = env::var_os("OHA_BIN").filter(|it| !it.is_empty()) {
        if works(&mut Command::new(&given)) {
            return Ok(given.into());
        }
        let shown = given.display();
        return Err(Error::new(format!("OHA_BIN is `{shown}`, which does not run")));
    }
    let tools = target_dir().join("tools");
    let own = tools.join("bin/oha");
    for path in [PathBuf::from("oha"), own.clone()] {
        if works(&mut Command::new(&path)) {
            return Ok(path);
        }
    }
    eprintln!("installing oha, the load generator; this takes some minutes, once ...");
    let mut install = cargo(&["install", "oha", "--locked", "--root"]);
    in_front("`cargo install oha --locked`", install.arg(&tools), interrupts)?;
    Ok(own)
}

fn in_front(what: &str, command: &mut Command, interrupts: &Interrupts) -> Result<(), Error> {
    if run_in_front(command, interrupts)?.success() {
        return Ok(());
    }
    Err(Error::new(format!("{what} failed; see above")))
}

#[cfg(test)]
mod tests {
    use super::loads_the_edge_api;

    #[test]
    fn the_worker_is_built_for_runs_that_load_it() {
        let check = |line: &str, expected: bool| {
            let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
            assert_eq!(loads_the_edge_api(&arguments), expected, "{line}");
        };
        check("", true);
        check("--quick --rounds 2", true);
        check("--quick --only edge", true);
        check("--only=edge", true);
        check("--only select --quick", false);
        check("--only=hits", false);
    }
}
