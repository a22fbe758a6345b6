//! The machine's packages: apt's are installed where we may, for all others the one command is named that does it.
//! They are called here as Debian calls them.

use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use harness::{Error, is_root, remedy};

use crate::cargo::succeeds;
use crate::steps::Steps;

/// Installs these packages if we are root on a machine with apt, for nothing asks for more rights by itself; else the
/// error names the one command to run.
pub(crate) fn install(packages: &[&str], steps: &Steps) -> Result<(), Error> {
    // Two at a time would each find the other's lock.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if !may_install() {
        return Err(missing(packages));
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
    steps.run_whole(&format!("apt-get install {}", packages.join(" ")), command)
}

/// Whether [`install`] installs: to whoever it does not, all that is missing is best named at once.
pub(crate) fn may_install() -> bool {
    apt_is_here() && is_root()
}

/// That these packages are missing, with the command that installs them.
pub(crate) fn missing(packages: &[&str]) -> Error {
    Error::new(format!("packages are missing: run {}", remedy(packages)))
}

/// Whether this is a machine with apt.
pub(crate) fn apt_is_here() -> bool {
    Path::new("/usr/bin/apt-get").exists()
}

/// The first package of these that apt knows.
pub(crate) fn known<'a>(names: &[&'a str]) -> Option<&'a str> {
    let known = |name: &&&str| succeeds(Command::new("apt-cache").args(["show", "--no-all-versions", name]));
    names.iter().find(known).copied()
}
