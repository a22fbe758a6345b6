//! oha (<https://github.com/hatoo/oha>) as a steady source of reads.

use std::env;
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Guarded, Signal, target_dir};
use serde_json::Value;

use super::tally::{FINE, Tally};

/// How many connections it holds.
const CONNECTIONS: &str = "8";

/// Longer than any test.
const DURATION: &str = "1h";

/// A run of oha.
pub(super) struct Oha {
    process: Guarded,
    output: std::thread::JoinHandle<String>,
}

impl Oha {
    /// Sends the same body so many times a second, whatever becomes of it.
    pub(super) fn start(url: &str, key: &str, rate: u32, body: &Value, headers: &[&str]) -> Self {
        let mut command = Command::new(binary());
        command.args([
            "--no-tui",
            "--output-format",
            "json",
            "-z",
            DURATION,
            "-c",
            CONNECTIONS,
            "-q",
            &rate.to_string(),
        ]);
        command.args(["-t", "5s", "-m", "POST", "-T", "application/json", "-d", &body.to_string()]);
        command.args(["-H", &format!("authorization: Bearer {key}")]);
        command.args(headers.iter().flat_map(|header| ["-H", header]));
        command.arg(format!("{url}/sql")).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = Guarded::spawn(&mut command, None).unwrap();
        let mut output = process.take_stdout().unwrap();
        assert!(process.try_wait().is_none(), "oha does not run");
        let output = std::thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        });
        Self { process, output }
    }

    /// Ends it, as Ctrl-C does, and takes down what it saw.
    pub(super) fn end(mut self, tally: &Tally) {
        self.process.signal(Signal::Interrupt);
        let ended = tokio::task::block_in_place(|| self.process.wait(Duration::from_secs(20)));
        assert!(ended.is_some(), "oha does not end");
        let text = tokio::task::block_in_place(|| self.output.join().unwrap());
        let seen: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        for (status, count) in seen["statusCodeDistribution"].as_object().unwrap() {
            tally.saw(status, count.as_u64().unwrap());
        }
        assert!(seen["statusCodeDistribution"][FINE].as_u64() > Some(0), "oha had no answer: {text}");
        for (error, count) in seen["errorDistribution"].as_object().unwrap() {
            let what = match error.as_str() {
                // That is the end of the run.
                "aborted due to deadline" => continue,
                "timeout" => "no answer",
                error if error.to_lowercase().contains("refused") => "connection refused",
                _ => "connection ended",
            };
            tally.saw(what, count.as_u64().unwrap());
        }
    }
}

/// The program: the one named in `OHA_BIN`, else what `cargo xtask` has installed.
fn binary() -> PathBuf {
    let named = env::var_os("OHA_BIN").filter(|it| !it.is_empty()).map(PathBuf::from);
    let path = named.unwrap_or_else(|| target_dir().join("tools/oha-debug/bin/oha"));
    assert!(path.is_file(), "no oha at {}: run all tests with `cargo xtask test`, or set OHA_BIN", path.display());
    path
}
