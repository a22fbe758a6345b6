//! Part 4: what the proxy takes when nothing happens: by itself, and for each connection that is open and idle.

use std::thread::sleep;

use load::Outcome;

use crate::certificate::Certificate;
use crate::clients::CLIENTS;
use crate::crowd::{Crowd, Whom};
use crate::figures::{Asked, Bar};
use crate::http::post_sql;
use crate::oha::float;
use crate::report::{Chapter, Table};
use crate::sampler::open_files;
use crate::servers::{self, Server};
use crate::setup::{Bench, ROWS, SELECT, progress, select_body};

/// So many connections come and go before, so that what is allocated once is there already.
const BEFORE: u32 = 100;
/// Connections of a quick run.
const FEW: u32 = 1_000;

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let clients = clients(bench);
    let plain = servers::pool_proxy(bench)?;
    let at_rest = plain.at_rest.now_kib;
    let measured = measure(bench, &plain, "plain", 8.0)?;
    drop(plain);
    let plain = measured;
    let tls = servers::pool_proxy_over_tls(bench, &Certificate::make(bench)?)?;
    let tls = measure(bench, &tls, "with TLS", 20.0)?;
    let mut bars = vec![Bar::of("MiB resident, idle", float(at_rest) / 1024.0, Asked::AtMost(25.0))];
    bars.extend(plain.bars.into_iter().chain(tls.bars));
    Ok(Chapter {
        title: "Memory",
        question: format!(
            "The proxy alone, and then with {clients} connections open of which each asked once, by the uncached select of before, and \
             asks nothing more. Per connection: what was resident more than before they came, after {BEFORE} others had come and gone, \
             divided by {clients}."
        ),
        command: format!("{} --hold", plain.command),
        bars,
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table {
            head: vec![
                "connections",
                "MiB at rest",
                "MiB before",
                "MiB with them",
                "MiB peak",
                "KiB each",
                "open files",
            ],
            rows: vec![plain.row, tls.row],
        }],
        crowds: Vec::new(),
        notes: vec![format!(
            "The {clients} connections belong to `crowd --hold`; ten connections to Postgres are in all figures but the first."
        )],
    })
}

/// Connections that are opened.
fn clients(bench: &Bench) -> u32 {
    if bench.options.is_quick() { FEW } else { CLIENTS }
}

fn crowd(clients: u32) -> Crowd {
    Crowd { clients, seconds: 1, read: SELECT, ids: Some(ROWS), ..Crowd::default() }
}

struct Measured {
    bars: [Bar; 2],
    row: Vec<String>,
    command: String,
}

fn measure(bench: &Bench, proxy: &Server, kind: &str, bar: f64) -> Outcome<Measured> {
    let clients = clients(bench);
    progress(&format!("memory: {clients} connections, {kind}"));
    post_sql(proxy, &servers::headers(&[]), &select_body(1))?;
    let whom = Whom::Http(proxy);
    crowd(BEFORE).run(bench, &whom)?;
    sleep(bench.options.settling());
    let before = proxy.process.memory()?.now_kib;
    let held = crowd(clients).hold(bench, &whom)?;
    sleep(bench.options.settling());
    let after = proxy.process.memory()?;
    let open = open_files(proxy.process.id());
    let each = (float(after.now_kib) - float(before)) / f64::from(clients);
    let command = crowd(clients).spelled_out(&whom);
    drop(held);
    let mib = |kib: u64| format!("{:.1}", float(kib) / 1024.0);
    let open_bar = f64::from(u32::try_from(open).unwrap_or(u32::MAX));
    Ok(Measured {
        bars: [
            Bar::of(format!("KiB resident per idle connection, {kind}"), each, Asked::AtMost(bar)),
            Bar::of(format!("open files of the proxy, {kind}"), open_bar, Asked::AtLeast(f64::from(clients))),
        ],
        row: vec![
            kind.to_owned(),
            mib(proxy.at_rest.now_kib),
            mib(before),
            mib(after.now_kib),
            mib(after.peak_kib),
            format!("{each:.1}"),
            open.to_string(),
        ],
        command,
    })
}
