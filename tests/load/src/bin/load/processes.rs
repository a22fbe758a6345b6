//! A server as a process: started with all the open files it may have, measured from /proc, killed when dropped.

use std::ffi::OsStr;
use std::fs::File;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use harness::Workerd;
use load::Outcome;
use serde::Serialize;

use crate::setup::Scratch;

/// Raises the soft limit of open files to the hard one, then becomes the program.
const WITH_ALL_FILES: &str = r#"ulimit -n "$(ulimit -H -n)" 2>/dev/null; exec "$@""#;
/// Variables that would change what is measured.
const NOT_INHERITED: [&str; 3] = ["TOKIO_WORKER_THREADS", "NODE_OPTIONS", "RUST_LOG"];

/// A command that runs `program` with the raised limit and, where `setpriv` exists, dies with the driver.
pub(crate) fn command(program: &Path, arguments: &[&OsStr]) -> Command {
    command_of(&[], program, arguments)
}

/// The same, after `setpriv` changed what these options of it say.
pub(crate) fn command_of(rights: &[String], program: &Path, arguments: &[&OsStr]) -> Command {
    command_ending(Ending::Kill, rights, program, arguments)
}

/// How a server is ended.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Ending {
    /// By SIGKILL: it has no children.
    Kill,
    /// By SIGINT: it ends its children, too, and hands back the memory that they share.
    Interrupt,
}

/// The same again, and the driver's end comes to it in this way.
pub(crate) fn command_ending(ending: Ending, rights: &[String], program: &Path, arguments: &[&OsStr]) -> Command {
    let signal = if ending == Ending::Kill { "KILL" } else { "INT" };
    let mut command = Command::new("sh");
    command.args(["-c", WITH_ALL_FILES, "sh"]);
    if Path::new("/usr/bin/setpriv").is_file() {
        command.arg("/usr/bin/setpriv").args(rights).args(["--pdeathsig", signal]);
    }
    command.arg(program).args(arguments).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(|name| name.starts_with("POOL_PROXY_") || NOT_INHERITED.contains(&name)) {
            command.env_remove(name);
        }
    }
    command
}

/// Runs a generator to its end; what it wrote to its standard output.
pub(crate) fn output(name: &str, mut command: Command, scratch: &Scratch, patience: Duration) -> Outcome<String> {
    let (output, errors) = (scratch.file(&format!("{name}.json")), scratch.file(&format!("{name}.errors")));
    command.stdout(File::create(&output)?).stderr(File::create(&errors)?);
    let mut child = command.spawn().map_err(|failure| format!("cannot start {name}: {failure}"))?;
    let ended = wait(&mut child, patience)?;
    if !ended.is_some_and(|status| status.success()) {
        let how = ended.map_or("does not end".to_owned(), |status| status.to_string());
        return Err(format!("{name}: {how}: {}", std::fs::read_to_string(&errors)?.trim()).into());
    }
    Ok(std::fs::read_to_string(&output)?)
}

/// None when it had to be killed.
fn wait(child: &mut Child, patience: Duration) -> Outcome<Option<ExitStatus>> {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if Instant::now() > deadline {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        sleep(Duration::from_millis(20));
    }
}

/// A running server.
pub(crate) struct Process {
    name: String,
    running: Running,
    ending: Ending,
    ticks_per_second: f64,
}

/// Who started it, and so who ends it.
enum Running {
    Child { child: Child, log: PathBuf },
    Workerd(Box<Workerd>),
}

/// Resident memory in KiB.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct Memory {
    pub(crate) now_kib: u64,
    pub(crate) peak_kib: u64,
}

impl Process {
    pub(crate) fn start(name: &str, mut command: Command, log: PathBuf) -> Outcome<Self> {
        let output = File::create(&log)?;
        command.stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().map_err(|failure| format!("cannot start {name}: {failure}"))?;
        Ok(Self::of(name, Running::Child { child, log }))
    }

    /// The same, which is ended in this way.
    pub(crate) fn ending(mut self, ending: Ending) -> Self {
        self.ending = ending;
        self
    }

    /// A workerd, which ends with this value and with the driver as the others do.
    pub(crate) fn of_workerd(name: &str, workerd: Workerd) -> Self {
        Self::of(name, Running::Workerd(Box::new(workerd)))
    }

    fn of(name: &str, running: Running) -> Self {
        Self { name: name.to_owned(), running, ending: Ending::Kill, ticks_per_second: ticks_per_second() }
    }

    /// The listening address from the server's ready file.
    pub(crate) fn wait_ready(&mut self, ready_file: &Path) -> Outcome<String> {
        self.wait_address(|_| read_address(ready_file))
    }

    /// The same of a server that prints its URL instead.
    pub(crate) fn wait_told(&mut self) -> Outcome<String> {
        self.wait_address(|process| told_address(&process.log_tail()))
    }

