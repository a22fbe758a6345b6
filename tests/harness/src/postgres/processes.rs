//! The processes of a cluster, signalled from outside. All have its data folder as their working directory (Linux: proc(5)).

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Signal};

/// How long a signal may take to have its effect.
const PATIENCE: Duration = Duration::from_secs(10);

/// Their ids, each with the letter of its state.
fn all(data: &Path) -> Vec<(u32, String)> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = entries.filter(|entry| fs::read_link(entry.path().join("cwd")).is_ok_and(|folder| folder == data));
    let stated = ours.filter_map(|entry| {
        let id = entry.file_name().to_str()?.parse().ok()?;
        let text = fs::read_to_string(entry.path().join("stat")).ok()?;
        Some((id, text.rsplit(')').next()?.split_whitespace().next()?.to_owned()))
    });
    stated.collect()
}

/// Signals all of them, and again those that have been born meanwhile, until each is in one of these states or gone.
pub(super) fn signal(data: &Path, signal: Signal, until: &[&str]) -> Result<(), Error> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let left: Vec<_> = all(data).into_iter().filter(|(_, state)| !until.contains(&state.as_str())).collect();
        if left.is_empty() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Error::new(format!("{} processes of Postgres did not take {}", left.len(), signal.name())));
        }
        let ids = left.iter().map(|(id, _)| id.to_string());
        let mut kill = Command::new("sh");
        kill.args(["-c", r#"name=$1; shift; kill -s "$name" "$@""#, "kill", signal.name()]).args(ids);
        // One may have ended by itself.
        kill.stderr(Stdio::null()).status().map_err(Error::doing("signalling Postgres"))?;
        thread::sleep(Duration::from_millis(10));
    }
}
