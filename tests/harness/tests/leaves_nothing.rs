//! A private Postgres leaves no process and no folder behind, however its owner ends.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Postgres, random_hex, target_dir};

/// Tells the owner, this same test binary started again, how to end.
const ENDING: &str = "HARNESS_TEST_ENDING";

#[test]
fn after_sigkill() {
    let (mut owner, cluster) = owner("wait");
    cluster.assert_runs();
    owner.kill().unwrap();
    owner.wait().unwrap();
    cluster.assert_gone();
}

#[test]
fn after_sigint() {
    let (mut owner, cluster) = owner("wait");
    let pid = owner.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    owner.wait().unwrap();
    cluster.assert_gone();
}

#[test]
fn after_a_panic() {
    let (mut owner, cluster) = owner("panic");
    owner.wait().unwrap();
    cluster.assert_gone();
}

#[test]
fn after_exit_without_drop() {
    let (mut owner, cluster) = owner("exit");
    owner.wait().unwrap();
    cluster.assert_gone();
}

#[test]
fn after_drop() {
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    let cluster = Cluster::at(&postgres.data_dir());
    cluster.assert_runs();
    assert!(postgres.socket_dir().is_dir());
    drop(postgres);
    assert!(!cluster.folder.exists());
    cluster.assert_gone();
}

#[test]
fn after_a_failed_start() {
    let bin = target_dir().join(format!("broken-{}", random_hex(4)));
    let temporary = bin.join("tmp");
    fs::create_dir_all(&temporary).unwrap();
    for (name, does) in [("postgres", "exit 0"), ("initdb", "echo no disk left; exit 7")] {
        let file = bin.join(name);
        fs::write(&file, format!("#!/bin/sh\n{does}\n")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let mut command = itself("start");
    command.env("POOL_PROXY_POSTGRES_BIN", &bin).env("TMPDIR", &temporary);
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let left: Vec<_> = fs::read_dir(&temporary).unwrap().collect();
    fs::remove_dir_all(&bin).unwrap();
    assert!(said.contains("no disk left"), "{said}");
    assert!(left.is_empty(), "{left:?}");
}

/// Not a test: what the others start and end.
#[test]
#[ignore = "a part of the other tests"]
fn owner_of_a_cluster() {
    let Ok(ending) = env::var(ENDING) else { return };
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    println!("\ndata={}", postgres.data_dir().display());
    match ending.as_str() {
        "wait" => thread::sleep(Duration::from_mins(1)),
        "exit" => std::process::exit(3),
        other => panic!("{other}"),
    }
}

fn itself(ending: &str) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "owner_of_a_cluster", "--ignored", "--nocapture"]).env(ENDING, ending);
    command
}

/// Another process that owns a cluster, and the cluster.
fn owner(ending: &str) -> (Child, Cluster) {
    let mut command = itself(ending);
    let mut owner = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let output = BufReader::new(owner.stdout.take().unwrap());
    let mut lines = output.lines().map_while(Result::ok);
    let data = lines.find_map(|line| line.strip_prefix("data=").map(PathBuf::from));
    (owner, Cluster::at(&data.expect("the owner has started a cluster")))
}

struct Cluster {
    folder: PathBuf,
    postmaster: String,
}

impl Cluster {
    fn at(data: &Path) -> Self {
        // It may already be going down: then there is only the folder to look for.
        let file = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
        Self {
            folder: data.parent().unwrap().to_owned(),
            postmaster: file.lines().next().unwrap_or_default().to_owned(),
        }
    }

    fn runs(&self) -> bool {
        let mut probe = Command::new("kill");
        let probe = probe.args(["-0", &self.postmaster]).stderr(Stdio::null());
        !self.postmaster.is_empty() && probe.status().unwrap().success()
    }

    fn assert_runs(&self) {
        assert!(self.runs() && self.folder.exists());
    }

    fn assert_gone(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.runs() || self.folder.exists() {
            assert!(Instant::now() < deadline, "{} is still there", self.folder.display());
            thread::sleep(Duration::from_millis(20));
        }
    }
}
