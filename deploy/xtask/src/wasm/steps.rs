//! What goes on in the background, step by step, for whoever has the terminal to show.

use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use harness::Error;

use crate::interrupt::Interrupts;
use crate::task::Task;

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

    /// Waits until `done` says so.
    pub(super) fn wait(&self, what: &str, mut done: impl FnMut() -> Result<bool, Error>) -> Result<(), Error> {
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
    pub(super) fn go_on(&self) -> Result<(), Error> {
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
