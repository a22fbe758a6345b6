//! More and more connections: idle ones beside a few that ask, and all of them asking.

use load::Outcome;

use super::{Growth, most_resident, places, resident, seconds, settle};
use crate::chart::{Along, Chart, grouped};
use crate::crowd::{Crowd, Whom};
use crate::http::post_sql;
use crate::report::Chapter;
use crate::servers::{self, POOL};
use crate::setup::{Bench, ROWS, SELECT, select_body};

/// Connections at most.
pub(super) const MOST: u32 = 10_000;
const CLIENTS: [u32; 4] = [10, 100, 1_000, MOST];
const FEW: [u32; 1] = [1_000];
/// Those that ask beside idle ones.
pub(super) const ASKING: u32 = 64;

pub(super) fn growth(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let mut growth = Growth::begin("Growing: connections");
    let all = places(bench, &CLIENTS, &FEW);
    let crowd = |clients| Crowd { clients, seconds: seconds(bench), read: SELECT, ids: Some(ROWS), ..Crowd::default() };
    let mut command = String::new();
    for clients in &all {
        let proxy = servers::pool_proxy(bench)?;
        post_sql(&proxy, &servers::headers(&[]), &select_body(1))?;
        let whom = Whom::Http(&proxy);
        let held = crowd(*clients).hold(bench, &whom)?;
        settle(bench);
        let idle = resident(&proxy)?;
        let beside = crowd(ASKING).run(bench, &whom)?;
        drop(held);
        let active = crowd(*clients).run(bench, &whom)?;
        let most = most_resident(&proxy)?;
        growth.count(&beside);
        growth.count(&active);
        growth.point("requests/s", "as many idle, 64 more ask", *clients, beside.per_second);
        growth.point("requests/s", "all ask", *clients, active.per_second);
        growth.point("MiB resident", "all idle", *clients, idle);
        growth.point("MiB resident", "all ask", *clients, most);
        growth.row(vec![
            grouped(*clients),
            format!("{:.0}", beside.per_second),
            format!("{:.0}", active.per_second),
            format!("{:.2}", active.p99_ms),
            format!("{idle:.1}"),
            format!("{most:.1}"),
        ]);
        command = crowd(*clients).spelled_out_at_proxy();
    }
    let question = format!(
        "So many connections are open of which each asked once and is idle, and {ASKING} others ask for a random row by primary key, uncached, \
         over {POOL} connections to Postgres; then all of the many ask. What is resident is read while all are idle, and is the most \
         there ever was once all have asked. A new proxy each time."
    );
    let head = vec![
        "connections",
        "requests/s, idle ones beside",
        "requests/s, all ask",
        "p99 of these, ms",
        "MiB, idle",
        "MiB at most",
    ];
    Ok(growth.end("growth-clients", Along::log("connections", &all), question, command, head, Vec::new()))
}
