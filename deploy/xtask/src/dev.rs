//! `cargo xtask dev`: a private Postgres with sample data and the proxy in front of it, until Ctrl-C.

use std::env;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Error, Guarded, Postgres, Signal, random_hex, target_dir};

use crate::cargo::Build;
use crate::interrupt::Interrupts;
use crate::progress::Progress;
use crate::{sample, smoke};

/// How long the proxy may take until it serves.
const START: Duration = Duration::from_secs(20);

/// How long the proxy may take to finish what it is doing once it is asked to end.
const DRAIN: Duration = Duration::from_secs(40);

/// How often a wait looks around.
const LOOK: Duration = Duration::from_millis(50);

/// The proxy's public port unless told otherwise, and its operators' one.
const PORTS: (u16, u16) = (8080, 9080);

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    smoke: bool,
    port: Option<u16>,
    ops_port: Option<u16>,
}

impl Options {
    /// Reads the arguments after `dev`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            let slot = match name {
                "--smoke" if given.is_none() => {
                    options.smoke = true;
                    continue;
                }
                "--port" => &mut options.port,
                "--ops-port" => &mut options.ops_port,
                _ => return Err(Error::new(format!("`dev` takes no `{argument}`"))),
            };
            let value = given.or_else(|| arguments.next().map(String::as_str));
            let value = value.unwrap_or_default();
            let port =
                value.parse().map_err(|_| Error::new(format!("{name} is `{value}`, but should be a port, 0 to 65535")));
            *slot = Some(port?);
        }
        Ok(options)
    }
}

/// Starts everything, shows how to use it, and stays until Ctrl-C; or, for a smoke test, uses it.
pub(crate) fn run(options: Options) -> Result<ExitCode, Error> {
    let begun = Instant::now();
    let interrupts = Interrupts::catch()?;
    let Some(postgres) = build_and_start_postgres(&interrupts)? else {
        return Ok(interrupted());
    };
    let mut site = Site::start(options, postgres)?;
    if !site.serves(&interrupts)? {
        site.stop(&interrupts);
        return Ok(interrupted());
    }
    site.introduce(begun.elapsed());
    let result = if options.smoke { smoke::run(&site.url(), &site.key) } else { site.stay(&interrupts) };
    site.stop(&interrupts);
    result.map(|()| ExitCode::SUCCESS)
}

/// What a shell calls a program that Ctrl-C has ended.
fn interrupted() -> ExitCode {
    eprintln!("interrupted");
    ExitCode::from(130)
}

/// Builds the proxy and, meanwhile, starts Postgres and applies the sample schema; nothing if interrupted.
fn build_and_start_postgres(interrupts: &Interrupts) -> Result<Option<Postgres>, Error> {
    let mut build = Build::start(&["--package", "pool-proxy"])?;
    let (report, reports) = mpsc::channel();
    let (say, steps) = mpsc::channel();
    thread::spawn(move || {
        let started = Postgres::start(&mut |step| {
            let _ = say.send(step.to_owned());
        });
        let _ = say.send("applying the sample schema".to_owned());
        let _ = report.send(started.and_then(|postgres| {
            sample::apply(&postgres.url())?;
            Ok(postgres)
        }));
    });
    let mut progress = Progress::of("building pool-proxy, starting a private Postgres");
    let mut step = String::new();
    let mut postgres = None;
    loop {
        if interrupts.count() > 0 {
            progress.clear();
            return Ok(None);
        }
        step = steps.try_iter().last().unwrap_or(step);
        match reports.try_recv() {
            Ok(started) => postgres = Some(started.inspect_err(|_| progress.clear())?),
            Err(TryRecvError::Disconnected) if postgres.is_none() => {
                return Err(Error::new("Postgres could not be started: please report this"));
            }
            Err(_) => {}
        }
        let done = build.finished().inspect_err(|_| progress.clear())?;
        if done && postgres.is_some() {
            progress.done("built pool-proxy, started Postgres, applied the sample schema");
            return Ok(postgres);
        }
        progress.tick(&if done { step.clone() } else { build.last_line() });
        thread::sleep(LOOK);
    }
}

/// Everything that runs.
struct Site {
    // In this order: the proxy goes before its database.
    proxy: Guarded,
    postgres: Postgres,
    folder: PathBuf,
    key: String,
    port: u16,
    ops_port: u16,
}

