//! Servers measured in turn under the same load, round by round: A B A B, so that a slow minute hits all of them.

use load::Outcome;
use serde::Serialize;

use crate::figures::{Asked, Bar, median};
use crate::oha::{Seen, float};
use crate::processes::Memory;
use crate::servers::Server;
use crate::setup::{Bench, progress};

/// One server in one round.
#[derive(Serialize)]
pub(crate) struct Run {
    pub(crate) server: &'static str,
    /// CPU of the server's process per answer, in microseconds.
    pub(crate) cpu_us: f64,
    /// The same of the proxy behind it; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) behind_us: Option<f64>,
    #[serde(flatten)]
    pub(crate) seen: Seen,
}

/// One server over all rounds: medians, and its memory.
#[derive(Serialize)]
pub(crate) struct Standing {
    pub(crate) server: &'static str,
    pub(crate) per_second: f64,
    /// Slowest and fastest round.
    pub(crate) per_second_range: (f64, f64),
    pub(crate) cpu_us: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) failed: u64,
    pub(crate) at_rest: Memory,
    pub(crate) after: Memory,
}

/// All rounds of all servers.
#[derive(Default)]
pub(crate) struct Contest {
    rounds: Vec<Vec<Run>>,
}

/// What loads a server.
pub(crate) trait Generator {
    /// The same for so many seconds.
    fn lasting(&self, seconds: u32) -> Self;

    /// Loads `server` once.
    fn run(&self, bench: &Bench, server: &Server) -> Outcome<Seen>;
}

/// Loads `server` once and takes its time.
pub(crate) fn measure(bench: &Bench, server: &Server, load: &impl Generator) -> Outcome<Run> {
    let before = cpu_seconds(server)?;
    let seen = load.run(bench, server)?;
    let after = cpu_seconds(server)?;
    if seen.answered == 0 {
        return Err(
            format!("{} answered nothing: {:?}\n{}", server.name, seen.failed, server.process.log_tail()).into()
        );
    }
    let each = |before: f64, after: f64| (after - before) * 1e6 / float(seen.answered);
    let behind_us = before.1.zip(after.1).map(|(before, after)| each(before, after));
    Ok(Run { server: server.name, cpu_us: each(before.0, after.0), behind_us, seen })
}

/// Of the server, and of the proxy behind it.
fn cpu_seconds(server: &Server) -> Outcome<(f64, Option<f64>)> {
    let behind = server.behind.as_ref().map(|behind| behind.process.cpu_seconds());
    Ok((server.process.cpu_seconds()?, behind.transpose()?))
}

impl Contest {
    /// One uncounted second each, unless it is to be quick, then the rounds.
    pub(crate) fn hold(bench: &Bench, title: &str, servers: &[&Server], load: &impl Generator) -> Outcome<Self> {
        if !bench.options.is_quick() {
            for server in servers {
                measure(bench, server, &load.lasting(1))?;
            }
        }
        let mut contest = Self::default();
        let rounds = bench.options.rounds();
        for round in 1..=rounds {
            let mut runs = Vec::new();
            for server in servers {
                let run = measure(bench, server, load)?;
                progress(&format!(
                    "{title}: round {round} of {rounds}: {}: {:.0} requests/s, {:.1} µs CPU each, {} failed",
                    run.server,
                    run.seen.per_second,
                    run.cpu_us,
                    run.seen.failures()
                ));
                runs.push(run);
            }
            contest.rounds.push(runs);
        }
        Ok(contest)
    }

    /// One server's figure over another's, round by round, held to a bar.
    pub(crate) fn ratio(
        &self,
        what: &str,
        of: fn(&Run) -> f64,
        server: &Server,
        yardstick: &Server,
        asked: Asked,
    ) -> Bar {
        let pairs = self.figures(server, of).zip(self.figures(yardstick, of));
        let name = format!("{what}, {} / {}", server.name, yardstick.name);
        Bar::of_rounds(name, pairs.map(|(one, other)| one / other).collect(), asked)
    }

    /// One server's figure, round by round, with nothing asked of it.
    pub(crate) fn told(&self, what: &str, of: fn(&Run) -> f64, server: &Server) -> Bar {
        Bar::of_rounds(format!("{what}, {}", server.name), self.figures(server, of).collect(), Asked::Nothing)
    }

    /// A server takes part in every round, once.
    pub(crate) fn figures(&self, server: &Server, of: fn(&Run) -> f64) -> impl Iterator<Item = f64> {
        self.rounds.iter().flatten().filter(|run| run.server == server.name).map(of)
    }

    /// No request of any server may fail; else its rate means nothing.
    pub(crate) fn failures(&self) -> Bar {
        let failed: u64 = self.rounds.iter().flatten().map(|run| run.seen.failures()).sum();
        Bar::of("failed requests, all servers", float(failed), Asked::AtMost(0.0))
    }

    pub(crate) fn standing(&self, server: &Server) -> Outcome<Standing> {
        let runs = || self.rounds.iter().flatten().filter(|run| run.server == server.name);
        let rates = || runs().map(|run| run.seen.per_second);
        Ok(Standing {
            server: server.name,
            per_second: median(rates()),
            per_second_range: (rates().fold(f64::INFINITY, f64::min), rates().fold(0.0, f64::max)),
            cpu_us: median(runs().map(|run| run.cpu_us)),
            p50_ms: median(runs().map(|run| run.seen.p50_ms)),
            p99_ms: median(runs().map(|run| run.seen.p99_ms)),
            failed: runs().map(|run| run.seen.failures()).sum(),
            at_rest: server.at_rest,
            after: server.process.memory()?,
        })
    }

    pub(crate) fn into_rounds(self) -> Vec<Vec<Run>> {
        self.rounds
    }
}

/// Requests per second of a run.
pub(crate) fn per_second(run: &Run) -> f64 {
    run.seen.per_second
}

/// CPU per request of a run.
pub(crate) fn cpu(run: &Run) -> f64 {
    run.cpu_us
}

/// Requests per second of the server's CPU.
pub(crate) fn per_cpu_second(run: &Run) -> f64 {
    1e6 / run.cpu_us
}

/// CPU per request of the proxy behind a server.
pub(crate) fn cpu_behind(run: &Run) -> f64 {
    run.behind_us.unwrap_or_default()
}

/// What the proxy takes of the CPU that it and the server in front of it use, 0 to 1.
pub(crate) fn share_behind(run: &Run) -> f64 {
    cpu_behind(run) / (cpu_behind(run) + cpu(run))
}
