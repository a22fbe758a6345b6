//! A private Postgres in a temporary folder: its own port, its own password, gone with whoever started it.
//! It never touches a cluster of the machine.

mod account;
mod install;
mod processes;

use std::env;
use std::fs;
use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

use crate::guard::{end, shell};
use crate::{Error, Signal, random_hex};
use account::Account;

/// Runs the cluster, and ends it when the pipe to us ends: see there.
const SCRIPT: &str = include_str!("postgres/cluster.sh");

/// How long a cluster may take until it accepts connections.
const START: Duration = Duration::from_secs(90);

/// A running cluster, stopped and removed when this value goes or our process ends.
#[derive(Debug)]
pub struct Postgres {
    guard: Child,
    folder: PathBuf,
    password: String,
    port: u16,
}

impl Postgres {
    /// Starts a cluster; installs Postgres first if the machine has none. `progress` hears what is being done.
    ///
    /// # Errors
    /// If there is no Postgres and none can be installed, no account it may run as, or it does not come up; the
    /// message says what to do.
    pub fn start(progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        Self::begin(None, progress)
    }

    /// Starts a standby that streams from this server (`hot_standby`, so it answers reads). It has its password.
    ///
    /// # Errors
    /// If the copy cannot be made, or does not come up.
    pub fn standby(&self) -> Result<Self, Error> {
        Self::begin(Some(self), &mut |_| {})
    }

    fn begin(primary: Option<&Self>, progress: &mut dyn FnMut(&str)) -> Result<Self, Error> {
        let bin = install::binaries(progress)?;
        let account = Account::find()?;
        progress("starting a private Postgres");
        let mut tries = 3;
        loop {
            match Self::attempt(&bin, &account, primary) {
                // Between choosing the port and using it somebody else may have taken it.
                Err(error) if tries > 1 && error.to_string().contains("in use") => tries -= 1,
                result => return result,
            }
        }
    }

    fn attempt(bin: &Path, account: &Account, primary: Option<&Self>) -> Result<Self, Error> {
        let folder = folder(account);
        let password = primary.map_or_else(|| random_hex(16), |primary| primary.password.clone());
        let port = free_port()?;
        // The guard first: it removes what is prepared, too.
        let guard = shell(SCRIPT)
            .arg(&folder)
            .args(&account.prefix)
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C")
            .env("STANDBY_OF", primary.map_or_else(String::new, Self::url))
            .spawn()
            .map_err(Error::doing("starting the shell `sh`"))?;
        let mut postgres = Self { guard, folder, password, port };
        let folder = &postgres.folder;
        prepare(folder, account, &postgres.password, port)
            .map_err(Error::doing(format!("preparing {}", folder.display())))?;
        let bin = reachable(bin, folder, account)?;
        if let Some(pipe) = &mut postgres.guard.stdin {
            writeln!(pipe, "{}", bin.display()).map_err(Error::doing("talking to the shell `sh`"))?;
        }
        postgres.accepting()?;
        Ok(postgres)
    }

