//! Where the time goes: perf looks at the proxy and at its yardstick while each is loaded as in
//! their parts: hits, uncached selects, a thousand rows, batches of ten.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use load::Outcome;

use crate::batch;
use crate::contest::Generator;
use crate::hits;
use crate::http::post_sql;
use crate::oha::{Load, Request, Transport};
use crate::report::Chapter;
use crate::rows;
use crate::select;
use crate::servers::{self, Server};
use crate::setup::{Bench, progress, select_body};

/// What is told of each server.
const LINES: usize = 40;

pub(crate) fn run(bench: &Bench) -> Outcome<Vec<Chapter>> {
    let hit = hits::load(bench, Transport::Plain);
    let (proxy, hyper) = hits::servers(bench, &hit)?;
    let hits = chapter(bench, "Profile of cache hits", &hit, &[proxy, hyper])?;
    let select = select::load(bench);
    let servers = [servers::pool_proxy(bench)?, servers::bare_pool(bench)?];
    let select = chapter(bench, "Profile of uncached selects", &select, &servers)?;
    let batch = chapter(bench, "Profile of batches of ten", &batch::load(bench)?, &servers)?;
    let rows = chapter(bench, "Profile of a thousand rows", &rows::short_load(bench), &rows::servers(bench)?)?;
    Ok(vec![hits, select, rows, batch])
}

fn chapter(bench: &Bench, title: &'static str, load: &Load, servers: &[Server]) -> Outcome<Chapter> {
    let mut notes = Vec::new();
    for server in servers {
        progress(&format!("profile: {}", server.name));
        if let Request::PostAny(..) = load.request {
            post_sql(server, &load.headers, &select_body(1))?;
        }
        let shares = shares(bench, server, load)?;
        notes.push(format!("{}:\n\n```text\n{shares}\n```", server.name));
    }
    Ok(Chapter {
        title,
        question: "Shares of a server's own processor time, kernel included, by function, while it is loaded."
            .to_owned(),
        command: "perf record -e cpu-clock -F 999 -p PID && perf report --no-children --sort dso,symbol".to_owned(),
        bars: Vec::new(),
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: Vec::new(),
        crowds: Vec::new(),
        notes,
    })
}

fn shares(bench: &Bench, server: &Server, load: &Load) -> Outcome<String> {
    let data = bench.scratch.file("perf.data");
    let longer = load.lasting(load.seconds + 2);
    thread::scope(|scope| {
        let loading = scope.spawn(|| longer.run(bench, server));
        thread::sleep(Duration::from_secs(1));
        let recorded = record(server.process.id(), load.seconds, &data);
        loading.join().map_err(|_| "the load broke down")??;
        recorded
    })?;
    let mut report = Command::new("perf");
    report.args([
        "report",
        "--stdio",
        "--no-children",
        "-g",
        "none",
        "--sort",
        "dso,symbol",
        "--percent-limit",
        "0.4",
        "-i",
    ]);
    let done = report.arg(&data).stdin(Stdio::null()).output()?;
    if !done.status.success() {
        return Err(format!("perf report: {}", String::from_utf8_lossy(&done.stderr).trim()).into());
    }
    let text = String::from_utf8_lossy(&done.stdout);
    let lines = text
        .lines()
        .map(|line| line.trim().trim_end_matches([' ', '-']))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .take(LINES);
    Ok(lines.collect::<Vec<_>>().join("\n"))
}

fn record(process: u32, seconds: u32, data: &Path) -> Outcome<()> {
    let mut record = Command::new("perf");
    record.args(["record", "-e", "cpu-clock", "-F", "999", "-p", &process.to_string(), "-o"]).arg(data);
    record.args(["--", "sleep", &seconds.to_string()]);
    let done = record.stdin(Stdio::null()).output();
    let done = done.map_err(|failure| format!("perf (Debian's package is linux-perf) is needed: {failure}"))?;
    if !done.status.success() {
        return Err(format!("perf record: {}", String::from_utf8_lossy(&done.stderr).trim()).into());
    }
    Ok(())
}
