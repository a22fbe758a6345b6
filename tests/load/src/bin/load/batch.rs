//! Ten statements in one request: one transaction, all of it in one flight, against the smallest program that does the same.

use std::fmt::Write as _;

use load::Outcome;

use crate::contest::{self, Contest};
use crate::figures::Asked;
use crate::http::post_sql;
use crate::oha::{Load, Request, Transport};
use crate::report::Chapter;
use crate::servers::{self, POOL, Server};
use crate::setup::{Bench, ROWS, select_body};

/// Statements of a request.
const STATEMENTS: u32 = 10;
/// Requests that oha picks from.
const REQUESTS: u32 = 1_000;

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let load = load(bench)?;
    let (proxy, pool) = (servers::pool_proxy(bench)?, servers::bare_pool(bench)?);
    expect_same(&proxy, &pool, &load)?;
    let contest = Contest::hold(bench, "batch", &[&proxy, &pool], &load)?;
    Ok(Chapter {
        title: "A batch of ten",
        question: format!(
            "64 clients over {POOL} connections; each request is a batch of {STATEMENTS} primary-key selects in one transaction, of random \
             rows, nothing cached. Both servers send BEGIN, the statements and COMMIT to Postgres without waiting in between."
        ),
        command: load.spelled_out("127.0.0.1:PORT"),
        bars: vec![
            contest.ratio("CPU per request", contest::cpu, &proxy, &pool, Asked::Nothing),
            contest.ratio("requests/s", contest::per_second, &proxy, &pool, Asked::Nothing),
            contest.failures(),
        ],
        standings: vec![contest.standing(&proxy)?, contest.standing(&pool)?],
        rounds: contest.into_rounds(),
        tables: Vec::new(),
        crowds: Vec::new(),
        notes: Vec::new(),
    })
}

/// The requests of this part.
pub(crate) fn load(bench: &Bench) -> Outcome<Load> {
    let file = bench.scratch.file("batches");
    let mut lines = String::new();
    for number in 0..REQUESTS {
        writeln!(lines, "{}", batch(number))?;
    }
    std::fs::write(&file, lines)?;
    Ok(Load {
        clients: 64,
        seconds: bench.options.seconds(),
        headers: servers::headers(&[]),
        request: Request::PostAny("/sql", file),
        transport: Transport::Plain,
    })
}

/// The body of a batch as the Neon driver writes it; each asks for other rows.
fn batch(number: u32) -> String {
    let id = |at: u32| (number * STATEMENTS + at) * 7919 % ROWS + 1;
    let queries: Vec<_> = (0..STATEMENTS).map(|at| select_body(id(at))).collect();
    format!(r#"{{"queries":[{}]}}"#, queries.join(","))
}

fn expect_same(proxy: &Server, pool: &Server, load: &Load) -> Outcome<()> {
    for number in [0, REQUESTS - 1, 0] {
        let body = batch(number);
        let (left, right) =
            (post_sql(proxy, &load.headers, &body)?.json()?, post_sql(pool, &load.headers, &body)?.json()?);
        let results = left["results"].as_array().map_or(0, Vec::len);
        if left != right || results != usize::try_from(STATEMENTS)? {
            return Err(format!("to {body} pool-proxy answers\n{left}\nbut bare-pool\n{right}").into());
        }
    }
    Ok(())
}
