//! What the proxy adds to the time of one request, where nothing waits in a queue: few clients, each asks, waits for the
//! answer and asks again; beside them as many that have a connection to Postgres of their own.

use load::Outcome;

use crate::crowd::{Crowd, CrowdSeen, Whom};
use crate::figures::{Asked, Bar, median};
use crate::oha::float;
use crate::report::{Chapter, Table};
use crate::servers::{self, POOL, Server};
use crate::setup::{Bench, ROWS, SELECT, progress};

/// As few as there can be, and as many as there are connections.
const CLIENTS: [u32; 2] = [1, 10];
/// Ids of the hits: all are kept after a moment.
const KEPT: u32 = 100;

type Percentile = fn(&CrowdSeen) -> f64;

/// The sides, in the order of their turns.
const SIDES: [Side; 3] = [Side::Direct, Side::Select, Side::Hit];

#[derive(Clone, Copy)]
enum Side {
    Direct,
    Select,
    Hit,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Direct => "tokio-postgres, direct",
            Self::Select => "pool-proxy, uncached",
            Self::Hit => "pool-proxy, hit",
        }
    }

    /// One turn.
    fn run(self, bench: &Bench, proxy: &Server, clients: u32, seconds: u32) -> Outcome<CrowdSeen> {
        let uncounted = u32::from(!bench.options.is_quick());
        let crowd = Crowd { clients, seconds, uncounted, read: SELECT, ids: Some(ROWS), ..Crowd::default() };
        let mut seen = match self {
            Self::Direct => Crowd { prepared: true, ..crowd }.directly(bench)?,
            Self::Select => crowd.run(bench, &Whom::Http(proxy))?,
            Self::Hit => Crowd { ids: Some(KEPT), headers: &["Cache-Control: max-age=600"], ..crowd }
                .run(bench, &Whom::Http(proxy))?,
        };
        self.name().clone_into(&mut seen.server);
        Ok(seen)
    }
}

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let proxy = servers::pool_proxy(bench)?;
    // Half of what other parts take: there are six figures.
    let seconds = bench.options.seconds().div_ceil(2);
    let (mut bars, mut rows, mut crowds) = (Vec::new(), Vec::new(), Vec::new());
    for clients in CLIENTS {
        let mut rounds = Vec::new();
        for number in 1..=bench.options.rounds() {
            let round = SIDES.map(|side| side.run(bench, &proxy, clients, seconds));
            let round = round.into_iter().collect::<Outcome<Vec<_>>>()?;
            progress(&format!(
                "latency: round {number} of {}: {clients} clients: p50 {} ms",
                bench.options.rounds(),
                round.iter().map(|seen| format!("{:.3}", seen.p50_ms)).collect::<Vec<_>>().join(", ")
            ));
            rounds.push(round);
        }
        bars.extend(added(&rounds, clients));
        rows.extend((0..SIDES.len()).map(|side| row(&rounds, side, clients)));
        crowds.extend(rounds.into_iter().flatten());
    }
    let failed = crowds.iter().map(|seen| seen.failures() + seen.refusals()).sum();
    bars.push(Bar::of("failed requests, all sides", float(failed), Asked::AtMost(0.0)));
    let command = Crowd { clients: 10, seconds, uncounted: 1, read: SELECT, ids: Some(ROWS), ..Crowd::default() };
    Ok(Chapter {
        title: "Added latency",
        question: format!(
            "Each client asks for one row by its primary key, waits for the answer and asks again: directly, over a connection of its own \
             on which the statement is prepared; at the proxy, which has {POOL} connections, uncached; and at its cache. What the proxy \
             adds is its time less that of the direct way, round by round."
        ),
        command: command.spelled_out_at_proxy(),
        bars,
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table { head: vec!["side", "clients", "p50, µs", "p99, µs", "requests/s"], rows }],
        crowds,
        notes: vec![
            "Client, proxy and Postgres share the cores, so a request through the proxy wakes three programs in turn where a direct one \
             wakes two: much of what is added is the machine's scheduler. A hit can take less than nothing, since it never asks Postgres."
                .to_owned(),
        ],
    })
}

/// What both ways through the proxy add to the direct one, in µs and as a ratio.
fn added(rounds: &[Vec<CrowdSeen>], clients: u32) -> Vec<Bar> {
    let percentiles: [(&str, Percentile); 2] = [("p50", |seen| seen.p50_ms), ("p99", |seen| seen.p99_ms)];
    let mut bars = Vec::new();
    for (side, what) in [(1, "uncached"), (2, "hit")] {
        for (name, of) in percentiles {
            let each = |by: fn(f64, f64) -> f64| rounds.iter().map(|it| by(of(&it[side]), of(&it[0]))).collect();
            let who = if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") };
            let added = format!("µs added to {name}, {what}, {who}");
            bars.push(Bar::of_rounds(added, each(|one, direct| (one - direct) * 1000.0), Asked::Nothing));
            let ratio = format!("{name}, {what} / direct, {who}");
            bars.push(Bar::of_rounds(ratio, each(|one, direct| one / direct), Asked::Nothing));
        }
    }
    bars
}

fn row(rounds: &[Vec<CrowdSeen>], side: usize, clients: u32) -> Vec<String> {
    let figure = |of: fn(&CrowdSeen) -> f64| median(rounds.iter().map(|round| of(&round[side])));
    vec![
        SIDES[side].name().to_owned(),
        clients.to_string(),
        format!("{:.0}", figure(|seen| seen.p50_ms) * 1000.0),
        format!("{:.0}", figure(|seen| seen.p99_ms) * 1000.0),
        format!("{:.0}", figure(|seen| seen.per_second)),
    ]
}
