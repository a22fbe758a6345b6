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

use harness::{Proxy, ProxyBuilder};

/// All faults, as the table calls them and in its order.
pub(crate) const FAULTS: [&str; 28] = [
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