impl Site {
    fn start(options: Options, postgres: Postgres) -> Result<Self, Error> {
        let listen = port("--port", options.port, PORTS.0, 0)?;
        let ops_listen = port("--ops-port", options.ops_port, PORTS.1, listen)?;
        let key = random_hex(16);
        let folder = env::temp_dir().join(format!("pool-proxy-dev-{}", random_hex(6)));
        std::fs::create_dir(&folder).map_err(Error::doing(folder.display()))?;
        let mut command = Command::new(target_dir().join("debug").join("pool-proxy"));
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            // The log's format and filter are the developer's; all else would make this another proxy.
            if text.starts_with("POOL_PROXY_") && text != "POOL_PROXY_LOG" || text.starts_with("PG") {
                command.env_remove(&name);
            }
        }
        command
            .arg("serve")
            .arg("--ready-file")
            .arg(folder.join("ready.json"))
            .env("DATABASE_URL", postgres.url())
            .env("POOL_PROXY_KEY", &key)
            .env("POOL_PROXY_LISTEN", format!("127.0.0.1:{listen}"))
            .env("POOL_PROXY_OPS_LISTEN", format!("127.0.0.1:{ops_listen}"))
            .stdin(Stdio::null());
        Ok(Self {
            proxy: Guarded::spawn(&mut command, Some(&folder))
                .inspect_err(|_| drop(std::fs::remove_dir_all(&folder)))?,
            postgres,
            folder,
            key,
            port: listen,
            ops_port: ops_listen,
        })
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Waits until the proxy serves; false if interrupted.
    fn serves(&mut self, interrupts: &Interrupts) -> Result<bool, Error> {
        let begun = Instant::now();
        while !self.folder.join("ready.json").exists() {
            if interrupts.count() > 0 {
                return Ok(false);
            }
            self.check()?;
            if begun.elapsed() > START {
                let message = format!("the proxy does not serve after {START:?}; see its log above");
                return Err(Error::new(message));
            }
            thread::sleep(LOOK);
        }
        Ok(true)
    }

    /// An error if the proxy or Postgres has ended.
    fn check(&mut self) -> Result<(), Error> {
        if let Some(status) = self.proxy.try_wait() {
            let message = format!("the proxy ended by itself with {status}; see its log above");
            return Err(Error::new(message));
        }
        match self.postgres.ended() {
            Some(why) => Err(Error::new(format!("Postgres ended by itself; {why}"))),
            None => Ok(()),
        }
    }

    /// Stays in front until interrupted.
    fn stay(&mut self, interrupts: &Interrupts) -> Result<(), Error> {
        println!("Ctrl-C stops it all. What follows is the proxy's log.\n");
        while interrupts.count() == 0 {
            self.check()?;
            thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Stops the proxy in good order, or at once when asked again; then Postgres.
    fn stop(mut self, interrupts: &Interrupts) {
        let before = interrupts.count();
        let begun = Instant::now();
        self.proxy.signal(Signal::Interrupt);
        let mut progress = None;
        while self.proxy.try_wait().is_none() {
            if interrupts.count() > before || begun.elapsed() > DRAIN {
                self.proxy.kill();
                break;
            }
            if begun.elapsed() > Duration::from_secs(1) {
                progress.get_or_insert_with(|| Progress::of("stopping; Ctrl-C again to stop at once")).tick("");
            }
            thread::sleep(LOOK);
        }
        if let Some(progress) = progress {
            progress.clear();
        }
        drop(self.proxy);
        self.postgres.stop();
        eprintln!("stopped; nothing is left running");
    }

    /// Says what is where and what to do with it.
    fn introduce(&self, took: Duration) {
        let seconds = took.as_secs_f32();
        println!("\n  pool-proxy is up after {seconds:.0} s\n");
        println!("  proxy      {}", self.url());
        println!("  operators  http://127.0.0.1:{}/metrics", self.ops_port);
        println!("  API key    {}", self.key);
        println!("  Postgres   {}", self.postgres.url());
        for request in smoke::requests() {
            println!("\n  {}:\n{}", request.title, request.curl(&self.url(), &self.key));
        }
        println!();
    }
}

/// A free port: the one asked for, or the first free one from the usual one on.
fn port(flag: &str, asked: Option<u16>, usual: u16, taken: u16) -> Result<u16, Error> {
    let free = |port: u16| port != taken && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match asked {
        Some(0) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|it| it.local_addr())
            .map(|address| address.port())
            .map_err(Error::doing("choosing a free port")),
        Some(port) if free(port) => Ok(port),
        Some(port) => {
            Err(Error::new(format!("port {port} on 127.0.0.1 is taken: choose another with {flag}, or leave it out")))
        }
        None => {
            let found = (usual..usual + 100).find(|port| free(*port));
            let found =
                found.ok_or_else(|| Error::new(format!("no free port from {usual} on: choose one with {flag}")))?;
            if found != usual {
                eprintln!("port {usual} is taken, using {found}");
            }
            Ok(found)
        }
    }
}
