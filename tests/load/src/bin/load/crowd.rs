//! The crowd, our own generator: how it is called and what of its JSON is kept.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use load::Outcome;
use serde::{Deserialize, Serialize};

use crate::oha::{Seen, quoted};
use crate::options::sibling;
use crate::processes::{self, Process};
use crate::servers::{self, Server};
use crate::setup::Bench;

/// What one run asks for.
#[derive(Clone, Default)]
pub(crate) struct Crowd {
    pub(crate) clients: u32,
    pub(crate) seconds: u32,
    /// So many seconds before are not counted.
    pub(crate) uncounted: u32,
    /// Requests per second of all together; all they can without it.
    pub(crate) rate: Option<u32>,
    pub(crate) read: &'static str,
    /// Run by every fifth request, or by one of `one_of`.
    pub(crate) write: Option<&'static str>,
    pub(crate) one_of: Option<u32>,
    /// `$1` is a random number from 1 to this.
    pub(crate) ids: Option<u32>,
    pub(crate) spread: Spread,
    /// What is drawn follows from it.
    pub(crate) seed: u32,
    /// Besides those that every server gets, each as `name: value`.
    pub(crate) headers: &'static [&'static str],
    /// The same of reads alone.
    pub(crate) read_headers: &'static [&'static str],
    /// Each read has one of so many tags, by its id.
    pub(crate) tags: Option<u32>,
    /// Statements are prepared once on each connection; only where it speaks Postgres's own protocol.
    pub(crate) prepared: bool,
}

/// How ids are drawn.
#[derive(Clone, Copy, Default)]
pub(crate) enum Spread {
    /// One as often as another.
    #[default]
    Even,
    /// By Zipf's law, with this exponent.
    Zipf(f64),
    /// Each once, and then no more.
    Each,
}

/// Whom it asks.
pub(crate) enum Whom<'a> {
    Http(&'a Server),
    /// By Postgres's own protocol.
    Postgres(&'a Server, String),
}

/// What one run saw.
#[derive(Serialize, Deserialize)]
pub(crate) struct CrowdSeen {
    #[serde(default)]
    pub(crate) server: String,
    /// CPU of the server's process per answer or refusal, in microseconds.
    #[serde(default)]
    pub(crate) cpu_us: f64,
    pub(crate) answered: u64,
    pub(crate) writes: u64,
    /// Answers within the time.
    pub(crate) per_second: f64,
    /// Seconds until the last answer.
    #[serde(default)]
    pub(crate) lasted: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) slowest_ms: f64,
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) in_time: InTime,
    pub(crate) per_client: PerClient,
    pub(crate) refused: Refused,
}

/// Answers within the time.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub(crate) struct InTime {
    pub(crate) all: u64,
    pub(crate) reads: u64,
    /// Out of the proxy's cache.
    pub(crate) hits: u64,
}

/// How the answers spread over the clients.
#[derive(Serialize, Deserialize)]
pub(crate) struct PerClient {
    pub(crate) least: u64,
    pub(crate) p50: u64,
    pub(crate) most: u64,
    pub(crate) without_any: u64,
}

/// 429 and 503.
#[derive(Serialize, Deserialize)]
pub(crate) struct Refused {
    pub(crate) by_status: BTreeMap<String, u64>,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) without_retry_after: u64,
}

impl CrowdSeen {
    pub(crate) fn refusals(&self) -> u64 {
        self.refused.by_status.values().sum()
    }

    /// Neither answered nor refused.
    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }

    /// Everything but answers, each with how often; empty if there is nothing.
    pub(crate) fn not_answered(&self) -> String {
        let refused = self.refused.by_status.iter().map(|(status, count)| format!("{count} x status {status}"));
        let failed = self.failed.iter().map(|(what, count)| format!("{count} x {what}"));
        refused.chain(failed).collect::<Vec<_>>().join(", ")
    }
}

/// Told as oha would: what was refused has failed.
impl From<CrowdSeen> for Seen {
    fn from(seen: CrowdSeen) -> Self {
        let CrowdSeen { answered, per_second, p50_ms, p99_ms, slowest_ms, mut failed, refused, .. } = seen;
        failed.extend(refused.by_status.into_iter().map(|(status, count)| (format!("status {status}"), count)));
        Self { answered, failed, per_second, p50_ms, p99_ms, slowest_ms }
    }
}

impl Crowd {
    fn arguments(&self, whom: &Whom<'_>) -> Vec<OsString> {
        let mut arguments = match whom {
            Whom::Http(server) => self.to_proxy(&server.address, server.cert.as_deref()),
            Whom::Postgres(..) => Vec::new(),
        };
        arguments.extend(self.what());
        arguments.into_iter().map(OsString::from).collect()
    }

    fn to_proxy(&self, address: &str, cert: Option<&Path>) -> Vec<String> {
        let mut arguments = vec!["--http".to_owned(), address.to_owned()];
        if let Some(cert) = cert {
            arguments.extend(["--cert".to_owned(), cert.display().to_string()]);
        }
        for header in servers::headers(self.headers) {
            arguments.extend(["--header".to_owned(), header]);
        }
        for header in self.read_headers {
            arguments.extend(["--read-header".to_owned(), (*header).to_owned()]);
        }
        if let Some(tags) = self.tags {
            arguments.extend(["--tags".to_owned(), tags.to_string()]);
        }
        arguments
    }

