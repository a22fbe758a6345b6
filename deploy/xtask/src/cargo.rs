//! Running cargo, and other programs, from the root of the repository.

use std::env;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use harness::{Error, Guarded};

use crate::interrupt::Interrupts;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let package = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let package = package.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")));
    package.ancestors().nth(2).map_or_else(PathBuf::new, Path::to_owned)
}

/// `cargo` with these arguments, at the root. What cargo told us about our own package is kept from it: build
/// scripts would take it for theirs and run again.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments).current_dir(root());
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Whether a program can be started: `--version` is asked of it.
pub(crate) fn works(command: &mut Command) -> bool {
    let quiet = command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null());
    quiet.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Runs a command in front, with our terminal. An interrupt is passed on, waited for, and then is an error.
pub(crate) fn run(command: &mut Command, interrupts: &Interrupts) -> Result<ExitStatus, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command.spawn().map_err(Error::doing(format!("starting {program}")))?;
    let mut told = false;
    loop {
        let ended = child.try_wait();
        if let Some(status) = ended.map_err(Error::doing(format!("waiting for {program}")))? {
            return match interrupts.count() {
                0 => Ok(status),
                _ => Err(Error::new("interrupted")),
            };
        }
        if interrupts.to_us_alone() && !told {
            told = true;
            let pid = child.id().to_string();
            let _ = Command::new("kill").args(["-TERM", &pid]).status();
        }
        thread::sleep(Duration::from_millis(20));
    }
}

/// A cargo that builds while other things happen; what it says is kept for when it fails.
#[derive(Debug)]
pub(crate) struct Build {
    process: Guarded,
    said: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Build {
    /// Starts `cargo build` with these further arguments.
    pub(crate) fn start(arguments: &[&str]) -> Result<Self, Error> {
        let mut command = cargo(&["build", "--color=never"]);
        command.args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut process = Guarded::spawn(&mut command, None)?;
        let said = Arc::new(Mutex::new(String::new()));
        let reader = process.take_stderr().map(|pipe| {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                    said.push_str(&line);
                    said.push('\n');
                }
            })
        });
        Ok(Self { process, said, reader })
    }

    /// The line cargo wrote last.
    pub(crate) fn last_line(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.lines().last().unwrap_or_default().trim().to_owned()
    }

    /// Whether it has finished; the error carries all that cargo wrote.
    pub(crate) fn finished(&mut self) -> Result<bool, Error> {
        let Some(status) = self.process.try_wait() else {
            return Ok(false);
        };
        if status.success() {
            return Ok(true);
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        Err(Error::new(format!("the build failed:\n{said}")))
    }
}
