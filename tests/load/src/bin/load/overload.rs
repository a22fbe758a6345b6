//! Part 5: ten times more requests than the database bears. Those that it does bear must not become fewer, and the others must
//! be refused soon, with the word when to come again.

use load::Outcome;

use crate::crowd::{Crowd, CrowdSeen, Whom};
use crate::figures::{Asked, Bar};
use crate::http::post_sql;
use crate::oha::float;
use crate::report::{Chapter, Table};
use crate::servers::{self, POOL};
use crate::setup::{Bench, progress, select_body};

/// Keeps its connection for 10 ms and the processor for next to nothing: the database's limit is then its connections, which
/// the generator and the proxy do not take from it, as they would take the cores.
const WORK: &str = "SELECT pg_sleep(0.01)";
/// Where the most is looked for.
const STEPS: [u32; 4] = [10, 20, 40, 80];
/// More than can be served in the time they may wait (5 s), so that there is always one to be refused.
const CLIENTS: u32 = 12_000;
const TIMES: u32 = 10;
/// Until the queue is as long as it gets, and those who gave up waiting have been told so (after 5 s); and until some are
/// refused.
const UNCOUNTED: u32 = 6;
const QUICK: u32 = 2;

/// Files that the proxy needs for it.
pub(crate) const FILES: u64 = CLIENTS as u64;

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let proxy = servers::pool_proxy(bench)?;
    post_sql(&proxy, &servers::headers(&[]), &select_body(1))?;
    let whom = Whom::Http(&proxy);
    let calm = |clients, seconds| Crowd { clients, seconds, read: WORK, ..Crowd::default() };
    let mut found: Option<(u32, f64)> = None;
    let mut rows = Vec::new();
    let (steps, uncounted) = if bench.options.is_quick() { (&STEPS[..1], QUICK) } else { (&STEPS[..], UNCOUNTED) };
    for clients in steps.iter().copied() {
        let seen = calm(clients, (bench.options.seconds() / 2).max(1)).run(bench, &whom)?;
        progress(&format!("overload: {clients} clients: {:.0} requests/s", seen.per_second));
        // More clients have to bring more, or fewer saturate it already.
        if found.is_none_or(|(_, most)| seen.per_second > most * 1.03) {
            found = Some((clients, seen.per_second));
        }
        rows.push(row(&format!("{clients} clients"), &seen));
    }
    let (saturating, _) = found.unwrap_or((STEPS[0], 0.0));

    let (mut kept, mut crowds, mut command) = (Vec::new(), Vec::new(), String::new());
    let rounds = bench.options.rounds();
    for round in 1..=rounds {
        let peak = calm(saturating, bench.options.seconds()).run(bench, &whom)?;
        // A rate fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let rate = TIMES * peak.per_second as u32;
        let storm = Crowd { clients: CLIENTS, uncounted, rate: Some(rate), ..calm(CLIENTS, bench.options.seconds()) };
        command = storm.spelled_out(&whom);
        let seen = storm.run(bench, &whom)?;
        progress(&format!(
            "overload: round {round} of {rounds}: {:.0} requests/s at most, {:.0} when {rate} were offered, {} refused",
            peak.per_second,
            seen.per_second,
            seen.refusals()
        ));
        kept.push(seen.per_second / peak.per_second);
        rows.push(row(&format!("round {round}: {saturating} clients"), &peak));
        rows.push(row(&format!("round {round}: {rate} requests/s offered"), &seen));
        crowds.extend([peak, seen]);
    }
    let bars = asked(kept, &crowds);
    Ok(Chapter {
        title: "Overload",
        question: format!(
            "`{WORK}` on {POOL} connections: first with few clients that ask again as soon as they have their answer, to find the most \
             there is ({saturating} clients bring it), then {TIMES} times as many requests per second, sent whether or not earlier ones \
             were answered, as long as one of {CLIENTS} clients is free to send them; answers \
             are counted after {uncounted} s, when the queue is as long as it gets."
        ),
        command,
        bars,
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table {
            head: vec![
                "load",
                "answers/s",
                "p50, ms",
                "p99, ms",
                "refused",
                "p50 of refusals, ms",
                "p99 of refusals, ms",
                "CPU of the proxy per request, µs",
            ],
            rows,
        }],
        crowds,
        notes: vec![
            "The statement sleeps, so that the database is full while the machine is not: generator, proxy and Postgres share its \
             cores, and a statement that computes would be slowed down by the generator's own work on what is refused."
                .to_owned(),
        ],
    })
}

fn asked(kept: Vec<f64>, crowds: &[CrowdSeen]) -> Vec<Bar> {
    let storms = || crowds.iter().skip(1).step_by(2);
    let sum = |of: fn(&CrowdSeen) -> u64| float(storms().map(of).sum());
    let times = |of: fn(&CrowdSeen) -> f64| storms().map(of).collect::<Vec<_>>();
    vec![
        Bar::of_rounds("answers/s, overloaded / at most", kept, Asked::AtLeast(0.9)),
        Bar::of_rounds(
            "p50 of refusals / p50 of answers",
            times(|seen| seen.refused.p50_ms / seen.p50_ms),
            Asked::Nothing,
        ),
        Bar::of_rounds("p50 of refusals, ms", times(|seen| seen.refused.p50_ms), Asked::Nothing),
        Bar::of_rounds("p99 of refusals, ms", times(|seen| seen.refused.p99_ms), Asked::Nothing),
        Bar::of("refused requests", sum(CrowdSeen::refusals), Asked::AtLeast(1.0)),
        Bar::of("refusals without Retry-After", sum(|seen| seen.refused.without_retry_after), Asked::AtMost(0.0)),
        Bar::of("neither answered nor refused (429, 503)", sum(CrowdSeen::failures), Asked::AtMost(0.0)),
    ]
}

fn row(load: &str, seen: &CrowdSeen) -> Vec<String> {
    let refused = if seen.refusals() > 0 { seen.not_answered() } else { "0".to_owned() };
    vec![
        load.to_owned(),
        format!("{:.0}", seen.per_second),
        format!("{:.2}", seen.p50_ms),
        format!("{:.2}", seen.p99_ms),
        refused,
        format!("{:.2}", seen.refused.p50_ms),
        format!("{:.2}", seen.refused.p99_ms),
        format!("{:.1}", seen.cpu_us),
    ]
}
