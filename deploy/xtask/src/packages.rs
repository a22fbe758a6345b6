//! The machine's packages: apt's are installed where we may, for all others the one command is named that does it.
//! They are called here as Debian calls them.

use std::env;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use harness::Error;

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
    let sudo = !is_root() && Path::new("/usr/bin/sudo").exists();
    let command = Manager::of_this_machine().command(packages, sudo);
    let root = if is_root() || sudo || env::consts::OS == "macos" { "" } else { " as root" };
    Error::new(format!("packages are missing: run `{command}`{root}"))
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

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.trim_ascii() == b"0")
}

/// What installs packages.
#[derive(Clone, Copy, Debug)]
enum Manager {
    Apt,
    Apk,
    Brew,
    Dnf,
}

impl Manager {
    fn of_this_machine() -> Self {
        match env::consts::OS {
            "macos" => Self::Brew,
            _ if apt_is_here() => Self::Apt,
            _ if Path::new("/sbin/apk").exists() => Self::Apk,
            _ => Self::Dnf,
        }
    }

    /// What to type.
    fn command(self, packages: &[&str], sudo: bool) -> String {
        let sudo = if sudo { "sudo " } else { "" };
        let names: Vec<_> = packages.iter().map(|package| self.name(package)).collect();
        let names = names.join(" ");
        match self {
            // On a new machine there are no lists yet.
            Self::Apt => format!("{sudo}apt-get update && {sudo}apt-get install -y {names}"),
            Self::Apk => format!("{sudo}apk add {names}"),
            // It refuses to run as root.
            Self::Brew => format!("brew install {names}"),
            Self::Dnf => format!("{sudo}dnf install -y {names}"),
        }
    }

    /// What it calls a package.
    fn name(self, package: &str) -> &str {
        match (self, package) {
            (Self::Apk | Self::Dnf, "pkg-config") => "pkgconf",
            (Self::Apk, "libssl-dev") => "openssl-dev",
            (Self::Dnf, "libssl-dev") => "openssl-devel",
            _ => package,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Manager;

    #[test]
    fn one_command_installs_all_that_is_missing() {
        let check = |manager: Manager, sudo: bool, expected: &str| {
            assert_eq!(manager.command(&["pkg-config", "libssl-dev", "curl"], sudo), expected);
        };
        check(Manager::Apt, true, "sudo apt-get update && sudo apt-get install -y pkg-config libssl-dev curl");
        check(Manager::Apt, false, "apt-get update && apt-get install -y pkg-config libssl-dev curl");
        check(Manager::Apk, false, "apk add pkgconf openssl-dev curl");
        check(Manager::Dnf, true, "sudo dnf install -y pkgconf openssl-devel curl");
        check(Manager::Brew, true, "brew install pkg-config libssl-dev curl");
    }
}
