//! A program that runs while other things happen; what it says is kept for when it fails.

use std::io::{self, BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use harness::{Error, Guarded};

/// How long a program that is asked to end may take.
const END: Duration = Duration::from_secs(10);

/// A running program; it ends when this value goes.
#[derive(Debug)]
pub(crate) struct Task {
    what: String,
    process: Guarded,
    said: Arc<Mutex<String>>,
    reader: Option<thread::JoinHandle<()>>,
}

impl Task {
    /// Starts `command`; `what` it does begins the error should it fail.
    pub(crate) fn start(what: impl Into<String>, mut command: Command) -> Result<Self, Error> {
        let (output, input) = io::pipe().map_err(Error::doing("making a pipe"))?;
        let errors = input.try_clone().map_err(Error::doing("making a pipe"))?;
        command.stdin(Stdio::null()).stdout(input).stderr(errors);
        let process = Guarded::spawn(&mut command, None)?;
        // With the command go our own copies of the writing end, so that the pipe ends when the program does.
        drop(command);
        let said = Arc::new(Mutex::new(String::new()));
        let reader = {
            let said = Arc::clone(&said);
            thread::spawn(move || {
                for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
                    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
                    said.push_str(&String::from_utf8_lossy(&line));
                    said.push('\n');
                }
            })
        };
        Ok(Self { what: what.into(), process, said, reader: Some(reader) })
    }

    /// The line the program wrote last.
    pub(crate) fn last_line(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.lines().last().unwrap_or_default().trim().to_owned()
    }

    /// Whether it has finished; the error carries all that it wrote.
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
        Err(Error::new(format!("{} failed ({status}):\n{said}", self.what)))
    }

    /// Asks it to end in good order and waits until it has: a package manager must not be cut off.
    pub(crate) fn stop(mut self) {
        self.process.terminate(END);
    }
}
