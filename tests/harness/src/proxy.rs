//! The proxy under test: the real binary as a child process, on ports of its own, with nothing of the developer's
//! environment.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::http::{Connections, Request, connections};
use crate::{Answer, Database, Error, Guarded, Relay, Signal, random_hex, target_dir};

/// How long the proxy may take until it serves.
const START: Duration = Duration::from_secs(20);

/// How long the proxy may take to end in good order: its drain delay, then the 30 seconds it grants requests.
const DRAIN: Duration = Duration::from_mins(1);

/// A running proxy; ended at once when this value goes.
#[derive(Debug)]
pub struct Proxy {
    process: Guarded,
    folder: PathBuf,
    key: String,
    url: String,
    ops_url: String,
    connections: Connections,
}

/// What a proxy is started with.
#[derive(Clone, Debug)]
#[must_use = "a proxy does nothing until it is started"]
pub struct ProxyBuilder {
    database_url: Option<String>,
    upstream: Option<String>,
    key: String,
    variables: Vec<(OsString, OsString)>,
    config: Option<String>,
    arguments: Vec<OsString>,
}

impl Proxy {
    /// A proxy with a random key and no database yet.
    pub fn builder() -> ProxyBuilder {
        ProxyBuilder {
            database_url: None,
            upstream: None,
            key: random_hex(16),
            variables: Vec::new(),
            config: None,
            arguments: Vec::new(),
        }
    }

    /// The public listener, such as `http://127.0.0.1:4321`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The operators' listener.
    pub fn ops_url(&self) -> &str {
        &self.ops_url
    }

    /// The full-access API key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The memory that the process holds now, in bytes (`VmRSS` of proc(5)).
    pub fn memory(&self) -> u64 {
        self.figure("VmRSS:")
    }

    /// The most memory that the process has ever held, in bytes (`VmHWM` of proc(5)).
    pub fn peak_memory(&self) -> u64 {
        self.figure("VmHWM:")
    }

