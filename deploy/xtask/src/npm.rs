//! The npm packages that some tests and benchmarks need.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use harness::Error;

use crate::cargo::{root, run, works};
use crate::interrupt::Interrupts;
use crate::wasm::Steps;

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
    if !works(&mut Command::new("node")) || !works(&mut Command::new("npm")) {
        return Err(no_node(folder));
    }
    let act = if lock.exists() { "ci" } else { "install" };
    let mut npm = Command::new("npm");
    npm.args([act, "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(&path);
    Ok(Some((npm, format!("cd {folder} && npm {act}"))))
}

fn no_node(folder: &str) -> Error {
    let command = match std::env::consts::OS {
        "macos" => "brew install node",
        _ if Path::new("/usr/bin/apt-get").exists() => "apt-get install -y nodejs npm",
        _ => "dnf install -y nodejs",
    };
    Error::new(format!("{folder} needs Node 20 or newer with npm: run `{command}`"))
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|it| it.modified()).ok()
}