    fn what(&self) -> Vec<String> {
        let mut arguments: Vec<String> = Vec::new();
        let mut add = |name: &str, value: String| arguments.extend([name.to_owned(), value]);
        add("--clients", self.clients.to_string());
        add("--seconds", self.seconds.to_string());
        let some = |number: u32| Some(number).filter(|number| *number > 0);
        let (uncounted, seed) = (some(self.uncounted), some(self.seed));
        let numbers =
            [("--uncounted", uncounted), ("--rate", self.rate), ("--ids", self.ids), ("--one-of", self.one_of)];
        for (name, number) in numbers.into_iter().chain([("--seed", seed)]) {
            if let Some(number) = number {
                add(name, number.to_string());
            }
        }
        add("--read", self.read.to_owned());

        if let Some(write) = self.write {
            add("--write", write.to_owned());
        }
        if let Spread::Zipf(exponent) = self.spread {
            add("--zipf", exponent.to_string());
        }
        if self.prepared {
            arguments.push("--prepared".to_owned());
        }
        match self.spread {
            Spread::Even | Spread::Zipf(_) => {}
            Spread::Each => arguments.push("--each".to_owned()),
        }
        arguments
    }

    fn command(&self, whom: &Whom<'_>, more: &[&OsStr]) -> Outcome<Command> {
        let arguments = self.arguments(whom);
        let arguments: Vec<_> = arguments.iter().map(OsString::as_os_str).chain(more.iter().copied()).collect();
        let mut command = processes::command(&sibling("crowd")?, &arguments);
        if let Whom::Postgres(_, url) = whom {
            command.env("DATABASE_URL", url);
        }
        Ok(command)
    }

    /// The call of a proxy as a person would type it.
    pub(crate) fn spelled_out_at_proxy(&self) -> String {
        let arguments = self.to_proxy("127.0.0.1:PORT", None).into_iter().chain(self.what());
        let words: Vec<_> = arguments.map(|word| quoted(&word)).collect();
        format!("target/release/crowd {}", words.join(" "))
    }

    /// The call as a person would type it.
    pub(crate) fn spelled_out(&self, whom: &Whom<'_>) -> String {
        let (Whom::Http(server) | Whom::Postgres(server, _)) = whom;
        let cert = server.cert.as_deref().map(Path::as_os_str);
        let named = |word: OsString| match &word {
            word if **word == *server.address => "127.0.0.1:PORT".to_owned(),
            word if Some(word.as_os_str()) == cert => "cert.pem".to_owned(),
            word => quoted(&word.to_string_lossy()),
        };
        let url =
            if matches!(whom, Whom::Postgres(..)) { "DATABASE_URL=postgres://bench@127.0.0.1:PORT/bench " } else { "" };
        let words: Vec<_> = self.arguments(whom).into_iter().map(named).collect();
        format!("{url}target/release/crowd {}", words.join(" "))
    }

    pub(crate) fn run(&self, bench: &Bench, whom: &Whom<'_>) -> Outcome<CrowdSeen> {
        let (Whom::Http(server) | Whom::Postgres(server, _)) = whom;
        let before = server.process.cpu_seconds()?;
        let mut seen = self.seen(bench, self.command(whom, &[])?)?;
        if seen.answered == 0 {
            let (why, log) = (seen.not_answered(), server.process.log_tail());
            return Err(format!("{} answered nothing: {why}\n{log}", server.name).into());
        }
        let used = server.process.cpu_seconds()? - before;
        server.name.clone_into(&mut seen.server);
        seen.cpu_us = used * 1e6 / crate::oha::float(seen.answered + seen.refusals());
        Ok(seen)
    }

    /// Asks the database itself, each client over a connection of its own; no server's CPU is told.
    pub(crate) fn directly(&self, bench: &Bench) -> Outcome<CrowdSeen> {
        let arguments = self.what().into_iter().map(OsString::from).collect::<Vec<_>>();
        let arguments: Vec<_> = arguments.iter().map(OsString::as_os_str).collect();
        let mut command = processes::command(&sibling("crowd")?, &arguments);
        command.env("DATABASE_URL", &bench.database.url);
        let seen = self.seen(bench, command)?;
        if seen.answered == 0 {
            return Err(format!("Postgres answered nothing: {}", seen.not_answered()).into());
        }
        Ok(seen)
    }

    fn seen(&self, bench: &Bench, command: Command) -> Outcome<CrowdSeen> {
        // To connect, and to wait for answers that the end cut off.
        let patience = Duration::from_secs(u64::from(self.uncounted + self.seconds) + 180);
        let text = processes::output("crowd", command, &bench.scratch, patience)?;
        serde_json::from_str(&text).map_err(|failure| format!("the crowd's JSON: {failure}").into())
    }

    /// Connects all, has each ask once, and keeps the connections for as long as the process that this hands back.
    pub(crate) fn hold(&self, bench: &Bench, whom: &Whom<'_>) -> Outcome<Process> {
        let ready: PathBuf = bench.scratch.file("crowd.ready");
        let _ = std::fs::remove_file(&ready);
        let command = self.command(whom, &["--hold".as_ref(), "--ready-file".as_ref(), ready.as_os_str()])?;
        let mut process = Process::start("crowd", command, bench.scratch.file("crowd.log"))?;
        let deadline = Instant::now() + Duration::from_mins(2);
        while !ready.is_file() {
            if process.exited()?.is_some() || Instant::now() > deadline {
                return Err(format!("the crowd did not connect:\n{}", process.log_tail()).into());
            }
            sleep(Duration::from_millis(20));
        }
        Ok(process)
    }
}