    fn figure(&self, name: &str) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let kibibytes = status.lines().find_map(|line| line.strip_prefix(name)?.strip_suffix("kB")).unwrap();
        kibibytes.trim().parse::<u64>().unwrap() << 10
    }

    /// A folder of this proxy alone, removed with it: for certificates and the like.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of the file given to [`ProxyBuilder::config`], to change it while the proxy runs.
    pub fn config_path(&self) -> PathBuf {
        config_path(&self.folder)
    }

    /// Everything the process has written to its standard output and error so far.
    pub fn stderr(&self) -> String {
        log(&self.folder)
    }

    /// A request to the public listener, without credentials.
    pub fn request(&self, method: &str, path: &str) -> Request {
        let uri = format!("{}{path}", self.url);
        Request::new(self.connections.clone(), method, uri)
    }

    /// A request to the operators' listener.
    pub fn ops_request(&self, method: &str, path: &str) -> Request {
        let uri = format!("{}{path}", self.ops_url);
        Request::new(self.connections.clone(), method, uri)
    }

    /// `POST /sql` with the full-access key and this body, to be completed and sent.
    pub fn sql_request(&self, body: &Value) -> Request {
        self.request("POST", "/sql").bearer(&self.key).json(body)
    }

    /// The answer to `POST /sql` with the full-access key and this body.
    #[allow(clippy::needless_pass_by_value)] // so that a call reads `proxy.sql(json!({...}))`
    pub async fn sql(&self, body: Value) -> Answer {
        self.sql_request(&body).send().await
    }

    /// Sends the process a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// The exit status if the process has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.try_wait()
    }

    /// Sends SIGTERM and waits for the end; panics with what was logged if it does not come within a minute.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.process.signal(Signal::Terminate);
        let deadline = Instant::now() + DRAIN;
        loop {
            if let Some(status) = self.process.try_wait() {
                return status;
            }
            let log = self.stderr();
            assert!(Instant::now() < deadline, "still runs {DRAIN:?} on\n{log}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Sends SIGKILL and waits for the end.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

impl ProxyBuilder {
    /// The database named `default`.
    pub fn database(self, database: &Database) -> Self {
        self.database_url(database.url())
    }

    /// The database named `default`, by URL: for one behind a chaos proxy, or one that is not there.
    pub fn database_url(mut self, url: impl Into<String>) -> Self {
        self.database_url = Some(url.into());
        self
    }

    /// The database named `default`, reached through a relay. Without asking for TLS first: an attempt to connect is one
    /// connection of the relay's.
    pub fn through(self, relay: &Relay, database: &Database) -> Self {
        self.database_url(format!("{}?sslmode=disable", relay.url(&database.url())))
    }

    /// A relay to another proxy instead of one with a database: it has no key of its own, so its clients' is the other's.
    pub fn relay_to(self, upstream: &Proxy) -> Self {
        self.relay(upstream.url(), upstream.key())
    }

    /// The same by URL: for an upstream under another name or behind a chaos proxy, one that is not there, or a stub.
    pub fn relay(mut self, upstream: &str, key: &str) -> Self {
        self.upstream = Some(upstream.to_owned());
        self.key(key)
    }

    /// The full-access key; an empty one leaves `POOL_PROXY_KEY` unset.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Sets an environment variable, also over one that the harness sets.
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    /// The text of the TOML file.
    pub fn config(mut self, toml: impl Into<String>) -> Self {
        self.config = Some(toml.into());
        self
    }

    /// Adds a command-line argument after `serve`.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Starts the proxy and waits until it serves; panics with what it logged if it does not.
    pub async fn start(self) -> Proxy {
        self.try_start().await.unwrap()
    }

    /// Starts the proxy and waits until it serves.
    ///
    /// # Errors
    /// If the binary is not there, the process ends, or it does not serve within 20 seconds; the error carries
    /// everything the process wrote.
    pub async fn try_start(self) -> Result<Proxy, Error> {
        let binary = binary()?;
        let folder = env::temp_dir().join(format!("pool-proxy-test-{}", random_hex(8)));
        fs::create_dir(&folder).map_err(Error::doing(folder.display()))?;
        let ready = folder.join("ready.json");
        let command = self.command(&binary, &folder, &ready);
        let spawned = command.and_then(|mut command| Guarded::spawn(&mut command, Some(&folder)));
        let mut process = spawned.inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
        let addresses = served(&mut process, &folder, &ready).await?;
        let address = |name: &str| addresses[name].as_str().unwrap_or_default().to_owned();
        let scheme = addresses["scheme"].as_str().unwrap_or("http").to_owned();
        Ok(Proxy {
            process,
            folder,
            key: self.key,
            url: format!("{scheme}://{}", address("listen")),
            ops_url: format!("http://{}", address("ops_listen")),
            connections: connections(),
        })
    }

    fn command(&self, binary: &Path, folder: &Path, ready: &Path) -> Result<Command, Error> {
        let failed = || Error::doing(folder.display());
        let output = fs::File::create(log_path(folder)).map_err(failed())?;
        let errors = output.try_clone().map_err(failed())?;
        let mut command = Command::new(binary);
        command.arg("serve").arg("--ready-file").arg(ready);
        command.env_clear().env("POOL_PROXY_LISTEN", "127.0.0.1:0");
        command.env("POOL_PROXY_OPS_LISTEN", "127.0.0.1:0");
        for name in ["PATH", "RUST_BACKTRACE", "LLVM_PROFILE_FILE"] {
            command.envs(env::var_os(name).map(|value| (name, value)));
        }
        if let Some(url) = &self.database_url {
            command.env("DATABASE_URL", url);
        }
        match &self.upstream {
            Some(url) => drop(command.env("POOL_PROXY_UPSTREAM", url)),
            None if self.key.is_empty() => {}
            None => drop(command.env("POOL_PROXY_KEY", &self.key)),
        }
        if let Some(toml) = &self.config {
            fs::write(config_path(folder), toml).map_err(failed())?;
            command.arg("--config").arg(config_path(folder));
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.args(&self.arguments);
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        Ok(command)
    }
}

/// The binary: `POOL_PROXY_BIN`, else what cargo has built.
fn binary() -> Result<PathBuf, Error> {
    let given = env::var_os("POOL_PROXY_BIN").map(PathBuf::from);
    let path = given.unwrap_or_else(|| target_dir().join("debug").join("pool-proxy"));
    if path.is_file() {
        return Ok(path);
    }
    Err(Error::new(format!(
        "no proxy at {}: run `cargo build -p pool-proxy` first, or all tests with `cargo xtask test`",
        path.display()
    )))
}

/// The addresses that the proxy writes into its ready file once it serves.
async fn served(process: &mut Guarded, folder: &Path, ready: &Path) -> Result<Value, Error> {
    let deadline = Instant::now() + START;
    loop {
        let ended = process.try_wait();
        if let Ok(text) = fs::read(ready) {
            return serde_json::from_slice(&text).map_err(Error::doing("the proxy's ready file"));
        }
        let log = log(folder);
        if let Some(status) = ended {
            let message = format!("the proxy ended with {status}:\n{log}");
            return Err(Error::new(message));
        }
        if Instant::now() >= deadline {
            let message = format!("the proxy does not serve after {START:?}:\n{log}");
            return Err(Error::new(message));
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn config_path(folder: &Path) -> PathBuf {
    folder.join("pool-proxy.toml")
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn log(folder: &Path) -> String {
    let bytes = fs::read(log_path(folder)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
