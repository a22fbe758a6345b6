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
        let what = &self.what;
        let detail = plain(detail);
        if self.terminal {
            const FRAMES: [char; 10] = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
            let frame = FRAMES[self.turns % FRAMES.len()];
            // In one piece, so that nothing comes between what it turns off and on again.
            let _ = stderr().write_all(one_row(&format!("{frame} {what} ({seconds} s)  {detail}")).as_bytes());
        } else {
            eprintln!("{what} ... {seconds} s  {detail}");
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
            eprint!("{CLEAR}");
        }
    }
}

/// Says something in a line of its own, also while a spinner turns: that draws itself anew below.
pub(crate) fn say(line: &str) {
    let clear = if stderr().is_terminal() { CLEAR } else { "" };
    eprintln!("{clear}{line}");
}

/// Back to the beginning of the row, and nothing in it.
const CLEAR: &str = "\r\x1b[2K";

/// The line in place of the row that the cursor is in. What does not fit is cut off by the terminal, whatever its
/// width is at this moment: in the next row it could not be taken back. The cursor goes back to the row's beginning,
/// or the `^C` that a terminal shows would go into the next one.
fn one_row(line: &str) -> String {
    const WRAP_OFF: &str = "\x1b[?7l";
    const WRAP_ON: &str = "\x1b[?7h";
    format!("{CLEAR}{WRAP_OFF}{line}{WRAP_ON}\r")
}

/// A program's line, short and without what would move the cursor.
fn plain(line: &str) -> String {
    line.chars().filter(|it| !it.is_control()).take(50).collect()
}

#[cfg(test)]
mod tests {
    use super::{one_row, plain};

    #[test]
    fn a_drawn_line_stays_in_its_row_and_leaves_the_terminal_as_it_was() {
        let drawn = one_row(&"long ".repeat(50));
        let inside = drawn.strip_prefix("\r\x1b[2K\x1b[?7l").and_then(|it| it.strip_suffix("\x1b[?7h\r")).unwrap();
        assert!(!inside.contains(char::is_control), "{inside:?}");
    }

    #[test]
    fn a_programs_line_moves_no_cursor() {
        assert_eq!(plain("one\rtwo\tthree\x1b\u{9b}"), "onetwothree");
        assert_eq!(plain(&"é".repeat(80)), "é".repeat(50));
    }
}
