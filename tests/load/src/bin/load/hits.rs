//! Part 1: answers from the cache, against a server that does nothing but answer the same bytes, over each transport.

use load::Outcome;

use crate::certificate::Certificate;
use crate::contest::{self, Contest};
use crate::figures::Asked;
use crate::http::{Answer, post_sql};
use crate::oha::{Load, Request, Transport};
use crate::report::Chapter;
use crate::servers::{self, Server};
use crate::setup::{Bench, select_body};

pub(crate) fn run(bench: &Bench) -> Outcome<Vec<Chapter>> {
    Ok(vec![
        chapter(bench, "Cache hits", Transport::Plain)?,
        chapter(bench, "Cache hits over TLS", Transport::Tls)?,
        chapter(bench, "Cache hits over HTTP/2 and TLS", Transport::Http2)?,
    ])
}

/// The same for every server and transport.
pub(crate) fn load(bench: &Bench, transport: Transport) -> Load {
    Load {
        clients: 64,
        seconds: bench.options.seconds(),
        headers: servers::headers(&["Cache-Control: max-age=600"]),
        request: Request::Post("/sql", body()),
        transport,
    }
}

fn body() -> String {
    select_body(4711)
}

fn chapter(bench: &Bench, title: &'static str, transport: Transport) -> Outcome<Chapter> {
    let load = load(bench, transport);
    let (proxy, hyper) = servers(bench, &load)?;
    let hit = expect_hit(&proxy, &load)?;
    let plain = post_sql(&hyper, &load.headers, &body())?;
    let contest = Contest::hold(bench, &title.to_lowercase(), &[&proxy, &hyper], &load)?;
    expect_hit(&proxy, &load)?;
    let how = match transport {
        Transport::Plain => "HTTP/1.1, a connection each",
        Transport::Tls => "HTTP/1.1 over TLS, a connection each, the same certificate on both servers",
        Transport::Http2 => "HTTP/2 over TLS, four on a connection, the same certificate on both servers",
        Transport::Http2Plain => "HTTP/2, four on a connection",
    };
    Ok(Chapter {
        title,
        question: format!(
            "64 clients ask for the same cached row: {how}. Bodies are the same {} bytes; the proxy's status line and headers are {} \
             bytes, bare-hyper's {}.",
            hit.body.len(),
            hit.head_bytes(),
            plain.head_bytes()
        ),
        command: load.spelled_out("127.0.0.1:PORT"),
        bars: vec![
            contest.ratio("requests/s", contest::per_second, &proxy, &hyper, Asked::AtLeast(0.9)),
            contest.ratio("CPU per request", contest::cpu, &proxy, &hyper, Asked::Nothing),
            contest.failures(),
        ],
        standings: vec![contest.standing(&proxy)?, contest.standing(&hyper)?],
        rounds: contest.into_rounds(),
        tables: Vec::new(),
        crowds: Vec::new(),
        notes: Vec::new(),
    })
}

/// The proxy with the answer in its cache, and a yardstick that gives the same bytes.
pub(crate) fn servers(bench: &Bench, load: &Load) -> Outcome<(Server, Server)> {
    let certificate = if load.transport.is_plain() { None } else { Some(Certificate::make(bench)?) };
    let proxy = match &certificate {
        None => servers::pool_proxy(bench)?,
        Some(certificate) => servers::pool_proxy_over_tls(bench, certificate)?,
    };
    post_sql(&proxy, &load.headers, &body())?;
    let hit = expect_hit(&proxy, load)?;
    let bytes = bench.scratch.file("hit");
    std::fs::write(&bytes, &hit.body)?;
    let content_type = hit.header("content-type").unwrap_or("application/json");
    let hyper = servers::bare_hyper(bench, &bytes, content_type, certificate.as_ref())?;
    if post_sql(&hyper, &load.headers, &body())?.body != hit.body {
        return Err("bare-hyper does not answer the proxy's bytes".into());
    }
    Ok((proxy, hyper))
}

/// Before and after the load: what was measured were hits.
pub(crate) fn expect_hit(proxy: &Server, load: &Load) -> Outcome<Answer> {
    let answer = post_sql(proxy, &load.headers, &body())?;
    if answer.is_hit() {
        return Ok(answer);
    }
    let status = answer.cache_status();
    Err(format!("the proxy should answer from its cache, but Cache-Status says `{status}`").into())
}
