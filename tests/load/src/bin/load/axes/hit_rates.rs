//! How many of the requests are answered out of the cache.

use load::Outcome;

use super::{Axis, Kind, TIMED, places, seconds, warm_up};
use crate::chart::{Along, Chart};
use crate::crowd::{Crowd, Spread, Whom};
use crate::report::Chapter;
use crate::servers::{self, POOL};
use crate::setup::{Bench, SELECT};

const CLIENTS: u32 = 64;
/// Rows that are asked for; all of them are in the cache.
const IDS: u32 = 1_000;
/// Percent of hits, and one request of how many is none.
const RATES: [(u32, Option<u32>); 4] = [(0, Some(1)), (50, Some(2)), (95, Some(20)), (100, None)];

pub(super) fn axis(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let mut axis = Axis::begin(bench, "Along the share of hits", "hit-rates", "hits, %");
    let proxy = servers::pool_proxy(bench)?;
    let select = Crowd { clients: CLIENTS, seconds: seconds(bench), read: SELECT, ids: Some(IDS), ..Crowd::default() };
    let fill = Crowd { seconds: 60, spread: Spread::Each, headers: TIMED, ..select.clone() };
    fill.run(bench, &Whom::Http(&proxy))?;
    warm_up(bench, &[&proxy], &select)?;
    let all = places(bench, &RATES, &RATES[1..2]);
    let mut command = String::new();
    for (percent, one_of) in &all {
        // What is called a write here is the same select, without the wish that it be kept.
        let mix = Crowd { write: one_of.map(|_| SELECT), one_of: *one_of, read_headers: TIMED, ..select.clone() };
        axis.crowd(Kind::Mix, f64::from(*percent), &proxy, &mix, f64::from(*percent) / 100.0)?;
        command = mix.spelled_out_at_proxy();
    }
    let question = format!(
        "{CLIENTS} clients ask for a random one of {IDS} rows by primary key. All are in the cache; this share of the requests asks for \
         what is kept, and the others are run by Postgres, over {POOL} connections."
    );
    let rates: Vec<_> = all.iter().map(|(percent, _)| *percent).collect();
    Ok(axis.end(Along::linear("hits among all requests, %", &rates), &question, command, Vec::new()))
}
