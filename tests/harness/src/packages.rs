//! What this machine installs packages with, for when one is missing.

use std::env;
use std::path::Path;
use std::process::Command;

/// The one command that installs these packages here, in backquotes; they are called as Debian calls them.
pub fn remedy(packages: &[&str]) -> String {
    let sudo = !is_root() && Path::new("/usr/bin/sudo").exists();
    let command = Manager::of_this_machine().command(packages, sudo);
    let root = if is_root() || sudo || env::consts::OS == "macos" { "" } else { " as root" };
    format!("`{command}`{root}")
}

/// Whether we may do anything.
pub fn is_root() -> bool {
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
            _ if Path::new("/usr/bin/apt-get").exists() => Self::Apt,
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
            (Self::Brew, "postgresql") => "postgresql@17",
            (Self::Dnf, "postgresql") => "postgresql-server",
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
        assert_eq!(Manager::Dnf.command(&["postgresql"], false), "dnf install -y postgresql-server");
    }
}
