//! How many clients ask at once.

use load::Outcome;

use super::{Axis, Kind, TIMED, bare_hyper, body, keep, places, seconds, warm_up};
use crate::chart::{Along, Chart};
use crate::crowd::Crowd;
use crate::report::Chapter;
use crate::servers::{self, POOL};
use crate::setup::{Bench, ROWS, SELECT};

/// The plot.
pub(super) const FILE: &str = "clients";
const CLIENTS: [u32; 5] = [1, 10, 100, 1_000, 10_000];
const FEW: [u32; 2] = [1, 1_000];

pub(super) fn axis(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let mut axis = Axis::begin(bench, "Along the number of clients", FILE, "clients");
    let (proxy, pool) = (servers::pool_proxy(bench)?, servers::bare_pool(bench)?);
    let hyper = bare_hyper(bench, &keep(&proxy, &body(SELECT, Some(1)))?)?;
    let select = Crowd { seconds: seconds(bench), read: SELECT, ids: Some(ROWS), ..Crowd::default() };
    let hit = Crowd { ids: Some(1), headers: TIMED, ..select.clone() };
    warm_up(bench, &[&proxy, &pool], &select)?;
    let all = places(bench, &CLIENTS, &FEW);
    let mut command = String::new();
    for clients in &all {
        let at = f64::from(*clients);
        let (select, hit) = (Crowd { clients: *clients, ..select.clone() }, Crowd { clients: *clients, ..hit.clone() });
        let has_yardsticks = axis.has_yardsticks();
        axis.crowd(Kind::Hits, at, &proxy, &hit, 1.0)?;
        if has_yardsticks {
            axis.crowd(Kind::BareHyper, at, &hyper, &hit, 0.0)?;
        }
        axis.crowd(Kind::Selects, at, &proxy, &select, 0.0)?;
        if has_yardsticks {
            axis.crowd(Kind::BarePool, at, &pool, &select, 0.0)?;
        }
        command = hit.spelled_out_at_proxy();
    }
    let question = format!(
        "Each client has a connection of its own, asks, waits and asks again: for one cached row, and for a random row that is not \
         cached, of {ROWS} over {POOL} connections."
    );
    let notes = vec![
        "More clients than the cores can serve wait in line, which is what their times grow by; requests/s should stay.".to_owned(),
    ];
    Ok(axis.end(Along::log("clients", &all), &question, command, notes))
}
