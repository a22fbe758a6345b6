//! The proxy with its private Postgres.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Error, Guarded, Postgres, Signal, random_hex};
use serde_json::Value;

use super::{LOOK, Options, port};
use crate::interrupt::Interrupts;
use crate::programs::POOL_PROXY;
use crate::progress::Progress;
use crate::smoke::{self, Addresses, Door};

/// How long the proxy may take until it serves.
const START: Duration = Duration::from_secs(20);

/// How long the proxy may take to finish what it is doing once it is asked to end.
const DRAIN: Duration = Duration::from_secs(40);

/// The proxy's public port unless told otherwise, and its operators' one.
const PORTS: (u16, u16) = (8080, 9080);

/// The proxy and its database.
pub(super) struct Site {
    // In this order: the proxy goes before its database.
    proxy: Guarded,
    postgres: Postgres,
    folder: PathBuf,
    key: String,
    edge_key: String,
    port: u16,
    ops_port: u16,
}

impl Site {
    /// Starts the proxy; its keys are the one that is shown and the edge API's.
    pub(super) fn start(options: Options, postgres: Postgres) -> Result<Self, Error> {
        let listen = port::free("--port", options.port, PORTS.0, &[])?;
        let ops_listen = port::free("--ops-port", options.ops_port, PORTS.1, &[listen])?;
        let (key, edge_key) = (random_hex(16), EdgeKey::new()?);
        let folder = env::temp_dir().join(format!("pool-proxy-dev-{}", random_hex(6)));
        std::fs::create_dir(&folder).map_err(Error::doing(folder.display()))?;
        let config = folder.join("pool-proxy.toml");
        std::fs::write(&config, edge_key.entry).map_err(Error::doing(config.display()))?;
        let mut command = proxy();
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
            .arg("--config")
            .arg(config)
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
            edge_key: edge_key.secret,
            port: listen,
            ops_port: ops_listen,
        })
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The key that is shown, which may do everything.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The edge API's own key.
    pub(super) fn edge_key(&self) -> &str {
        &self.edge_key
    }

    /// The ports in use.
    pub(super) fn ports(&self) -> [u16; 2] {
        [self.port, self.ops_port]
    }

    /// Waits until the proxy serves; false if interrupted.
    pub(super) fn serves(&mut self, interrupts: &Interrupts) -> Result<bool, Error> {
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
    pub(super) fn check(&mut self) -> Result<(), Error> {
        if let Some(status) = self.proxy.try_wait() {
            let message = format!("the proxy ended by itself with {status}; see its log above");
            return Err(Error::new(message));
        }
        match self.postgres.ended() {
            Some(why) => Err(Error::new(format!("Postgres ended by itself; {why}"))),
            None => Ok(()),
        }
    }

    /// Stops the proxy in good order, or at once when asked again; then Postgres.
    pub(super) fn stop(mut self, interrupts: &Interrupts) {
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
    pub(super) fn introduce(&self, took: Duration) {
        let seconds = took.as_secs_f32();
        println!("\n  pool-proxy is up after {seconds:.0} s\n");
        println!("  proxy      {}", self.url());
        println!("  operators  http://127.0.0.1:{}/metrics", self.ops_port);
        println!("  API key    {}", self.key);
        println!("  Postgres   {}", self.postgres.url());
        let addresses = Addresses { proxy: &self.url(), key: &self.key, edge: "" };
        for request in smoke::requests().iter().filter(|it| it.door == Door::Proxy) {
            println!("\n  {}:\n{}", request.title, request.curl(addresses));
        }
        println!();
    }
}

/// The edge API's key, made as its users make theirs but without a role: the owner of the private database is the one
/// login here.
struct EdgeKey {
    secret: String,
    /// What the proxy's configuration knows of it.
    entry: String,
}

impl EdgeKey {
    fn new() -> Result<Self, Error> {
        let output = proxy().args(["key", "new", "--name", "edge-api", "--json"]).stdin(Stdio::null()).output();
        let output = output.map_err(Error::doing("starting pool-proxy"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            return Err(Error::new(format!("`pool-proxy key new` failed ({}):\n{said}", output.status)));
        }
        let answer: Value = serde_json::from_slice(&output.stdout).map_err(Error::doing("`pool-proxy key new`"))?;
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        match (text("secret"), text("entry")) {
            (Some(secret), Some(entry)) => Ok(Self { secret, entry }),
            _ => Err(Error::new("`pool-proxy key new` printed no key")),
        }
    }
}

/// The proxy that was built, or given.
fn proxy() -> Command {
    Command::new(POOL_PROXY.path())
}
