//! Part 3: 10,000 clients at once on ten connections, reading and writing: no request may fail, nobody may be starved and
//! Postgres must never see an eleventh. `PgBouncer`, which speaks Postgres's own protocol, gets the same load.

use load::Outcome;

use crate::crowd::{Crowd, CrowdSeen, Whom};
use crate::figures::{Asked, Bar};
use crate::http::post_sql;
use crate::oha::float;
use crate::pgbouncer;
use crate::report::{Chapter, Table};
use crate::sampler::{Samples, Watch};
use crate::servers::{self, POOL};
use crate::setup::{Bench, ROWS, SELECT, progress, select_body};

pub(crate) const CLIENTS: u32 = 10_000;
pub(crate) const UPDATE: &str = "UPDATE bench_users SET credits = credits + 1 WHERE id = $1";

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let crowd = Crowd {
        clients: CLIENTS,
        seconds: bench.options.clients_seconds(),
        read: SELECT,
        write: Some(UPDATE),
        ids: Some(ROWS),
        ..Crowd::default()
    };
    bench.database.wait_until_unused()?;
    let proxy = servers::pool_proxy(bench)?;
    post_sql(&proxy, &servers::headers(&[]), &select_body(1))?;
    let whom = Whom::Http(&proxy);
    let command = crowd.spelled_out(&whom);
    let (seen, samples) = watched(bench, &crowd, &whom)?;
    drop(proxy);
    let mut bars = asked(&seen, &samples);
    let mut notes = vec![note(&seen, &samples)];
    let mut crowds = vec![seen];

    match &bench.options.pgbouncer {
        Some(program) => {
            bench.database.wait_until_unused()?;
            let (bouncer, url) = pgbouncer::start(bench, program, CLIENTS)?;
            let (seen, samples) = watched(bench, &crowd, &Whom::Postgres(&bouncer, url))?;
            bars.push(Bar::of("p99 / p50, PgBouncer", spread(&seen), Asked::Nothing));
            bars.push(Bar::of(
                "requests/s, pool-proxy / PgBouncer",
                crowds[0].per_second / seen.per_second,
                Asked::Nothing,
            ));
            notes.push(note(&seen, &samples));
            notes.push(
                "PgBouncer's clients speak Postgres's own protocol and get rows; the proxy's speak HTTP and get JSON. So the spread of \
                 the times is what can be compared, and not the speed."
                    .to_owned(),
            );
            crowds.push(seen);
        }
        None => notes.push("PgBouncer is left out: it is not here (Debian's package is `pgbouncer`).".to_owned()),
    }
    Ok(Chapter {
        title: "10,000 clients on 10 connections",
        question: format!(
            "{CLIENTS} clients, each with a connection of its own that it keeps, for {} s: each asks, waits for the answer and asks again; \
             every fifth request is an update of a random row, the others select one. All wait for the same {POOL} connections, so the \
             times are those of the queue.",
            crowd.seconds
        ),
        command,
        bars,
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![table(&crowds)],
        crowds,
        notes,
    })
}

/// Runs it under the eyes of Postgres.
fn watched(bench: &Bench, crowd: &Crowd, whom: &Whom<'_>) -> Outcome<(CrowdSeen, Samples)> {
    let (Whom::Http(server) | Whom::Postgres(server, _)) = whom;
    progress(&format!("clients: {}: {} clients for {} s", server.name, crowd.clients, crowd.seconds));
    let watch = Watch::begin(bench, server)?;
    let seen = crowd.run(bench, whom);
    let samples = watch.end()?;
    Ok((seen?, samples))
}

fn asked(seen: &CrowdSeen, samples: &Samples) -> Vec<Bar> {
    let open_files = u32::try_from(samples.most_open_files).unwrap_or(u32::MAX);
    vec![
        Bar::of("failed requests", float(seen.failures() + seen.refusals()), Asked::AtMost(0.0)),
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
        Bar::of("clients that got no answer", float(seen.per_client.without_any), Asked::AtMost(0.0)),
        Bar::of("p99 / p50, pool-proxy", spread(seen), Asked::Nothing),
    ]
}

fn spread(seen: &CrowdSeen) -> f64 {
    seen.p99_ms / seen.p50_ms
}

fn note(seen: &CrowdSeen, samples: &Samples) -> String {
    let failed = seen.not_answered();
    let failed = if failed.is_empty() { failed } else { format!(" Not answered: {failed}.") };
    format!(
        "{}: {} answers, {} of them to updates. Postgres was asked {} times, every 100 ms, and had at most {} connections to the database; \
         the server had at most {} open files.{failed}",
        seen.server, seen.answered, seen.writes, samples.count, samples.most_connections, samples.most_open_files
    )
}

fn table(crowds: &[CrowdSeen]) -> Table {
    let row = |seen: &CrowdSeen| {
        let clients = &seen.per_client;
        vec![
            seen.server.clone(),
            format!("{:.0}", seen.per_second),
            format!("{:.1}", seen.cpu_us),
            format!("{:.0}", seen.p50_ms),
            format!("{:.0}", seen.p99_ms),
            format!("{:.0}", seen.slowest_ms),
            format!("{:.2}", spread(seen)),
            (seen.failures() + seen.refusals()).to_string(),
            format!("{} / {} / {}", clients.least, clients.p50, clients.most),
            clients.without_any.to_string(),
        ]
    };
    Table {
        head: vec![
            "server",
            "requests/s",
            "CPU per request, µs",
            "p50, ms",
            "p99, ms",
            "slowest, ms",
            "p99 / p50",
            "failed",
            "answers per client, least / median / most",
            "clients without any",
        ],
        rows: crowds.iter().map(row).collect(),
    }
}
