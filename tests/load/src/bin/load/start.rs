//! How soon the proxy is there: from the start of its process to its first answers, the way a rolling restart or a machine
//! that wakes up sees it.

use std::net::{Ipv4Addr, TcpListener};
use std::thread::sleep;
use std::time::{Duration, Instant};

use load::Outcome;

use crate::figures::{Asked, Bar, median};
use crate::http::{self, Answer};
use crate::processes::Process;
use crate::report::{Chapter, Table};
use crate::servers;
use crate::setup::{Bench, progress, select_body};

/// Starts of each kind; in a quick run.
const STARTS: [u32; 2] = [20, 3];
/// Between one attempt and the next.
const AGAIN: Duration = Duration::from_millis(1);
const PATIENCE: Duration = Duration::from_secs(30);

/// What is waited for.
#[derive(Clone, Copy)]
enum First {
    /// The process serves: a 200 of `GET /health`.
    Health,
    /// It has a connection, and Postgres has answered: a 200 of `POST /sql`.
    Row,
}

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let [all, few] = STARTS;
    let starts = if bench.options.is_quick() { few } else { all };
    progress(&format!("start: {starts} starts until /health answers, as many until a select is answered"));
    let (mut health, mut rows) = (Vec::new(), Vec::new());
    for _ in 0..starts {
        health.push(once(bench, First::Health)?);
        rows.push(once(bench, First::Row)?);
    }
    let worst = |all: &[f64]| all.iter().copied().fold(0.0, f64::max);
    let row = |name: &str, all: &[f64]| {
        let best = all.iter().copied().fold(f64::INFINITY, f64::min);
        let figures = [best, median(all.iter().copied()), worst(all)];
        [name.to_owned()].into_iter().chain(figures.map(|figure| format!("{figure:.1}"))).collect()
    };
    Ok(Chapter {
        title: "Start",
        question: format!(
            "{starts} times: the proxy is started, and from then on asked on a new connection every millisecond until there is an answer of \
             status 200, be it from `/health` or, in starts of its own, to the uncached select of before. The database is running."
        ),
        command: "pool-proxy serve".to_owned(),
        bars: vec![
            Bar::of("ms to the first answer to a select, median", median(rows.clone()), Asked::AtMost(150.0)),
            Bar::of("ms to the first answer to a select, worst", worst(&rows), Asked::Nothing),
            Bar::of("ms to the first 200 of /health, median", median(health.clone()), Asked::Nothing),
        ],
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table {
            head: vec!["until", "best, ms", "median, ms", "worst, ms"],
            rows: vec![row("`GET /health`", &health), row("`POST /sql`", &rows)],
        }],
        crowds: Vec::new(),
        notes: vec![
            "The time holds the shell that raises the limit of open files and `setpriv`, which come before the proxy's own program."
                .to_owned(),
        ],
    })
}

/// Milliseconds of one start.
fn once(bench: &Bench, first: First) -> Outcome<f64> {
    // Free a moment ago: the address must be known before the proxy can tell it.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.to_string();
    let variables = [("POOL_PROXY_LISTEN", address.as_str())];
    let command = servers::command(bench, &bench.options.proxy_binary()?, &["serve".as_ref()], &variables);
    let (headers, body) = (servers::headers(&[]), select_body(1));
    let ask = || -> Outcome<Answer> {
        match first {
            First::Health => http::get(&address, "/health"),
            First::Row => http::post_to(&address, None, "/sql", &headers, &body),
        }
    };
    let since = Instant::now();
    let mut process = Process::start("pool-proxy", command, bench.scratch.file("start.log"))?;
    loop {
        let Err(why) = ask() else { return Ok(since.elapsed().as_secs_f64() * 1000.0) };
        if since.elapsed() > PATIENCE || process.exited()?.is_some() {
            return Err(format!("the proxy does not answer: {why}\n{}", process.log_tail()).into());
        }
        sleep(AGAIN);
    }
}