    fn wait_address(&mut self, find: impl Fn(&Self) -> Option<String>) -> Outcome<String> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            if let Some(address) = find(self) {
                return Ok(address);
            }
            let ended = self.exited()?;
            if ended.is_some() || Instant::now() > deadline {
                let how = ended.map_or("is not ready after 30 s".to_owned(), |status| format!("ended, {status}"));
                return Err(format!("{} {how}:\n{}", self.name, self.log_tail()).into());
            }
            sleep(Duration::from_millis(10));
        }
    }

    /// Until it accepts connections, for servers that write no ready file.
    pub(crate) fn wait_listening(&mut self, address: &str) -> Outcome<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while TcpStream::connect(address).is_err() {
            if self.exited()?.is_some() || Instant::now() > deadline {
                return Err(format!("{} does not listen:\n{}", self.name, self.log_tail()).into());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    pub(crate) fn exited(&mut self) -> Outcome<Option<ExitStatus>> {
        match &mut self.running {
            Running::Child { child, .. } => Ok(child.try_wait()?),
            Running::Workerd(workerd) => Ok(workerd.exited()),
        }
    }

    pub(crate) fn log_tail(&self) -> String {
        let log = match &self.running {
            Running::Child { log, .. } => std::fs::read_to_string(log).unwrap_or_default(),
            Running::Workerd(workerd) => workerd.log(),
        };
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    pub(crate) fn id(&self) -> u32 {
        match &self.running {
            Running::Child { child, .. } => child.id(),
            Running::Workerd(workerd) => workerd.pid(),
        }
    }

    /// User and system time of all its threads so far.
    pub(crate) fn cpu_seconds(&self) -> Outcome<f64> {
        let stat = self.read("stat")?;
        let ticks = cpu_ticks(&stat).ok_or_else(|| format!("/proc/{}/stat: {stat}", self.id()))?;
        Ok(f64::from(ticks) / self.ticks_per_second)
    }

    /// The same of it and its children, for servers that are a process for each client.
    pub(crate) fn cpu_seconds_of_all(&self) -> Outcome<f64> {
        let mut ticks = 0;
        for entry in std::fs::read_dir("/proc")? {
            // One that ends meanwhile is none of ours that matters.
            let Ok(stat) = std::fs::read_to_string(entry?.path().join("stat")) else { continue };
            if parent(&stat) == Some(self.id()) {
                ticks += cpu_ticks(&stat).unwrap_or_default();
            }
        }
        Ok(self.cpu_seconds()? + f64::from(ticks) / self.ticks_per_second)
    }

    pub(crate) fn memory(&self) -> Outcome<Memory> {
        let status = self.read("status")?;
        let kib = |key| number_after(&status, key).ok_or_else(|| format!("no {key} in /proc/{}/status", self.id()));
        Ok(Memory { now_kib: kib("VmRSS:")?, peak_kib: kib("VmHWM:")? })
    }

    fn read(&self, file: &str) -> Outcome<String> {
        let path = format!("/proc/{}/{file}", self.id());
        std::fs::read_to_string(&path)
            .map_err(|failure| format!("{}: {path}: {failure}\n{}", self.name, self.log_tail()).into())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Running::Child { child, .. } = &mut self.running {
            if self.ending == Ending::Interrupt {
                interrupt(child);
            }
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Has it end by itself, and waits for that, but not for long.
fn interrupt(child: &mut Child) {
    let _ = Command::new("sh").args(["-c", r#"kill -s INT "$1""#, "kill", &child.id().to_string()]).status();
    let _ = wait(child, Duration::from_secs(10));
}

/// Fails with what to do when a server or a generator may not hold `count` sockets: each is given the hard limit.
pub(crate) fn expect_files(count: u64) -> Outcome<()> {
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    match hard_limit(&limits) {
        Some(limit) if limit < count => Err(format!(
            "a process may open {limit} files, {count} are needed: raise the hard limit (ulimit -H -n {count}) and run again"
        )
        .into()),
        _ => Ok(()),
    }
}

/// None when it is unlimited.
fn hard_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn read_address(ready_file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(ready_file).ok()?;
    let ready: serde_json::Value = serde_json::from_str(&text).ok()?;
    Some(ready.get("listen")?.as_str()?.to_owned())
}

/// The address in a line that is an URL and nothing else.
fn told_address(log: &str) -> Option<String> {
    log.lines().find_map(|line| line.strip_prefix("http://")).map(str::to_owned)
}

/// Fields 14 and 15 of /proc/PID/stat, counted from the last parenthesis: a program's name may hold spaces.
fn cpu_ticks(stat: &str) -> Option<u32> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u32>().ok()? + fields.next()?.parse::<u32>().ok()?)
}

/// Field 4.
fn parent(stat: &str) -> Option<u32> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

fn number_after(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

fn ticks_per_second() -> f64 {
    let answer = Command::new("getconf").arg("CLK_TCK").output().ok();
    let text = answer.and_then(|answer| String::from_utf8(answer.stdout).ok());
    text.and_then(|text| text.trim().parse().ok()).unwrap_or(100.0)
}

#[cfg(test)]
mod tests {
    use super::{cpu_ticks, hard_limit, number_after, parent, told_address};

    #[test]
    fn cpu_is_user_and_system_time() {
        let stat = "7 (a (b) c) S 1 7 7 0 -1 4194560 90 0 0 0 120 34 0 0 20 0 3 0 5";
        assert_eq!(cpu_ticks(stat), Some(154));
        assert_eq!(cpu_ticks("7 (a"), None);
        assert_eq!((parent(stat), parent("7 (a")), (Some(1), None));
    }

    #[test]
    fn an_address_is_a_line_of_its_own() {
        assert_eq!(told_address("a warning: http://x\nhttp://127.0.0.1:81").as_deref(), Some("127.0.0.1:81"));
        assert_eq!(told_address("a warning: http://x"), None);
    }

    #[test]
    fn numbers_follow_their_key() {
        assert_eq!(number_after("Name:\tx\nVmRSS:\t  71 kB\n", "VmRSS:"), Some(71));
        assert_eq!(number_after("Name:\tx", "VmRSS:"), None);
    }

    #[test]
    fn the_hard_limit_is_the_second() {
        let check = |line: &str, expected| assert_eq!(hard_limit(&format!("Limit\n{line}\n")), expected, "{line}");
        check("Max open files            1024   4096   files", Some(4096));
        check("Max open files            1024   unlimited   files", None);
    }
}
