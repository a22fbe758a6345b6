//! The npm packages that some tests and benchmarks need.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use harness::Error;

use crate::cargo::{root, run, works};
use crate::interrupt::Interrupts;

/// Installs the packages of `folder`, relative to the root, unless that is done or there are none to install.
pub(crate) fn install(folder: &str, interrupts: &Interrupts) -> Result<(), Error> {
    let path = root().join(folder);
    let lock = path.join("package-lock.json");
    let wanted = changed(&lock).or_else(|| changed(&path.join("package.json")));
    let Some(wanted) = wanted else {
        return Ok(());
    };
    // npm writes this file last.
    if changed(&path.join("node_modules/.package-lock.json")).is_some_and(|done| done >= wanted) {
        return Ok(());
    }
    if !works(&mut Command::new("node")) || !works(&mut Command::new("npm")) {
        return Err(no_node(folder));
    }
    eprintln!("installing the npm packages of {folder} ...");
    let act = if lock.exists() { "ci" } else { "install" };
    let mut npm = Command::new("npm");
    npm.args([act, "--no-audit", "--no-fund", "--loglevel=error"]);
    if run(npm.current_dir(&path), interrupts)?.success() {
        return Ok(());
    }
    Err(Error::new(format!(
        "npm could not install the packages of {folder}: run `cd {folder} && npm {act}` to see why"
    )))
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
