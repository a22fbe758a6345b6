//! Child processes that cannot outlive us. Each has a guard: a small shell that reads a pipe whose other end only
//! we hold. When we are gone, for whatever reason, SIGKILL included, the pipe ends and the guard stops the child
//! and removes its folder. Guards sit in process groups of their own, out of reach of Ctrl-C.

use std::fs;
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::Error;

/// Stops the process group whose id came last through the pipe, then removes the folder `$1` if there is one.
/// A line `0` means that the process has ended by itself.
const SCRIPT: &str = r#"
trap '' INT TERM HUP QUIT
group=0
while read -r line; do group=$line; done
if [ "$group" != 0 ]; then
    kill -s TERM -- "-$group" 2>/dev/null
    tries=0
    while [ $tries -lt 30 ] && kill -s 0 -- "-$group" 2>/dev/null; do tries=$((tries + 1)); sleep 0.1; done
    kill -s KILL -- "-$group" 2>/dev/null
fi
if [ -n "$1" ]; then rm -rf -- "$1"; fi
"#;

/// A signal that a [`Guarded`] process can be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Re-read the configuration.
    Hangup,
    /// End in good order.
    Terminate,
    /// End in good order, as on Ctrl-C.
    Interrupt,
    /// End at once, where the process can.
    Quit,
    /// End at once.
    Kill,
    /// Stand still, to look dead.
    Stop,
    /// Go on after `Stop`.
    Continue,
}

impl Signal {
    /// As `kill` knows it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Hangup => "HUP",
            Self::Terminate => "TERM",
            Self::Interrupt => "INT",
            Self::Quit => "QUIT",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Continue => "CONT",
        }
    }
}

/// A child process, with all its children, that ends when this value does or when our own process ends.
#[derive(Debug)]
pub struct Guarded {
    child: Child,
    guard: Child,
    status: Option<ExitStatus>,
}

impl Guarded {
    /// Starts `command` in a process group of its own. `folder`, if given, is removed once the process is gone.
    ///
    /// # Errors
    /// If the program, or the shell that guards it, cannot be started.
    pub fn spawn(command: &mut Command, folder: Option<&Path>) -> Result<Self, Error> {
        let program = command.get_program().to_string_lossy().into_owned();
        let mut guard = shell(SCRIPT)
            .arg(folder.unwrap_or(Path::new("")))
            .spawn()
            .map_err(Error::doing("starting the shell `sh`"))?;
        let child = match command.process_group(0).spawn() {
            Ok(child) => child,
            Err(cause) => {
                let _ = end(&mut guard);
                return Err(Error::new(format!("starting {program}: {cause}")));
            }
        };
        let mut guarded = Self { child, guard, status: None };
        let group = guarded.pid();
        guarded.tell(group);
        Ok(guarded)
    }

    /// The process id, which is also that of its group.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The reading end of the process's standard error, if the command was to pipe it; once.
    pub fn take_stderr(&mut self) -> Option<ChildStderr> {
        self.child.stderr.take()
    }

    /// The reading end of the process's standard output, if the command was to pipe it; once.
    pub fn take_stdout(&mut self) -> Option<ChildStdout> {
        self.child.stdout.take()
    }

    /// The exit status if the process has ended.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        if self.status.is_none()
            && let Ok(Some(status)) = self.child.try_wait()
        {
            self.status = Some(status);
            self.tell(0);
        }
        self.status
    }

    /// Waits until the process has ended, at most `patience`.
    pub fn wait(&mut self, patience: Duration) -> Option<ExitStatus> {
        let deadline = Instant::now() + patience;
        loop {
            let status = self.try_wait();
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// Sends `signal` to the process and its children; does nothing once it has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.try_wait().is_some() {
            return;
        }
        // The shell's own `kill`: the standard library only knows SIGKILL.
        let _ = Command::new("sh")
            .args(["-c", r#"kill -s "$1" -- "-$2""#, "kill", signal.name()])
            .arg(self.pid().to_string())
            .stderr(Stdio::null())
            .status();
        if signal == Signal::Stop {
            // On a busy machine a thread may run on for a moment.
            let deadline = Instant::now() + Duration::from_secs(5);
            while runs(self.pid()) && Instant::now() < deadline {
                thread::sleep(Duration::from_millis(5));
            }
        }
    }

    /// Asks the process to end, waits at most `patience`, then ends it at once.
    pub fn terminate(&mut self, patience: Duration) -> Option<ExitStatus> {
        self.signal(Signal::Terminate);
        self.wait(patience).or_else(|| self.kill())
    }

    /// Ends the process at once.
    pub fn kill(&mut self) -> Option<ExitStatus> {
        self.signal(Signal::Kill);
        // Should there have been no shell to send it.
        let _ = self.child.kill();
        self.wait(Duration::from_secs(10))
    }

    fn tell(&mut self, group: u32) {
        if let Some(pipe) = &mut self.guard.stdin {
            let _ = writeln!(pipe, "{group}");
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.kill();
        let _ = end(&mut self.guard);
    }
}

/// A shell in its own process group that runs `script` and reads our pipe; arguments are the script's `$1` and on.
pub(crate) fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command
        .args(["-c", script, "guard"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .process_group(0);
    command
}

/// Lets a guard do its work and waits until it has.
pub(crate) fn end(guard: &mut Child) -> std::io::Result<ExitStatus> {
    drop(guard.stdin.take());
    guard.wait()
}

/// Whether any process of a group runs, where the system tells (Linux: proc(5)).
fn runs(group: u32) -> bool {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut texts = processes.filter_map(|entry| fs::read_to_string(entry.path().join("stat")).ok());
    texts.any(|text| {
        // After the name, which may hold anything: state, parent, group.
        let mut fields = text.rsplit(')').next().unwrap_or_default().split_whitespace();
        let state = fields.next().unwrap_or_default();
        fields.nth(1).and_then(|field| field.parse().ok()) == Some(group) && !["T", "t", "Z", "X"].contains(&state)
    })
}
