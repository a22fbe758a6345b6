//! oha: how it is called and what of its JSON is kept.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use load::Outcome;
use serde::{Deserialize, Serialize};

use crate::contest::Generator;
use crate::processes;
use crate::servers::Server;
use crate::setup::Bench;

/// What one run asks for.
#[derive(Clone)]
pub(crate) struct Load {
    pub(crate) clients: u32,
    pub(crate) seconds: u32,
    /// Each as `name: value`.
    pub(crate) headers: Vec<String>,
    pub(crate) request: Request,
    pub(crate) transport: Transport,
}

/// What carries the requests.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Transport {
    /// HTTP/1.1, a connection per client.
    Plain,
    /// The same over TLS.
    Tls,
    /// HTTP/2 over TLS, four clients a connection.
    Http2,
    /// The same without TLS.
    Http2Plain,
}

impl Transport {
    /// Without TLS.
    pub(crate) fn is_plain(self) -> bool {
        matches!(self, Self::Plain | Self::Http2Plain)
    }
}

/// Clients that share a connection over HTTP/2.
const STREAMS: u32 = 4;

/// The request.
#[derive(Clone)]
pub(crate) enum Request {
    /// `POST` to this path with the same body every time.
    Post(&'static str, String),
    /// `POST` to this path with a random line of this file each time.
    PostAny(&'static str, PathBuf),
    /// `GET` of this path.
    Get(String),
}

/// What one run saw.
#[derive(Serialize)]
pub(crate) struct Seen {
    /// Answers of status 200.
    pub(crate) answered: u64,
    /// Everything else, by what it was.
    pub(crate) failed: BTreeMap<String, u64>,
    pub(crate) per_second: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) slowest_ms: f64,
}

impl Seen {
    pub(crate) fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

impl Load {
    /// oha's arguments: keep-alive, no request cut off at the end, no compression asked for.
    pub(crate) fn arguments(&self, address: &str) -> Vec<OsString> {
        let duration = format!("{}s", self.seconds);
        let streams = STREAMS.to_string();
        let (protocol, connections): (&[&str], _) = match self.transport {
            Transport::Plain => (&[], self.clients),
            Transport::Tls => (&["--insecure", "--http-version", "1.1"], self.clients),
            // Clients are connections times streams.
            Transport::Http2 => (&["--insecure", "--http2", "-p", &streams], self.clients / STREAMS),
            Transport::Http2Plain => (&["--http2", "-p", &streams], self.clients / STREAMS),
        };
        let connections = connections.to_string();
        let fixed = ["--no-tui", "--output-format", "json", "--disable-compression", "-w"];
        let mut arguments: Vec<OsString> = fixed.iter().map(OsString::from).collect();
        arguments.extend(protocol.iter().copied().chain(["-z", &duration, "-c", &connections]).map(OsString::from));
        for header in &self.headers {
            arguments.extend([OsString::from("-H"), header.into()]);
        }
        let post = ["-m", "POST", "-T", "application/json"].map(OsString::from);
        let path = match &self.request {
            Request::Post(path, text) => {
                arguments.extend(post.into_iter().chain(["-d".into(), text.into()]));
                path
            }
            Request::PostAny(path, file) => {
                arguments.extend(post.into_iter().chain(["-Z".into(), file.into()]));
                path
            }
            Request::Get(path) => path.as_str(),
        };
        let scheme = if self.transport.is_plain() { "http" } else { "https" };
        arguments.push(format!("{scheme}://{address}{path}").into());
        arguments
    }

    /// The call as a person would type it. The file of bodies has the name that it has in the driver's folder, which is
    /// gone by then.
    pub(crate) fn spelled_out(&self, address: &str) -> String {
        let file = match &self.request {
            Request::PostAny(_, file) => Some(file.as_os_str()),
            _ => None,
        };
        let named = |word: OsString| match file.filter(|file| *file == word) {
            Some(file) => Path::new(file).file_name().unwrap_or(file).to_owned(),
            None => word,
        };
        let words = self.arguments(address).into_iter().map(|word| quoted(&named(word).to_string_lossy()));
        format!("oha {}", words.collect::<Vec<_>>().join(" "))
    }
}

impl Generator for Load {
    fn lasting(&self, seconds: u32) -> Self {
        Self { seconds, ..self.clone() }
    }

    fn run(&self, bench: &Bench, server: &Server) -> Outcome<Seen> {
        let arguments = self.arguments(&server.address);
        let arguments: Vec<&OsStr> = arguments.iter().map(OsString::as_os_str).collect();
        let command = processes::command(&bench.options.oha, &arguments);
        let patience = Duration::from_secs(u64::from(self.seconds) + 60);
        parse(&processes::output("oha", command, &bench.scratch, patience)?)
    }
}

/// The part of oha's JSON that is read; times are seconds, null when nothing was answered.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    summary: Summary,
    latency_percentiles: BTreeMap<String, Option<f64>>,
    status_code_distribution: BTreeMap<String, u64>,
    error_distribution: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Summary {
    total: f64,
    slowest: Option<f64>,
}

fn parse(text: &str) -> Outcome<Seen> {
    let output: Output = serde_json::from_str(text).map_err(|failure| format!("oha's JSON: {failure}"))?;
    let mut failed = output.error_distribution;
    let mut answered = 0;
    for (status, count) in output.status_code_distribution {
        if status == "200" {
            answered = count;
        } else {
            failed.insert(format!("status {status}"), count);
        }
    }
    let milliseconds = |seconds: Option<f64>| seconds.unwrap_or_default() * 1000.0;
    let percentile = |name: &str| milliseconds(output.latency_percentiles.get(name).copied().flatten());
    Ok(Seen {
        answered,
        failed,
        per_second: float(answered) / output.summary.total,
        p50_ms: percentile("p50"),
        p99_ms: percentile("p99"),
        slowest_ms: milliseconds(output.summary.slowest),
    })
}

/// Counts here stay far below the 32 bits that fit a float exactly.
pub(crate) fn float(count: u64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

/// As a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-./:=_".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn failures_are_told_from_answers() {
        let text = r#"{"summary":{"successRate":0.9,"total":2.0,"slowest":0.5},"latencyPercentiles":{"p50":0.001,"p99":0.25},
            "statusCodeDistribution":{"200":90,"503":4},"errorDistribution":{"connection refused":6}}"#;
        let seen = parse(text).expect("a run");
        assert_eq!((seen.answered, seen.failures()), (90, 10));
        assert!((seen.per_second - 45.0).abs() < 1e-9 && (seen.p99_ms - 250.0).abs() < 1e-9);
        assert_eq!(seen.failed.get("status 503"), Some(&4));
    }

    #[test]
    fn a_run_without_answers_has_no_times() {
        let text = r#"{"summary":{"total":1.0,"slowest":null},"latencyPercentiles":{"p50":null},
            "statusCodeDistribution":{},"errorDistribution":{"refused":3}}"#;
        let seen = parse(text).expect("a run");
        assert_eq!((seen.answered, seen.failures()), (0, 3));
    }
}
