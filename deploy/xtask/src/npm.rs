//! The npm packages that some tests and benchmarks need.

use std::env;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use harness::Error;

use crate::cargo::{root, run, works};
use crate::interrupt::Interrupts;
use crate::steps::Steps;
use crate::wasm::version;

/// The oldest Node that all the packages run with.
const NODE: &str = "20.19";

/// What wrangler sets for the build that it calls.
const CALLED_BY_WRANGLER: &str = "WRANGLER_COMMAND";

/// Installs the packages of `folder`, relative to the root, unless that is done or there are none to install.
pub(crate) fn install(folder: &str, interrupts: &Interrupts) -> Result<(), Error> {
    let Some((mut npm, by_hand)) = missing(folder)? else {
        return Ok(());
    };
    eprintln!("installing the npm packages of {folder} ...");
    if run(&mut npm, interrupts)?.success() {
        return Ok(());
    }
    Err(Error::new(format!("npm could not install the packages of {folder}: run `{by_hand}` to see why")))
}

/// The same, as a step among others.
pub(crate) fn install_with(folder: &str, steps: &Steps) -> Result<(), Error> {
    match missing(folder)? {
        Some((npm, by_hand)) => steps.run(&by_hand, npm),
        None => Ok(()),
    }
}

/// What installs the packages of `folder`, and the same as somebody would type it; nothing if they are there.
fn missing(folder: &str) -> Result<Option<(Command, String)>, Error> {
    let path = root().join(folder);
    let lock = path.join("package-lock.json");
    let wanted = changed(&lock).or_else(|| changed(&path.join("package.json")));
    // npm writes this file last.
    let done = changed(&path.join("node_modules/.package-lock.json"));
    if wanted.is_none() || done >= wanted {
        return Ok(None);
    }
    if !node_will_do() || !works(&mut Command::new("npm")) {
        return Err(no_node(folder));
    }
    let act = if lock.exists() { "ci" } else { "install" };
    let by_hand = format!("cd {folder} && npm {act}");
    // It would be replaced while it runs.
    if path.join("node_modules").exists() && env::var_os(CALLED_BY_WRANGLER).is_some() {
        return Err(Error::new(format!("{folder}/node_modules is outdated: run `{by_hand}`, then wrangler again")));
    }
    let mut npm = Command::new("npm");
    npm.args([act, "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&path);
    Ok(Some((npm, by_hand)))
}

/// Whether there is a Node, new enough.
fn node_will_do() -> bool {
    let output = Command::new("node").arg("--version").stdin(Stdio::null()).stderr(Stdio::null()).output();
    output.is_ok_and(|it| it.status.success() && new_enough(&String::from_utf8_lossy(&it.stdout)))
}

/// Whether a Node that calls itself this, such as `v20.19.1`, is new enough.
fn new_enough(node: &str) -> bool {
    version(node.trim_start_matches('v')).is_some_and(|found| Some(found) >= version(NODE))
}

fn no_node(folder: &str) -> Error {
    let remedy = match env::consts::OS {
        "macos" => "run `brew install node`",
        _ if Path::new("/etc/debian_version").exists() => {
            "get it from https://nodejs.org or https://deb.nodesource.com, for Debian 12's own is 18"
        }
        _ => "get it from https://nodejs.org",
    };
    Error::new(format!("{folder} needs Node {NODE} or newer with npm: {remedy}"))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}

#[cfg(test)]
mod tests {
    use super::new_enough;

    #[test]
    fn an_old_node_is_told_from_one_that_will_do() {
        assert!(!new_enough("v18.20.4\n"));
        assert!(!new_enough("v20.9.0\n"));
        assert!(!new_enough(""));
        assert!(new_enough("v20.19.0\n"));
        assert!(new_enough("v24.1.0\n"));
    }
}
