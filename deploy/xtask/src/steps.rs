//! What goes on in the background, step by step, for whoever has the terminal to show.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use harness::Error;

use crate::interrupt::Interrupts;
use crate::progress::{self, Progress};
use crate::task::{Task, Untied};

/// How often a running step is looked at.
const LOOK: Duration = Duration::from_millis(50);

/// The steps that run now, several at a time, each ended by an interrupt.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    /// What each does, and the line its program wrote last.
    running: Arc<Mutex<Vec<(String, String)>>>,
    given_up: Arc<AtomicBool>,
    interrupts: Interrupts,
}

impl Steps {
    /// None yet.
    pub(crate) fn new(interrupts: &Interrupts) -> Self {
        Self { running: Arc::default(), given_up: Arc::default(), interrupts: interrupts.clone() }
    }

    /// Does `work` while we wait, and shows under the name of `what` how it comes along.
    pub(crate) fn show<T: Send>(
        &self,
        what: &str,
        done: &str,
        work: impl FnOnce(&Self) -> Result<T, Error> + Send,
    ) -> Result<T, Error> {
        thread::scope(|scope| {
            let work = scope.spawn(|| work(self));
            let mut progress = Progress::of(what);
            while !work.is_finished() {
                progress.tick(&self.now());
                thread::sleep(LOOK);
            }
            let result = work.join().unwrap_or_else(|_| Err(Error::new(format!("{what} ended: please report this"))));
            match &result {
                Ok(_) => progress.done(done),
                Err(_) => progress.clear(),
            }
            result
        })
    }

    /// Runs a command to its end. An error carries all that it wrote.
    pub(crate) fn run(&self, what: &str, command: Command) -> Result<(), Error> {
        self.go_on()?;
        let mut task = Task::start(what, command)?;
        let result = self.wait(what, || {
            let done = task.finished()?;
            if !done {
                self.note(what, task.last_line());
            }
            Ok(done)
        });
        // In good order, if it still runs.
        task.stop();
        result
    }

    /// Runs a command that would leave things broken if it was cut off, as a package manager does: an interrupt waits
    /// for its end.
    pub(crate) fn run_whole(&self, what: &str, command: Command) -> Result<(), Error> {
        self.go_on()?;
        let mut task = Untied::start(what, command)?;
        self.running().push((what.to_owned(), String::new()));
        let mut told = false;
        let result = loop {
            match task.finished() {
                Ok(false) => {}
                result => break result.map(drop),
            }
            if self.go_on().is_ok() {
                self.note(what, task.last_line());
            } else if !told {
                told = true;
                self.note(what, format!("{MUST_NOT_BE_CUT_OFF}, waiting"));
                progress::say(&format!("{what} {MUST_NOT_BE_CUT_OFF}: stopping as soon as it has finished"));
            }
            thread::sleep(LOOK);
        };
        self.running().retain(|(other, _)| other != what);
        self.go_on()?;
        result
    }

    /// Waits until `done` says so.
    pub(crate) fn wait(&self, what: &str, mut done: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
        self.running().push((what.to_owned(), String::new()));
        let result = loop {
            match self.go_on().and_then(|()| done()) {
                Ok(false) => thread::sleep(LOOK),
                result => break result.map(drop),
            }
        };
        self.running().retain(|(other, _)| other != what);
        result
    }

    /// Ends all that runs, and lets nothing more begin.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// An error once we are asked to end.
    pub(crate) fn go_on(&self) -> Result<(), Error> {
        if self.interrupts.count() > 0 || self.given_up.load(Ordering::Relaxed) {
            return Err(Error::new("interrupted"));
        }
        Ok(())
    }

    /// All that runs at this moment in one line, what the last of it says at its end.
    pub(crate) fn now(&self) -> String {
        let running = self.running();
        let names: Vec<_> = running.iter().map(|(what, _)| what.as_str()).collect();
        let line = running.last().map_or("", |(_, line)| line.as_str());
        if line.is_empty() { names.join(", ") } else { format!("{}: {line}", names.join(", ")) }
    }

    fn note(&self, what: &str, line: String) {
        if let Some(step) = self.running().iter_mut().find(|(other, _)| other == what) {
            step.1 = line;
        }
    }

    fn running(&self) -> MutexGuard<'_, Vec<(String, String)>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why an interrupt waits.
const MUST_NOT_BE_CUT_OFF: &str = "must not be cut off half-way";

#[cfg(test)]
mod tests {
    use std::env;
    use std::fs;
    use std::path::Path;
    use std::process::Command;
    use std::thread;
    use std::time::Duration;

    use harness::random_hex;

    use super::{MUST_NOT_BE_CUT_OFF, Steps};
    use crate::interrupt::Interrupts;

    /// A program that tells that it runs, waits to be let go, and tells that it came to its end.
    fn program(folder: &Path) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", "touch runs; until [ -e go ]; do sleep 0.02; done; touch whole"]).current_dir(folder);
        command
    }

    fn until(condition: impl Fn() -> bool) {
        while !condition() {
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn what_must_not_be_cut_off_comes_to_its_end_after_an_interrupt() {
        let folder = env::temp_dir().join(format!("xtask-{}", random_hex(6)));
        fs::create_dir(&folder).unwrap();
        let interrupts = Interrupts::default();
        let steps = Steps::new(&interrupts);
        let result = thread::scope(|scope| {
            let running = scope.spawn(|| steps.run_whole("it", program(&folder)));
            until(|| folder.join("runs").exists());
            interrupts.pretend_one();
            until(|| steps.now().contains(MUST_NOT_BE_CUT_OFF));
            fs::write(folder.join("go"), "").unwrap();
            running.join().unwrap()
        });
        assert_eq!(result.unwrap_err().to_string(), "interrupted");
        assert!(folder.join("whole").exists(), "it was cut off");
        assert!(steps.run_whole("another", program(&folder)).is_err(), "nothing more begins");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn anything_else_is_ended_by_an_interrupt() {
        let folder = env::temp_dir().join(format!("xtask-{}", random_hex(6)));
        fs::create_dir(&folder).unwrap();
        let interrupts = Interrupts::default();
        let steps = Steps::new(&interrupts);
        let result = thread::scope(|scope| {
            let running = scope.spawn(|| steps.run("it", program(&folder)));
            until(|| folder.join("runs").exists());
            interrupts.pretend_one();
            // Nothing lets it go: it ends all the same.
            running.join().unwrap()
        });
        assert_eq!(result.unwrap_err().to_string(), "interrupted");
        assert!(!folder.join("whole").exists());
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_failure_tells_what_was_written() {
        let steps = Steps::new(&Interrupts::default());
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; exit 3"]);
        let error = steps.run_whole("it", command).unwrap_err().to_string();
        assert!(error.contains("it failed (exit status: 3)") && error.contains("one\ntwo\n"), "{error}");
    }
}
