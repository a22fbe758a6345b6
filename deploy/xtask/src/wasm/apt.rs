//! Debian's packages, where we may install some.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use harness::Error;

use super::steps::Steps;
use crate::cargo::succeeds;

/// Installs these packages if we are root, for nothing asks for more rights by itself; else the error names the one
/// command to run.
pub(super) fn install(packages: &[&str], steps: &Steps) -> Result<(), Error> {
    // Two at a time would each find the other's lock.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let list = packages.join(" ");
    if !is_here() {
        return Err(Error::new(format!("the packages {list} are missing, and there is no apt-get to install them")));
    }
    if !is_root() {
        return Err(Error::new(format!("packages are missing: run `sudo apt-get install -y {list}`")));
    }
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(["-o", "DPkg::Lock::Timeout=120"]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command
    };
    // Lists that are old or were never fetched name packages that are no longer there; the install tells.
    let _ = steps.run("apt-get update", apt(&["update"]));
    // Nothing of the machine's own may go for it.
    let mut command = apt(&["install", "-y", "--no-install-recommends", "--no-remove"]);
    command.args(packages);
    steps.run(&format!("apt-get install {list}"), command)
}

/// Whether this is a machine with apt.
pub(super) fn is_here() -> bool {
    Path::new("/usr/bin/apt-get").exists()
}

/// The first package of these that apt knows.
pub(super) fn known<'a>(names: &[&'a str]) -> Option<&'a str> {
    let known = |name: &&&str| succeeds(Command::new("apt-cache").args(["show", "--no-all-versions", name]));
    names.iter().find(known).copied()
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}