    /// Waits until the cluster accepts connections.
    fn accepting(&self) -> Result<(), Error> {
        let deadline = Instant::now() + START;
        loop {
            if let Some(why) = self.ended() {
                return Err(Error::new(format!("Postgres did not start; {why}")));
            }
            // The last line of this file is the server's own word on its state.
            let state = fs::read_to_string(self.data_dir().join("postmaster.pid"));
            if state.is_ok_and(|text| text.lines().nth(7).is_some_and(|it| it.trim() == "ready")) {
                return Ok(());
            }
            if Instant::now() >= deadline {
                let log = self.log();
                let message = format!("Postgres is not up after {START:?}:\n{log}");
                return Err(Error::new(message));
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops the server: with [`Signal::Interrupt`] in order, ending what runs; with [`Signal::Quit`] as if it had
    /// crashed. Returns once it is gone.
    ///
    /// # Errors
    /// If it does not end, or never ran.
    pub fn go_down(&self, signal: Signal) -> Result<(), Error> {
        for name in ["again", "down"] {
            fs::write(self.folder.join(name), "").map_err(Error::doing("writing to the cluster's folder"))?;
        }
        let file = self.data_dir().join("postmaster.pid");
        let text = fs::read_to_string(&file).map_err(Error::doing(file.display()))?;
        let pid = text.lines().next().unwrap_or_default();
        let told = Command::new("sh").args(["-c", r#"kill -s "$1" "$2""#, "kill", signal.name(), pid]).status();
        told.map_err(Error::doing("stopping Postgres"))?;
        let deadline = Instant::now() + START;
        while file.exists() {
            if Instant::now() >= deadline {
                return Err(Error::new(format!("Postgres has not ended after {START:?}")));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Kills the server and all its sessions with SIGKILL, as if the machine had gone. Returns once they are gone.
    ///
    /// # Errors
    /// If they do not end.
    pub fn kill(&self) -> Result<(), Error> {
        for name in ["again", "down"] {
            fs::write(self.folder.join(name), "").map_err(Error::doing("writing to the cluster's folder"))?;
        }
        processes::signal(&self.data_dir(), Signal::Kill, &["Z", "X"])?;
        let file = self.data_dir().join("postmaster.pid");
        fs::remove_file(&file).map_err(Error::doing(file.display()))
    }

    /// Lets the server and all its sessions stand still: whoever asks gets no answer.
    ///
    /// # Errors
    /// If they do not.
    pub fn freeze(&self) -> Result<(), Error> {
        processes::signal(&self.data_dir(), Signal::Stop, &["T", "Z", "X"])
    }

    /// Lets them go on.
    ///
    /// # Errors
    /// If they do not.
    pub fn thaw(&self) -> Result<(), Error> {
        processes::signal(&self.data_dir(), Signal::Continue, &["R", "S", "D", "Z", "X"])
    }

    /// Starts the server again, and waits until it accepts connections.
    ///
    /// # Errors
    /// If it does not come up.
    pub fn come_back(&self) -> Result<(), Error> {
        fs::remove_file(self.folder.join("down")).map_err(Error::doing("writing to the cluster's folder"))?;
        self.accepting()
    }

    /// The superuser's direct URL.
    pub fn url(&self) -> String {
        let Self { password, port, .. } = self;
        format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres")
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The superuser's password.
    pub fn password(&self) -> &str {
        &self.password
    }

    /// The folder of the unix socket.
    pub fn socket_dir(&self) -> PathBuf {
        self.folder.join("run")
    }

    /// The cluster's data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Everything the server has logged.
    pub fn log(&self) -> String {
        let bytes = fs::read(self.folder.join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// If the server has ended without being asked: its exit status and the last it logged.
    pub fn ended(&self) -> Option<String> {
        let status = fs::read_to_string(self.folder.join("ended")).ok()?;
        let log = self.log();
        let last: Vec<_> = log.lines().rev().take(10).collect();
        let last: Vec<_> = last.into_iter().rev().collect();
        let status = status.trim();
        Some(format!("it ended with status {status}:\n{}", last.join("\n")))
    }

    /// Stops the server and removes its folder; as dropping does.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        let _ = end(&mut self.guard);
    }
}

/// A name in the system's temporary folder, or in `/tmp` where that is closed to `account` or its name too long for
/// a unix socket.
fn folder(account: &Account) -> PathBuf {
    let temporary = env::temp_dir();
    let short = temporary.as_os_str().len() < 60;
    let open = !account.is_other() || account.can_run("test", &["-x", &temporary.to_string_lossy()]);
    let base = if short && open { temporary } else { PathBuf::from("/tmp") };
    base.join(format!("pool-proxy-{}", random_hex(6)))
}

fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Error::doing("choosing a port on 127.0.0.1"))
}

/// Makes the folder with all that the script needs in it.
fn prepare(folder: &Path, account: &Account, password: &str, port: u16) -> std::io::Result<()> {
    fs::create_dir(folder)?;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))?;
    for name in ["data", "run"] {
        fs::create_dir(folder.join(name))?;
        account.own(&folder.join(name))?;
    }
    let secret = folder.join("password");
    fs::write(&secret, "")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    fs::write(&secret, password)?;
    account.own(&secret)?;
    fs::write(folder.join("settings"), settings(folder, port))
}

/// What the cluster is configured with. Nothing in it outlives the process, so nothing waits for the disk.
fn settings(folder: &Path, port: u16) -> String {
    let socket = folder.join("run");
    let socket = socket.display();
    format!(
        "listen_addresses = '127.0.0.1'\n\
         port = {port}\n\
         unix_socket_directories = '{socket}'\n\
         max_connections = 200\n\
         max_wal_senders = 20\n\
         max_replication_slots = 20\n\
         wal_level = logical\n\
         fsync = off\n\
         full_page_writes = off\n\
         password_encryption = 'scram-sha-256'\n\
         timezone = 'UTC'\n\
         log_timezone = 'UTC'\n"
    )
}

/// `bin`, or a copy of its package that `account` can run if it lies in a folder that is ours alone.
fn reachable(bin: &Path, folder: &Path, account: &Account) -> Result<PathBuf, Error> {
    let runs = |bin: &Path| account.can_run(&bin.join("postgres").to_string_lossy(), &["--version"]);
    if runs(bin) {
        return Ok(bin.to_owned());
    }
    let copy = folder.join("native");
    if let Some(package) = bin.parent().filter(|it| it.ends_with("native")) {
        let _ = Command::new("cp").arg("-a").arg(package).arg(&copy).status();
        if runs(&copy.join("bin")) {
            return Ok(copy.join("bin"));
        }
    }
    let bin = bin.display();
    let whose = account.prefix.join(" ");
    Err(Error::new(format!(
        "{bin}/postgres does not run: try `{whose} {bin}/postgres --version`, \
         or name the folder of another Postgres in POOL_PROXY_POSTGRES_BIN"
    )))
}
