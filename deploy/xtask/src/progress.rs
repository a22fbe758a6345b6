//! Says what is being done while it is done: a spinner on a terminal, else a plain line now and then.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often a plain line says that something still goes on.
const PLAIN: Duration = Duration::from_secs(15);

/// How often a spinner turns.
const TURN: Duration = Duration::from_millis(100);

/// One thing that takes a while. It is drawn by [`Progress::tick`], which its waiting loop calls.
#[derive(Debug)]
pub(crate) struct Progress {
    what: String,
    terminal: bool,
    started: Instant,
    drawn: Instant,
    turns: usize,
}

impl Progress {
    /// Begins to show `what`.
    pub(crate) fn of(what: impl Into<String>) -> Self {
        Self::on(what.into(), stderr().is_terminal())
    }

    /// The same while others write too, so that a spinner would only be in their way.
    pub(crate) fn among_others(what: impl Into<String>) -> Self {
        Self::on(what.into(), false)
    }

    fn on(what: String, terminal: bool) -> Self {
        if !terminal {
            eprintln!("{what} ...");
        }
        let now = Instant::now();
        Self { what, terminal, started: now, drawn: now, turns: 0 }
    }

    /// Draws, if it is time to; `detail` is what goes on at this moment.
    pub(crate) fn tick(&mut self, detail: &str) {
        let pause = if self.terminal { TURN } else { PLAIN };
        if self.drawn.elapsed() < pause {
            return;
        }
        self.drawn = Instant::now();
        let seconds = self.started.elapsed().as_secs();
        let detail: String = detail.chars().take(50).collect();
        if self.terminal {
            const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
            let frame = FRAMES[self.turns % FRAMES.len()];
            eprint!("\r\x1b[2K{frame} {} ({seconds} s)  {detail}", self.what);
            let _ = stderr().flush();
        } else {
            eprintln!("{} ... {seconds} s  {detail}", self.what);
        }
        self.turns += 1;
    }

    /// Leaves one line that says what came of it.
    pub(crate) fn done(self, outcome: &str) {
        let seconds = self.started.elapsed().as_secs_f32();
        self.clear();
        eprintln!("{outcome} ({seconds:.1} s)");
    }

    /// Leaves nothing on a terminal.
    pub(crate) fn clear(&self) {
        if self.terminal {
            eprint!("\r\x1b[2K");
        }
    }
}
