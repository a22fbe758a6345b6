//! The nightly toolchain, where rustup has it or can fetch it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::Error;

use super::toolchain::{TARGET, Toolchain, new_enough};
use crate::cargo::works;
use crate::steps::Steps;

/// What fetches all that is needed.
const BY_HAND: &str =
    "rustup toolchain install nightly --profile minimal --component rust-src --target wasm32-unknown-unknown";

/// Nightly, if it is here with the sources of std and the target.
pub(super) fn ready() -> Option<Toolchain> {
    let sysroot = PathBuf::from(nightly(&["--print", "sysroot"])?).join("lib/rustlib");
    let complete =
        sysroot.join("src/rust/library/std/Cargo.toml").exists() && sysroot.join(TARGET).join("lib").exists();
    let complete = complete && new_enough(&nightly(&["--version"])?);
    // So that what is asked without `+nightly`, such as for the target, is asked of nightly too.
    complete.then(|| Toolchain { stand_ins: None, variables: vec![("RUSTUP_TOOLCHAIN", "nightly".into())] })
}

/// Fetches what is missing. Where the network is closed that fails within seconds.
pub(super) fn fetch(steps: &Steps) -> Result<(), Error> {
    if !works(&mut Command::new("rustup")) {
        return Err(Error::new("rustup is not installed: get it from https://rustup.rs and run this again"));
    }
    let run = |arguments: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(arguments).env("RUSTUP_MAX_RETRIES", "1");
        let failed = |error| Error::new(format!("{error}\nRun `{BY_HAND}` once its servers can be reached."));
        steps.run("rustup fetches nightly", command).map_err(failed)
    };
    // A nightly that is there and new enough stays the one it is.
    if nightly(&["--version"]).is_some_and(|it| new_enough(&it)) {
        run(&["component", "add", "--toolchain", "nightly", "rust-src"])?;
        return run(&["target", "add", "--toolchain", "nightly", TARGET]);
    }
    let words: Vec<_> = BY_HAND.split(' ').skip(1).collect();
    run(&words)
}

/// What nightly's compiler answers.
fn nightly(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new("rustc");
    // Asking must not be what installs it.
    command.arg("+nightly").args(arguments).env("RUSTUP_AUTO_INSTALL", "0").stdin(Stdio::null());
    let output = command.output().ok().filter(|it| it.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
