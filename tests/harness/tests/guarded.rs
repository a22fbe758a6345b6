//! A guarded process hears signals, and goes with its children when its owner does.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{Guarded, Signal};

fn shell(script: &str) -> Guarded {
    Guarded::spawn(Command::new("sh").args(["-c", script]), None).unwrap()
}

fn runs(pid: u32) -> bool {
    let mut probe = Command::new("kill");
    let probe = probe.args(["-0", &pid.to_string()]).stderr(Stdio::null());
    probe.status().unwrap().success()
}

#[test]
fn it_hears_a_signal() {
    let mut process = shell("trap 'exit 7' TERM; while :; do sleep 0.05; done");
    // Until the shell has read its first line it dies of the signal instead.
    std::thread::sleep(Duration::from_millis(300));
    let status = process.terminate(Duration::from_secs(5)).unwrap();
    assert_eq!(status.code(), Some(7));
    assert_eq!(process.try_wait(), Some(status));
}

#[test]
fn what_ignores_sigterm_is_killed() {
    let mut process = shell("trap '' TERM; sleep 30");
    std::thread::sleep(Duration::from_millis(300));
    let begun = Instant::now();
    let status = process.terminate(Duration::from_millis(300)).unwrap();
    assert_eq!(status.signal(), Some(9));
    assert!(begun.elapsed() < Duration::from_secs(5));
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
