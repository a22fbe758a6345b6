//! What goes wrong in production, one thing at a time, under a steady load of oha and npm's clients. Whatever it is: nobody
//! is told what is not true, nothing is lost or done twice, no connection is left behind or one too many, and all comes back
//! by itself. `cargo xtask faults` makes the table in README.md of it.

mod balancer;
mod certificates;
mod clock;
mod crowd;
mod failover;
mod full;
mod load;
mod network;
mod npm;
mod oha;
mod postgres;
mod prober;
mod proxies;
mod report;
mod scene;
mod tally;

use std::fs;
use std::path::Path;

use harness::{Proxy, ProxyBuilder};

/// All faults, as the table calls them and in its order.
const FAULTS: [&str; 28] = [
    "proxy killed (SIGKILL), started again",
    "two proxies behind one address, restarted in turn (SIGTERM)",
    "configuration changed and reloaded every second",
    "Postgres restarted (fast)",
    "Postgres restarted (immediate)",
    "Postgres killed (SIGKILL), restarted",
    "Postgres stopped (SIGSTOP) for 30 s",
    "failover: the primary is lost, a standby promoted",
    "`max_connections` taken by others",
    "Postgres's disk full",
    "the proxy's certificate expired, seen by a relay",
    "Postgres's certificate expired",
    "the clock moved on by a day, then back by two",
    "file descriptors exhausted",
    "5,000 clients that read 300 KB slowly",
    "5,000 clients that write a byte a second",
    "clients' connections reset for 3 s",
    "clients' connections stalled for 8 s",
    "clients' connections lost (half-open)",
    "clients' connections at 1 byte/s for 8 s",
    "a relay's connections reset for 3 s",
    "a relay's connections stalled for 8 s",
    "a relay's connections lost (half-open)",
    "a relay's connections at 1 byte/s for 8 s",
    "connections to Postgres reset for 3 s",
    "connections to Postgres stalled for 8 s",
    "connections to Postgres lost (half-open)",
    "connections to Postgres at 1 byte/s for 8 s",
];

/// What the table in README.md says: it is written by hand of nobody, and complete.
#[test]
fn all_are_in_the_readme() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, rest) = readme.split_once("<!-- faults -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- /faults -->").unwrap();
    let rows = table.lines().skip(2).map(|row| row.trim_matches(['|', ' ']).split(" | ").collect::<Vec<_>>());
    let rows: Vec<_> = rows.collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), FAULTS);
    for row in rows {
        let [fault, _, back, connections, writes] = row[..] else { panic!("{row:?}") };
        assert!(writes.ends_with(", 0, 0"), "{fault}: {writes}");
        let (most, cap) = connections.split_once(" of ").unwrap();
        assert!(most.parse::<u32>().unwrap() <= cap.parse().unwrap(), "{fault}: {connections}");
        let seconds = back.strip_suffix(" s").map_or(0.0, |seconds| seconds.parse::<f64>().unwrap());
        assert!(seconds <= 0.5 || fault == "connections to Postgres lost (half-open)", "{fault}: {back}");
    }
}

/// The most connections of a proxy.
const CAP: i64 = 5;

/// A proxy of a database, with its cap.
fn builder(url: &str) -> ProxyBuilder {
    Proxy::builder().database_url(url).env("POOL_PROXY_POOL_MAX", CAP.to_string())
}

/// The same, started.
async fn proxy(url: &str) -> Proxy {
    builder(url).start().await
}
