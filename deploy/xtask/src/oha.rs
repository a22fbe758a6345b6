//! oha, the load generator of the benchmarks and of the faults' tests.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use harness::{Error, target_dir};

use crate::bench::in_front;
use crate::cargo::{cargo, works};
use crate::interrupt::Interrupts;

/// What it is built for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Build {
    /// To measure with.
    Optimised,
    /// To be there soon: a steady load asks little of it.
    Quick,
}

/// The one named in `OHA_BIN`, the one on the path, or our own, installed on first use.
pub(crate) fn find(build: Build, interrupts: &Interrupts) -> Result<PathBuf, Error> {
    if let Some(given) = env::var_os("OHA_BIN").filter(|it| !it.is_empty()) {
        if works(&mut Command::new(&given)) {
            return Ok(given.into());
        }
        let shown = given.display();
        return Err(Error::new(format!("OHA_BIN is `{shown}`, which does not run")));
    }
    let tools = target_dir().join("tools");
    let (folder, arguments): (_, &[&str]) = match build {
        Build::Optimised => (tools.clone(), &[]),
        Build::Quick => (tools.join("oha-debug"), &["--debug"]),
    };
    let own = folder.join("bin/oha");
    let optimised = tools.join("bin/oha");
    for path in [PathBuf::from("oha"), optimised, own.clone()] {
        if works(&mut Command::new(&path)) {
            return Ok(path);
        }
    }
    eprintln!("installing oha, the load generator; this takes some minutes, once ...");
    let mut install = cargo(&["install", "oha", "--locked"]);
    install.args(arguments).arg("--root").arg(&folder).env("CARGO_PROFILE_DEV_DEBUG", "0");
    in_front("`cargo install oha --locked`", &mut install, interrupts)?;
    Ok(own)
}
