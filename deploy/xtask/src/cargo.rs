//! Running cargo, and other programs, from the root of the repository.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::Duration;

use harness::Error;

use crate::interrupt::Interrupts;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.ancestors().nth(2).map_or_else(PathBuf::new, Path::to_owned)
}

/// `cargo` with these arguments, at the root.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    keep_ourselves_from(&mut command);
    command
}

/// Keeps from a command what cargo told us about our own package: build scripts would take it for theirs and run
/// again.
pub(crate) fn keep_ourselves_from(command: &mut Command) {
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
}

/// Whether a program can be started: `--version` is asked of it.
pub(crate) fn works(command: &mut Command) -> bool {
    succeeds(command.arg("--version"))
}

/// Whether a command can be run and succeeds, whatever it prints.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs a command in front, with our terminal. An interrupt is passed on, waited for, and then is an error; after one
/// nothing is started any more.
pub(crate) fn run(command: &mut Command, interrupts: &Interrupts) -> Result<ExitStatus, Error> {
    let go_on = || if interrupts.count() == 0 { Ok(()) } else { Err(Error::new("interrupted")) };
    go_on()?;
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(Error::doing(format!("starting {program}")))?;
    // A Ctrl-C of just before will not have reached it.
    let missed = go_on().is_err();
    let mut told = false;
    loop {
        let ended = child.try_wait();
        if let Some(status) = ended.map_err(Error::doing(format!("waiting for {program}")))? {
            return go_on().map(|()| status);
        }
        if (missed || interrupts.to_us_alone()) && !told {
            told = true;
            let pid = child.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    use harness::random_hex;

    use super::run;
    use crate::interrupt::Interrupts;

    #[test]
    fn nothing_is_started_after_an_interrupt() {
        let interrupts = Interrupts::default();
        let file = env::temp_dir().join(format!("xtask-{}", random_hex(6)));
        assert!(run(&mut Command::new("true"), &interrupts).unwrap().success());
        interrupts.pretend_one();
        let error = run(Command::new("touch").arg(&file), &interrupts).unwrap_err();
        assert_eq!(error.to_string(), "interrupted");
        assert!(!file.exists());
    }
}
