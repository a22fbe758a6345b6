//! More and more tags on the same answers: what it takes to drop those of one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use load::Outcome;

use super::entries::{SMALL, fill, proxy, warm_up};
use super::{Growth, held, places, resident, seconds, settle};
use crate::chart::{Along, Chart, grouped};
use crate::crowd::{Crowd, Spread, Whom};
use crate::figures::median;
use crate::http;
use crate::report::Chapter;
use crate::servers::{self, Server};
use crate::setup::{Bench, SELECT};

const ENTRIES: u32 = 100_000;
const FEW_ENTRIES: u32 = 2_000;
const TAGS: [u32; 3] = [10, 1_000, 100_000];
const FEW: [u32; 1] = [100];
/// Tags that are dropped at most, one by one, with and without load.
const DROPPED: u32 = 200;

pub(super) fn growth(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let mut growth = Growth::begin("Growing: tags");
    let entries = if bench.options.is_quick() { FEW_ENTRIES } else { ENTRIES };
    let all = places(bench, &TAGS, &FEW);
    let mut command = String::new();
    for tags in &all {
        let proxy = proxy(bench)?;
        let whom = Whom::Http(&proxy);
        warm_up(bench, &proxy)?;
        let before = resident(&proxy)?;
        let filled = Crowd { tags: Some(*tags), ..fill(entries) };
        growth.count(&filled.run(bench, &whom)?);
        settle(bench);
        let each = (resident(&proxy)? - before) * 1024.0 / f64::from(entries);
        command = filled.spelled_out_at_proxy();

        // Half of the tags go while nothing else is asked, the others under load.
        let count = DROPPED.min(tags / 2 - 1);
        let whole = held(bench, &proxy)?;
        let used = cpu_ms(&proxy)?;
        let calm = drop_tags(&proxy, 0..count, Duration::ZERO)?;
        let used = (cpu_ms(&proxy)? - used) / f64::from(count);
        let (gone, expected) = (whole - held(bench, &proxy)?, u64::from(count * (entries / tags)));
        if gone != expected {
            return Err(format!("{count} of {tags} tags dropped {gone} answers and should drop {expected}").into());
        }

        // One that has no tag.
        let hit = Crowd { seconds: seconds(bench), read: SELECT, spread: Spread::Even, ..fill(1) };
        let alone = hit.run(bench, &whom)?;
        let pause = Duration::from_secs(u64::from(seconds(bench))) / (count + 1);
        let (meanwhile, busy) = scope(|scope| -> Outcome<_> {
            let dropping = scope.spawn(|| drop_tags(&proxy, count..2 * count, pause));
            let seen = hit.run(bench, &whom)?;
            Ok((seen, dropping.join().map_err(|_| "dropping tags broke down")??))
        })?;
        growth.count(&alone);
        growth.count(&meanwhile);
        growth.point("to drop one tag, ms", "nothing else asked", *tags, median(calm.iter().copied()));
        growth.point("to drop one tag, ms", "beside hits", *tags, median(busy.iter().copied()));
        growth.point("CPU to drop one tag, ms", "nothing else asked", *tags, used);
        growth.point("hits/s", "no tag dropped", *tags, alone.per_second);
        growth.point("hits/s", "tags dropped meanwhile", *tags, meanwhile.per_second);
        growth.point("KiB resident per answer", "pool-proxy", *tags, each);
        growth.row(vec![
            grouped(*tags),
            grouped(entries / tags),
            format!("{:.3}", median(calm.iter().copied())),
            format!("{:.3}", calm.iter().copied().fold(0.0, f64::max)),
            format!("{used:.3}"),
            format!("{:.3}", median(busy.iter().copied())),
            format!("{:.0}", alone.per_second),
            format!("{:.0}", meanwhile.per_second),
            format!("{each:.2}"),
        ]);
    }
    let question = format!(
        "{} answers (`{SMALL}`) are kept, each with one of so many tags. `POST /invalidate` drops the answers of one tag after the other, at \
         most {DROPPED}, on one connection: first alone, then spread over a round in which 64 clients read a cached row that has no tag. \
         The metric `pool_proxy_cache_entries` must fall by what had these tags.",
        grouped(entries)
    );
    let head = vec![
        "tags",
        "answers of each",
        "p50 to drop one, ms",
        "slowest, ms",
        "CPU each, ms",
        "p50 beside hits, ms",
        "hits/s alone",
        "hits/s meanwhile",
        "KiB per answer",
    ];
    Ok(growth.end("growth-tags", Along::log("tags", &all), question, command, head, Vec::new()))
}

/// Drops the tags of these numbers one by one; how long each took, in milliseconds.
fn drop_tags(proxy: &Server, tags: std::ops::Range<u32>, pause: Duration) -> Outcome<Vec<f64>> {
    let mut socket = TcpStream::connect(&proxy.address)?;
    socket.set_nodelay(true)?;
    socket.set_read_timeout(Some(Duration::from_mins(1)))?;
    let head = servers::headers(&[]).join("\r\n");
    let mut took = Vec::new();
    for tag in tags {
        sleep(pause);
        let body = format!(r#"{{"tags":["t{tag}"]}}"#);
        let request = format!(
            "POST /invalidate HTTP/1.1\r\nhost: {}\r\n{head}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            proxy.address,
            body.len()
        );
        let since = Instant::now();
        socket.write_all(request.as_bytes())?;
        let (mut read, mut part) = (Vec::new(), [0; 4096]);
        let answer = loop {
            if let Some(answer) = http::parse(&read) {
                break answer;
            }
            match socket.read(&mut part)? {
                0 => return Err("the proxy closed the connection that drops tags".into()),
                length => read.extend_from_slice(&part[..length]),
            }
        };
        took.push(since.elapsed().as_secs_f64() * 1000.0);
        if answer.status != 200 {
            return Err(format!("POST /invalidate: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into());
        }
    }
    Ok(took)
}

/// CPU time of all threads in milliseconds: from the scheduler to the nanosecond where it tells, else in ticks of 10 ms.
fn cpu_ms(server: &Server) -> Outcome<f64> {
    let exact = || -> Option<f64> {
        let mut sum = 0.0;
        for thread in std::fs::read_dir(format!("/proc/{}/task", server.process.id())).ok()? {
            let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
            sum += text.split(' ').next()?.parse::<f64>().ok()? / 1e6;
        }
        (sum > 0.0).then_some(sum)
    };
    match exact() {
        Some(sum) => Ok(sum),
        None => Ok(server.process.cpu_seconds()? * 1000.0),
    }
}
