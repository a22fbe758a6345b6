//! Part 3: 2,000 clients at once on ten connections, no request may fail and Postgres must never see an eleventh.

use load::Outcome;

use crate::contest::{self, Contest};
use crate::figures::{Asked, Bar};
use crate::http::post_sql;
use crate::oha::{Load, Request, float};
use crate::report::Chapter;
use crate::sampler::Watch;
use crate::servers::{self, POOL};
use crate::setup::{Bench, progress, select_body};

const CLIENTS: u32 = 2_000;
/// Files the proxy needs besides one socket per client.
const SPARE_FILES: u64 = 100;

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let load = Load {
        clients: CLIENTS,
        seconds: bench.options.clients_seconds(),
        headers: servers::headers(&[]),
        request: Request::AnySql(bench.scratch.bodies()),
    };
    bench.database.wait_until_unused()?;
    let proxy = servers::pool_proxy(bench)?;
    proxy.process.may_open(u64::from(CLIENTS) + SPARE_FILES)?;
    post_sql(&proxy.address, &load.headers, &select_body(1))?;

    progress(&format!("clients: {CLIENTS} clients for {} s", load.seconds));
    let watch = Watch::begin(bench, &proxy)?;
    let run = contest::measure(bench, &proxy, &load);
    let samples = watch.end()?;
    let run = run?;

    let failures: Vec<_> = run.seen.failed.iter().map(|(what, count)| format!("{count} x {what}")).collect();
    let mut notes = vec![format!(
        "Postgres was asked {} times, every 100 ms; the proxy had at most {} open files; the slowest answer took {:.0} ms.",
        samples.count, samples.most_open_files, run.seen.slowest_ms
    )];
    if !failures.is_empty() {
        notes.push(format!("Failed: {}.", failures.join(", ")));
    }
    let open_files = u32::try_from(samples.most_open_files).unwrap_or(u32::MAX);
    let contest = Contest::from_one(run);
    Ok(Chapter {
        title: "2,000 clients on 10 connections",
        question: format!(
            "{CLIENTS} clients for {} s, the uncached select of before. What counts is no failure and no eleventh connection; there is \
             nothing beside it to compare speed with.",
            load.seconds
        ),
        command: load.spelled_out("127.0.0.1:PORT"),
        bars: vec![
            contest.failures(),
            Bar::of(
                "connections to Postgres, most in any sample",
                float(samples.most_connections.unsigned_abs()),
                Asked::AtMost(float(POOL.unsigned_abs())),
            ),
            Bar::of(
                "open files of the proxy (clients connected at once)",
                f64::from(open_files),
                Asked::AtLeast(f64::from(CLIENTS)),
            ),
        ],
        standings: vec![contest.standing(&proxy)?],
        rounds: contest.into_rounds(),
        notes,
    })
}
