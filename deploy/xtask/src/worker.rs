//! `cargo xtask worker`: builds the edge API's Worker into `edge-api/worker/build`. Also what wrangler calls.

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;

use harness::Error;

use crate::interrupt::Interrupts;
use crate::steps::Steps;
use crate::wasm;

/// Builds the Worker, optimised unless told `--no-opt`.
pub(crate) fn run(optimise: bool) -> Result<ExitCode, Error> {
    build(optimise, &Interrupts::catch()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Reads the arguments after `worker`: whether to optimise.
pub(crate) fn parse(arguments: &[String]) -> Result<bool, Error> {
    match arguments {
        [] => Ok(true),
        [argument] if argument == "--no-opt" => Ok(false),
        [argument, ..] => Err(Error::new(format!("`worker` takes no `{argument}`"))),
    }
}

/// Builds the Worker while we wait, and says so. What it hands back is the folder.
pub(crate) fn build(optimise: bool, interrupts: &Interrupts) -> Result<PathBuf, Error> {
    let done = "built the edge API's Worker into edge-api/worker/build";
    Steps::new(interrupts).show("building the edge API's Worker", done, |steps| wasm::build(optimise, steps))
}

/// A Worker that is built while other things happen. An interrupt ends it.
#[derive(Debug)]
pub(crate) struct Building {
    steps: Steps,
    thread: Option<thread::JoinHandle<Result<PathBuf, Error>>>,
}

impl Building {
    /// Starts to build.
    pub(crate) fn start(optimise: bool, interrupts: &Interrupts) -> Self {
        let steps = Steps::new(interrupts);
        let thread = {
            let steps = steps.clone();
            thread::spawn(move || wasm::build(optimise, &steps))
        };
        Self { steps, thread: Some(thread) }
    }

    /// What it does at this moment.
    pub(crate) fn now(&self) -> String {
        self.steps.now()
    }

    /// What came of it, once.
    pub(crate) fn finished(&mut self) -> Option<Result<PathBuf, Error>> {
        let done = self.thread.take_if(|thread| thread.is_finished())?;
        Some(done.join().unwrap_or_else(|_| Err(Error::new("the build of the Worker ended: please report this"))))
    }

    /// Ends it, and waits until nothing of it runs.
    pub(crate) fn stop(mut self) {
        self.steps.give_up();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
