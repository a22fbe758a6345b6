//! Debian's packages, where we may install some.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use harness::Error;

use super::steps::Steps;
use crate::cargo::succeeds;

/// Installs these packages; where it may not, the error names the one command to run.
pub(super) fn install(packages: &[&str], steps: &Steps) -> Result<(), Error> {
    // Two at a time would each find the other's lock.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let list = packages.join(" ");
    if !is_here() {
        return Err(Error::new(format!("the packages {list} are missing, and there is no apt-get to install them")));
    }
    let Some(prefix) = rights() else {
        return Err(Error::new(format!("packages are missing: run `sudo apt-get install -y {list}`")));
    };
    let apt = |arguments: &[&str]| {
        let words: Vec<_> = prefix.iter().copied().chain(["apt-get", "-o", "DPkg::Lock::Timeout=120"]).collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
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

/// The words before a command that run it as root; none if we may not.
fn rights() -> Option<&'static [&'static str]> {
    let id = Command::new("id").arg("-u").output().ok()?;
    if id.stdout.trim_ascii() == b"0" {
        return Some(&[]);
    }
    succeeds(Command::new("sudo").args(["-n", "true"])).then_some(&["sudo", "-n"])
}
