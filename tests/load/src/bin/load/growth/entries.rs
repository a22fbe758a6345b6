//! More and more answers in the cache.

use load::Outcome;

use super::{Growth, TIMED, held, places, resident, seconds, settle};
use crate::chart::{Along, Chart, grouped};
use crate::crowd::{Crowd, Spread, Whom};
use crate::oha::float;
use crate::report::Chapter;
use crate::servers::{self, Server};
use crate::setup::Bench;

const CLIENTS: u32 = 64;
const ENTRIES: [u32; 4] = [1_000, 10_000, 100_000, 1_000_000];
const FEW: [u32; 1] = [5_000];
/// No table is read: the answer is small, and Postgres does next to nothing for it.
pub(super) const SMALL: &str = "SELECT $1::int AS n";
/// All answers fit.
const LIMIT: &str = "3GiB";
/// What the largest cache may need, the rest of the machine besides.
const NEEDED_KIB: u64 = 5 << 20;

/// A proxy whose cache holds all that a part puts in.
pub(super) fn proxy(bench: &Bench) -> Outcome<Server> {
    servers::pool_proxy_with(bench, "pool-proxy", &[("POOL_PROXY_CACHE_BYTES", LIMIT)])
}

/// Reads each of so many answers once, so that all of them are kept.
pub(super) fn fill(entries: u32) -> Crowd {
    Crowd {
        clients: CLIENTS,
        // It ends by itself.
        seconds: 1_200,
        read: SMALL,
        ids: Some(entries),
        spread: Spread::Each,
        headers: TIMED,
        ..Crowd::default()
    }
}

/// As many clients and connections to Postgres as there will be, so that what each takes is there already.
pub(super) fn warm_up(bench: &Bench, proxy: &Server) -> Outcome<()> {
    let uncached: &[&str] = &["Cache-Control: no-store"];
    let others = Crowd { seconds: 1, spread: Spread::Even, headers: uncached, ..fill(1_000) };
    if !bench.options.is_quick() {
        others.run(bench, &Whom::Http(proxy))?;
    }
    settle(bench);
    Ok(())
}

pub(super) fn growth(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let mut growth = Growth::begin("Growing: answers in the cache");
    let mut all = places(bench, &ENTRIES, &FEW);
    let mut notes = Vec::new();
    if available_kib().is_some_and(|free| free < NEEDED_KIB) {
        all.retain(|entries| *entries < ENTRIES[3]);
        notes.push("This machine has less than 5 GiB of memory to spare, so a million is left out.".to_owned());
    }
    let mut command = String::new();
    for entries in &all {
        let proxy = proxy(bench)?;
        let whom = Whom::Http(&proxy);
        warm_up(bench, &proxy)?;
        let before = resident(&proxy)?;
        let filled = fill(*entries).run(bench, &whom)?;
        let there = held(bench, &proxy)?;
        if there != u64::from(*entries) {
            return Err(format!("the cache holds {there} answers and should hold {entries}").into());
        }
        settle(bench);
        let after = resident(&proxy)?;
        let hits = Crowd { seconds: seconds(bench), spread: Spread::Even, ..fill(*entries) };
        let seen = hits.run(bench, &whom)?;
        if seen.in_time.hits != seen.in_time.all {
            return Err(format!("of {} answers only {} were hits", seen.in_time.all, seen.in_time.hits).into());
        }
        growth.count(&filled);
        growth.count(&seen);
        let rate = float(filled.answered) / filled.lasted;
        let each = (after - before) * 1024.0 / f64::from(*entries);
        growth.point("put in, answers/s", "pool-proxy", *entries, rate);
        growth.point("hits/s", "pool-proxy", *entries, seen.per_second);
        growth.point("MiB resident", "pool-proxy", *entries, after);
        growth.point("KiB resident per answer", "pool-proxy", *entries, each);
        growth.row(vec![
            grouped(*entries),
            format!("{rate:.0}"),
            format!("{:.0}", seen.per_second),
            format!("{:.2}", seen.p99_ms),
            format!("{:.1}", seen.cpu_us),
            format!("{after:.1}"),
            format!("{each:.2}"),
        ]);
        command = hits.spelled_out_at_proxy();
    }
    let question = format!(
        "{CLIENTS} clients read `{SMALL}` for so many numbers, each once and kept for a day; then they read them at random, and all of it \
         are hits. The cache may hold {LIMIT}, and the metric `pool_proxy_cache_entries` must say that all are there. Per answer: what is \
         resident more than before the first. A new proxy each time."
    );
    let head = vec!["answers", "put in per second", "hits/s", "p99, ms", "CPU per hit, µs", "MiB resident", "KiB each"];
    Ok(growth.end("growth-entries", Along::log("answers in the cache", &all), question, command, head, notes))
}

fn available_kib() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    line.split_whitespace().next()?.parse().ok()
}
