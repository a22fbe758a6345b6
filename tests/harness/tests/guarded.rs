//! A guarded process hears signals, and goes with its children when its owner does.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Guarded, Signal};

fn shell(script: &str) -> Guarded {
    Guarded::spawn(Command::new("sh").args(["-c", script]), None).unwrap()
}

/// A shell that has set its trap: before, it dies of the signal instead.
fn trapping(trap: &str, then: &str) -> Guarded {
    let mark = std::env::temp_dir().join(format!("guarded-{}", harness::random_hex(8)));
    let process = shell(&format!("{trap}; : > '{}'; {then}", mark.display()));
    while !mark.exists() {
        std::thread::sleep(Duration::from_millis(5));
    }
    std::fs::remove_file(mark).unwrap();
    process
}

fn runs(pid: u32) -> bool {
    let mut probe = Command::new("kill");
    let probe = probe.args(["-0", &pid.to_string()]).stderr(Stdio::null());
    probe.status().unwrap().success()
}

#[test]
fn it_hears_a_signal() {
    let mut process = trapping("trap 'exit 7' TERM", "while :; do sleep 0.05; done");
    let status = process.terminate(Duration::from_secs(5)).unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(process.try_wait(), Some(status));
}

#[test]
fn what_ignores_sigterm_is_killed() {
    let mut process = trapping("trap '' TERM", "sleep 30");
    let status = process.terminate(Duration::from_millis(300)).unwrap();
    assert_eq!(status.signal(), Some(9));
}

#[test]
fn dropping_it_ends_it() {
    let mut process = shell("sleep 30");
    process.signal(Signal::Stop);
    let pid = process.pid();
    assert!(runs(pid));
    drop(process);
    assert!(!runs(pid));
}
