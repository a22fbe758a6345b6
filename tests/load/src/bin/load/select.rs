//! Part 2: a primary-key select that always reaches Postgres, against the smallest program that can do it and a Node service.

use load::Outcome;

use crate::contest::{self, Contest};
use crate::figures::Asked;
use crate::http::{Answer, post_sql};
use crate::oha::{Load, Request, Transport};
use crate::report::Chapter;
use crate::servers::{self, POOL, Server};
use crate::setup::{Bench, ROWS, select_body};

/// The same for every server.
pub(crate) fn load(bench: &Bench) -> Load {
    Load {
        clients: 64,
        seconds: bench.options.seconds(),
        headers: servers::headers(&[]),
        request: Request::PostAny("/sql", bench.scratch.bodies()),
        transport: Transport::Plain,
    }
}

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let load = load(bench);
    let proxy = servers::pool_proxy(bench)?;
    let pool = servers::bare_pool(bench)?;
    let pipeline = servers::bare_pipeline(bench)?;
    let hono = servers::hono(bench)?;
    let same_bytes = expect_same(&proxy, &[&pool, &pipeline, &hono], &load)?;

    let contest = Contest::hold(bench, "select", &[&proxy, &pool, &pipeline, &hono], &load)?;
    let standings = [&proxy, &pool, &pipeline, &hono].map(|server| contest.standing(server));
    let standings = standings.into_iter().collect::<Outcome<Vec<_>>>()?;
    let room = standings[1].per_second / standings[3].per_second;
    Ok(Chapter {
        title: "Uncached primary-key select",
        question: format!(
            "64 clients over {POOL} connections, a random one of 10,000 ids in a table of {ROWS} rows, nothing cached. All \
             servers answer the same JSON{}.",
            if same_bytes { ", byte for byte" } else { ", in other byte order or spacing" }
        ),
        command: load.spelled_out("127.0.0.1:PORT"),
        bars: vec![
            contest.ratio("requests/s", contest::per_second, &proxy, &pool, Asked::AtLeast(0.9)),
            contest.ratio("CPU per request", contest::cpu, &proxy, &pool, Asked::AtMost(1.25)),
            contest.ratio("requests/s", contest::per_second, &pipeline, &pool, Asked::Nothing),
            contest.ratio("requests/s", contest::per_second, &proxy, &hono, Asked::AtLeast(2.5)),
            contest.failures(),
        ],
        standings,
        rounds: contest.into_rounds(),
        tables: Vec::new(),
        crowds: Vec::new(),
        notes: vec![
            "The pipelined connection is a yardstick only: all requests go down one connection without waiting for each other, so it \
             cannot cancel one of them, and one slow reader holds up all. The proxy lets short reads share \
             connections while none is free, and asks again elsewhere where one does not come soon."
                .to_owned(),
            format!(
                "In this run bare-pool, the least a program can do, answered {room:.2} times the requests of hono + node-postgres. A bar \
                 above that asks the proxy to outdo bare-pool."
            ),
            "hono + node-postgres is one Node process, so one thread of JavaScript, and keeps its statement prepared by name as the \
             others do. With a process per core it would answer more; its CPU per request would stay."
                .to_owned(),
        ],
    })
}

/// Every server must answer every question alike, and none from a cache. Says whether even the bytes agree.
fn expect_same(proxy: &Server, others: &[&Server], load: &Load) -> Outcome<bool> {
    let mut same_bytes = true;
    for id in [1, 77_777, ROWS, ROWS + 1, 1] {
        let body = select_body(id);
        let ask = |server: &Server| -> Outcome<Answer> { post_sql(server, &load.headers, &body) };
        let first = ask(proxy)?;
        if first.is_hit() {
            return Err("the proxy answers an uncached select from its cache".into());
        }
        for other in others {
            let second = ask(other)?;
            let (left, right) = (first.json()?, second.json()?);
            if left != right {
                return Err(format!("to {body} pool-proxy answers\n{left}\nbut {}\n{right}", other.name).into());
            }
            same_bytes &= first.body == second.body;
        }
    }
    Ok(same_bytes)
}
