//! The edge API's Worker, or another, in the real Workers runtime: workerd as a child process, on ports of its own.

mod binary;
mod config;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Error, Guarded, Signal, random_hex};
use config::{CONFIG, Config};

/// How long workerd may take until it listens.
const START: Duration = Duration::from_secs(20);

/// A running workerd; ended at once when this value goes.
#[derive(Debug)]
pub struct Workerd {
    process: Guarded,
    folder: PathBuf,
    ports: Vec<u16>,
    #[cfg(feature = "suites")]
    connections: crate::http::Connections,
}

/// What a workerd is started with.
#[derive(Clone, Debug)]
#[must_use = "a workerd does nothing until it is started"]
pub struct WorkerdBuilder {
    build: Option<PathBuf>,
    config: Config,
    variables: Vec<(String, String)>,
    ca: Option<String>,
    logs_to_us: bool,
}

impl Workerd {
    /// One isolate on a free port, without variables, secrets or bindings.
    pub fn builder() -> WorkerdBuilder {
        WorkerdBuilder {
            build: None,
            config: Config { isolates: 1, port: 0, bindings: Vec::new(), services: Vec::new(), has_ca: false },
            variables: Vec::new(),
            ca: None,
            logs_to_us: false,
        }
    }

    /// Where the Worker is reached, such as `http://127.0.0.1:4321`; the first isolate, if there are several.
    pub fn url(&self) -> String {
        self.url_of(0)
    }

    /// Where an isolate is reached, counted from 0; panics if there are not as many.
    pub fn url_of(&self, isolate: usize) -> String {
        format!("http://127.0.0.1:{}", self.ports[isolate])
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// A folder of this process alone, removed with it.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the Worker and workerd have written so far, unless it went to our own output.
    pub fn log(&self) -> String {
        log(&self.folder)
    }

    /// Sends the process a signal.
    pub fn signal(&mut self, signal: Signal) {
        self.process.signal(signal);
    }

    /// The exit status if the process has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        self.process.try_wait()
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}

#[cfg(feature = "suites")]
impl Workerd {
    /// A request to the Worker, or to the first of its isolates.
    pub fn request(&self, method: &str, path: &str) -> crate::Request {
        self.request_to(0, method, path)
    }

    /// A request to an isolate, counted from 0; panics if there are not as many.
    pub fn request_to(&self, isolate: usize, method: &str, path: &str) -> crate::Request {
        let uri = format!("{}{path}", self.url_of(isolate));
        crate::Request::new(self.connections.clone(), method, uri)
    }
}

impl WorkerdBuilder {
    /// The folder of the built Worker: `index.js`, and WebAssembly beside it. Without it, `EDGE_WORKER_BUILD`, or what
    /// `cargo xtask worker` has built.
    pub fn build(mut self, folder: impl Into<PathBuf>) -> Self {
        self.build = Some(folder.into());
        self
    }

    /// A variable or a secret; the Worker cannot tell one from the other. It is kept out of every file.
    pub fn var(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.variables.retain(|(known, _)| *known != name);
        if !self.config.bindings.contains(&name) {
            self.config.bindings.push(name.clone());
        }
        self.variables.push((name, value.into()));
        self
    }

    /// A service binding to an HTTP server, such as `127.0.0.1:8080`.
    pub fn service(mut self, name: impl Into<String>, address: impl Into<String>) -> Self {
        self.config.services.push((name.into(), address.into()));
        self
    }

    /// A certificate authority to trust beside the usual ones, as PEM text.
    pub fn trusted_ca(mut self, pem: impl Into<String>) -> Self {
        self.config.has_ca = true;
        self.ca = Some(pem.into());
        self
    }

    /// How many isolates of the Worker to run, each on a port of its own: 1 or more.
    pub fn isolates(mut self, number: usize) -> Self {
        self.config.isolates = number.max(1);
        self
    }

    /// The port on 127.0.0.1 of the first isolate, instead of any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.config.port = port;
        self
    }

    /// Lets the Worker and workerd write to our own output and error, instead of [`Workerd::log`].
    pub fn logs_to_us(mut self) -> Self {
        self.logs_to_us = true;
        self
    }

    /// Starts workerd and waits until it listens; panics with what it logged if it does not.
    #[cfg(feature = "suites")]
    pub async fn start(self) -> Workerd {
        let started = tokio::task::spawn_blocking(|| self.try_start()).await;
        started.unwrap_or_else(|error| panic!("{error}")).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Starts workerd and waits, this thread with it, until it listens.
    ///
    /// # Errors
    /// If there is no workerd or no Worker, or it does not listen, with what it has logged.
    pub fn try_start(self) -> Result<Workerd, Error> {
        let workerd = binary::workerd()?;
        let build = binary::build(self.build.as_deref())?;
        let folder = std::env::temp_dir().join(format!("pool-proxy-workerd-{}", random_hex(6)));
        fs::create_dir(&folder).map_err(Error::doing(folder.display()))?;
        let prepared = self.command(&workerd, &build, &folder);
        let process = prepared.and_then(|mut command| Guarded::spawn(&mut command, Some(&folder)));
        let mut process = process.inspect_err(|_| drop(fs::remove_dir_all(&folder)))?;
        let ports = listening(&mut process, &folder, self.config.isolates)?;
        Ok(Workerd {
            process,
            folder,
            ports,
            #[cfg(feature = "suites")]
            connections: crate::http::connections(),
        })
    }
}

impl WorkerdBuilder {
    fn command(&self, workerd: &Path, build: &Path, folder: &Path) -> Result<Command, Error> {
        let prepared = self.config.write(folder, build, self.ca.as_deref());
        prepared.map_err(Error::doing(folder.display()))?;
        let mut command = Command::new("sh");
        // The shell opens the file through which workerd tells its ports; its other output is the Worker's.
        command.args(["-c", r#"exec 3>"$1"; shift; exec "$@""#, "workerd"]).arg(ports_path(folder)).arg(workerd);
        command.args(["serve", CONFIG, "config", "--control-fd=3"]).current_dir(folder).stdin(Stdio::null());
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path).envs(self.variables.iter().map(|(name, value)| (name, value)));
        if !self.logs_to_us {
            let output = fs::File::create(log_path(folder)).map_err(Error::doing(folder.display()))?;
            let errors = output.try_clone().map_err(Error::doing(folder.display()))?;
            command.stdout(output).stderr(errors);
        }
        Ok(command)
    }
}

/// The ports, in the order of the isolates, once workerd has told all of them.
fn listening(process: &mut Guarded, folder: &Path, isolates: usize) -> Result<Vec<u16>, Error> {
    let deadline = Instant::now() + START;
    loop {
        let ended = process.try_wait();
        let told = fs::read_to_string(ports_path(folder)).unwrap_or_default();
        if let Some(ports) = config::ports(&told, isolates) {
            return Ok(ports);
        }
        if let Some(status) = ended {
            return Err(with_log(format!("workerd ended with {status}"), folder));
        }
        if Instant::now() >= deadline {
            return Err(with_log(format!("workerd does not listen after {START:?}"), folder));
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// An error with what was logged, if it did not go to our own output.
fn with_log(message: String, folder: &Path) -> Error {
    match log(folder) {
        log if log.is_empty() => Error::new(message),
        log => Error::new(format!("{message}:\n{log}")),
    }
}

fn ports_path(folder: &Path) -> PathBuf {
    folder.join("ports")
}

fn log_path(folder: &Path) -> PathBuf {
    folder.join("log")
}

fn log(folder: &Path) -> String {
    let bytes = fs::read(log_path(folder)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}
