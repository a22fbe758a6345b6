//! Part 8: answers that are kept until they change, with no word from the client. What a hit, a write and an uncached read cost beside
//! the same without, what a mix of reads and writes comes to, and what all of it takes in memory.

mod costs;
mod listing;
mod memory;
mod mix;

use std::thread::sleep;
use std::time::{Duration, Instant};

use load::Outcome;

use crate::crowd::{Crowd, CrowdSeen, Spread, Whom};
use crate::figures::{Asked, Bar, median};
use crate::http::post_sql;
use crate::oha::float;
use crate::report::{Chapter, Table};
use crate::servers::{self, Server};
use crate::setup::{Bench, progress};
use crate::sql::Sql;

/// As many as in parts 1 and 2.
const CLIENTS: u32 = 64;

pub(crate) fn run(bench: &Bench) -> Outcome<Vec<Chapter>> {
    // For a moment each: nobody else is to be connected when a proxy begins.
    let run = |statement: &str| Sql::connect(&bench.database.url)?.run(statement);
    listing::prepare(&Sql::connect(&bench.database.url)?)?;
    // As `pool-proxy coherence apply` makes it.
    let tables = "bench_users, blog.users, blog.posts";
    run(&format!("CREATE PUBLICATION pool_proxy FOR TABLE {tables} WITH (publish_via_partition_root = true)"))?;
    let chapters = vec![
        costs::hits(bench)?,
        costs::writes(bench)?,
        costs::reads(bench)?,
        mix::chapter(bench)?,
        listing::chapter(bench)?,
        memory::chapter(bench)?,
    ];
    run("DROP PUBLICATION pool_proxy")?;
    Ok(chapters)
}

/// How a proxy keeps answers: `cache.mode`.
#[derive(Clone, Copy, PartialEq)]
enum Mode {
    /// For those that ask for it.
    Ask,
    /// For everybody, until they change.
    Auto,
}

/// A proxy, and what it is asked.
struct Side {
    name: &'static str,
    mode: Mode,
    crowd: Crowd,
    /// Seconds of the same load before anything is counted.
    warm_up: u32,
    /// Before that each row is read once.
    is_full: bool,
}

/// Starts a proxy and waits until it keeps what it is to keep.
fn start(bench: &Bench, name: &'static str, mode: Mode) -> Outcome<Server> {
    bench.database.wait_until_unused()?;
    let word = if mode == Mode::Auto { "auto" } else { "ask" };
    let proxy = servers::pool_proxy_with(bench, name, &[("POOL_PROXY_CACHE_MODE", word)])?;
    let is_ready = || -> Outcome<bool> {
        let answer = post_sql(&proxy, &servers::headers(&[]), r#"{"query":"SELECT 'is it kept?'"}"#)?;
        Ok(mode == Mode::Ask || answer.is_hit())
    };
    let deadline = Instant::now() + Duration::from_secs(30);
    while !is_ready()? {
        if Instant::now() > deadline {
            return Err(format!("{name} follows no changes:\n{}", proxy.process.log_tail()).into());
        }
        sleep(Duration::from_millis(20));
    }
    Ok(proxy)
}

/// Each side once, by itself: a proxy that follows changes would have its work in the other's turn, too.
fn round(bench: &Bench, title: &str, sides: &[Side], round: u32) -> Outcome<Vec<CrowdSeen>> {
    let mut all = Vec::new();
    for side in sides {
        let proxy = start(bench, side.name, side.mode)?;
        let whom = Whom::Http(&proxy);
        if side.is_full && !bench.options.is_quick() {
            let each = Crowd { spread: Spread::Each, write: None, seconds: 600, ..side.crowd.clone() };
            each.run(bench, &whom)?;
        }
        if !bench.options.is_quick() {
            Crowd { seconds: side.warm_up, seed: 2 * round, ..side.crowd.clone() }.run(bench, &whom)?;
        }
        let seen = Crowd { seed: 2 * round + 1, ..side.crowd.clone() }.run(bench, &whom)?;
        progress(&format!(
            "{title}: round {round} of {}: {}: {:.0} requests/s, {:.1} µs CPU each, {:.0} % hits, {} failed",
            bench.options.rounds(),
            side.name,
            seen.per_second,
            seen.cpu_us,
            100.0 * hits(&seen),
            seen.failures() + seen.refusals()
        ));
        all.push(seen);
    }
    Ok(all)
}

fn rounds(bench: &Bench, title: &str, sides: &[Side]) -> Outcome<Vec<Vec<CrowdSeen>>> {
    (1..=bench.options.rounds()).map(|number| round(bench, title, sides, number)).collect()
}

/// Of all answers within the time, 0 to 1.
fn hits(seen: &CrowdSeen) -> f64 {
    float(seen.in_time.hits) / float(seen.in_time.all.max(1))
}

/// Of the answers to reads.
fn hits_of_reads(seen: &CrowdSeen) -> f64 {
    float(seen.in_time.hits) / float(seen.in_time.reads.max(1))
}

fn per_second(seen: &CrowdSeen) -> f64 {
    seen.per_second
}

fn cpu(seen: &CrowdSeen) -> f64 {
    seen.cpu_us
}

/// One side's figure over another's, round by round.
fn ratio(
    rounds: &[Vec<CrowdSeen>],
    what: &str,
    of: fn(&CrowdSeen) -> f64,
    (one, other): (usize, usize),
    asked: Asked,
) -> Bar {
    let names = rounds.first().map(|round| format!("{} / {}", round[one].server, round[other].server));
    let name = format!("{what}, {}", names.unwrap_or_default());
    Bar::of_rounds(name, rounds.iter().map(|round| of(&round[one]) / of(&round[other])).collect(), asked)
}

/// No request may fail; else rates mean nothing.
fn failures(rounds: &[Vec<CrowdSeen>]) -> Bar {
    let failed = rounds.iter().flatten().map(|seen| seen.failures() + seen.refusals()).sum();
    Bar::of("failed requests, all sides", float(failed), Asked::AtMost(0.0))
}

/// A side in each row: medians of the rounds.
fn table(rounds: &[Vec<CrowdSeen>]) -> Table {
    let sides = rounds.first().map_or(0, Vec::len);
    let row = |side: usize| {
        let figure = |of: fn(&CrowdSeen) -> f64| median(rounds.iter().map(|round| of(&round[side])));
        vec![
            rounds[0][side].server.clone(),
            format!("{:.0}", figure(per_second)),
            format!("{:.1}", figure(cpu)),
            format!("{:.2}", figure(|seen| seen.p50_ms)),
            format!("{:.2}", figure(|seen| seen.p99_ms)),
            format!("{:.1}", 100.0 * figure(hits_of_reads)),
        ]
    };
    Table {
        head: vec!["side", "requests/s", "CPU of the proxy per request, µs", "p50, ms", "p99, ms", "hits, % of reads"],
        rows: (0..sides).map(row).collect(),
    }
}

/// What all chapters of this part have in common.
fn chapter(
    title: &'static str,
    question: String,
    command: String,
    bars: Vec<Bar>,
    rounds: Vec<Vec<CrowdSeen>>,
    notes: Vec<String>,
) -> Chapter {
    Chapter {
        title,
        question,
        command,
        bars,
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![table(&rounds)],
        crowds: rounds.into_iter().flatten().collect(),
        notes,
    }
}
