//! Part 1: answers from the cache, against a server that does nothing but answer the same bytes.

use load::Outcome;

use crate::contest::{self, Contest};
use crate::figures::Asked;
use crate::http::{Answer, post_sql};
use crate::oha::{Load, Request};
use crate::report::Chapter;
use crate::servers::{self, Server};
use crate::setup::{Bench, select_body};

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let body = select_body(4711);
    let load = Load {
        clients: 64,
        seconds: bench.options.seconds(),
        headers: servers::headers(&["Cache-Control: max-age=600"]),
        request: Request::Sql(body.clone()),
    };
    let proxy = servers::pool_proxy(bench)?;
    post_sql(&proxy.address, &load.headers, &body)?;
    let hit = expect_hit(&proxy, &load, &body)?;

    let bytes = bench.scratch.file("hit");
    std::fs::write(&bytes, &hit.body)?;
    let hyper = servers::bare_hyper(bench, &bytes, hit.header("content-type").unwrap_or("application/json"))?;
    let plain = post_sql(&hyper.address, &load.headers, &body)?;
    if plain.body != hit.body {
        return Err("bare-hyper does not answer the proxy's bytes".into());
    }

    let contest = Contest::hold(bench, "hits", &[&proxy, &hyper], &load)?;
    expect_hit(&proxy, &load, &body)?;
    Ok(Chapter {
        title: "Cache hits",
        question: format!(
            "64 clients ask for the same cached row. Bodies are the same {} bytes; the proxy's status line and headers are {} bytes, \
             bare-hyper's {}.",
            hit.body.len(),
            hit.head_bytes(),
            plain.head_bytes()
        ),
        command: load.spelled_out("127.0.0.1:PORT"),
        bars: vec![
            contest.ratio("requests/s", contest::per_second, &proxy, &hyper, Asked::AtLeast(0.8)),
            contest.failures(),
        ],
        standings: vec![contest.standing(&proxy)?, contest.standing(&hyper)?],
        rounds: contest.into_rounds(),
        notes: Vec::new(),
    })
}

/// Before and after the load: what was measured were hits.
fn expect_hit(proxy: &Server, load: &Load, body: &str) -> Outcome<Answer> {
    let answer = post_sql(&proxy.address, &load.headers, body)?;
    if answer.is_hit() {
        return Ok(answer);
    }
    let status = answer.cache_status();
    Err(format!("the proxy should answer from its cache, but Cache-Status says `{status}`").into())
}
