//! A program that runs while other things happen; what it says is kept for when it fails.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use harness::{Error, Guarded, random_hex, target_dir};

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
        last_line(&self.said.lock().unwrap_or_else(PoisonError::into_inner))
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
        Err(failed(&self.what, status, &said))
    }

    /// Asks it to end in good order and waits until it has.
    pub(crate) fn stop(mut self) {
        self.process.terminate(END);
    }
}

/// A running program that nothing of ours ends: neither Ctrl-C nor our own end reach it. It writes into a file, since
/// a pipe would break with us.
#[derive(Debug)]
pub(crate) struct Untied {
    what: String,
    child: Child,
    log: PathBuf,
}

impl Untied {
    /// Starts `command`; `what` it does begins the error should it fail.
    pub(crate) fn start(what: &str, mut command: Command) -> Result<Self, Error> {
        let log = target_dir().join("tools").join(format!("log-{}", random_hex(4)));
        let folder = log.parent().unwrap_or(&log);
        let output = fs::create_dir_all(folder).and_then(|()| File::create(&log));
        let output = output.map_err(Error::doing(log.display()))?;
        let errors = output.try_clone().map_err(Error::doing(log.display()))?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).process_group(0);
        let child = command.spawn().map_err(Error::doing(what)).inspect_err(|_| drop(fs::remove_file(&log)))?;
        Ok(Self { what: what.to_owned(), child, log })
    }

    /// The line the program wrote last.
    pub(crate) fn last_line(&self) -> String {
        last_line(&self.said())
    }

    /// Whether it has finished; the error carries all that it wrote.
    pub(crate) fn finished(&mut self) -> Result<bool, Error> {
        match self.child.try_wait().map_err(Error::doing(&self.what))? {
            None => Ok(false),
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(failed(&self.what, status, &self.said())),
        }
    }

    fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Untied {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.log);
    }
}

fn last_line(said: &str) -> String {
    said.lines().last().unwrap_or_default().trim().to_owned()
}

fn failed(what: &str, status: ExitStatus, said: &str) -> Error {
    Error::new(format!("{what} failed ({status}):\n{said}"))
}
