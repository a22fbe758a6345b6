//! How large an answer is: in rows, and in bytes of one value.

use load::Outcome;

use super::{Axis, Kind, TIMED, bare_hyper, body, keep, places, seconds, warm_up};
use crate::chart::{Along, Chart};
use crate::crowd::Crowd;
use crate::http::post_sql;
use crate::report::Chapter;
use crate::servers::{self, Server};
use crate::setup::Bench;

/// Fewer than elsewhere: each may hold two answers of 5 MiB on its way.
const CLIENTS: u32 = 16;
/// Ids that the first row of an answer may have: all rows that follow are there.
pub(crate) const FIRST: u32 = 50_000;

/// What is asked for at one place.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub(crate) at: u32,
    name: &'static str,
    pub(crate) sql: &'static str,
    /// Of the uncached: `$1` is one of so many.
    ids: Option<u32>,
}

macro_rules! rows {
    ($count:literal, $digits:literal, $name:literal) => {
        Place {
            at: $count,
            name: $name,
            sql: concat!(
                "SELECT id, name, email, credits, active FROM bench_users WHERE id >= $1 ORDER BY id LIMIT ",
                $digits
            ),
            ids: Some(FIRST),
        }
    };
}

macro_rules! bytes {
    ($count:literal, $digits:literal, $name:literal) => {
        Place { at: $count, name: $name, sql: concat!("SELECT repeat('x', ", $digits, ") AS text"), ids: None }
    };
}

pub(crate) const ROWS: [Place; 5] = [
    rows!(1, "1", "1"),
    rows!(10, "10", "10"),
    rows!(100, "100", "100"),
    rows!(1_000, "1000", "1,000"),
    rows!(10_000, "10000", "10,000"),
];
const BYTES: [Place; 6] = [
    bytes!(100, "100", "100 B"),
    bytes!(1_024, "1024", "1 KiB"),
    bytes!(10_240, "10240", "10 KiB"),
    bytes!(102_400, "102400", "100 KiB"),
    bytes!(1_048_576, "1048576", "1 MiB"),
    bytes!(5_242_880, "5242880", "5 MiB"),
];

pub(super) fn rows(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let axis = Axis::begin(bench, "Along the rows of an answer", "rows", "rows");
    let question = format!(
        "{CLIENTS} clients ask for so many rows by primary key, of about 90 bytes each as JSON: the same cached ones, and some that \
         begin at a random id and are not cached."
    );
    measure(axis, &places(bench, &ROWS, &ROWS[3..4]), "rows of an answer", &question, Vec::new())
}

pub(super) fn payload(bench: &Bench) -> Outcome<(Chapter, Chart)> {
    let axis = Axis::begin(bench, "Along the length of an answer", "payload", "bytes");
    let question = format!(
        "{CLIENTS} clients ask for one row with one text of so many bytes, which Postgres makes; cached, and not. They do not ask for \
         gzip."
    );
    let notes = vec![
        "The text has nothing in it that JSON would have to escape. 5 MiB is half of what an answer may have by default.".to_owned(),
    ];
    measure(axis, &places(bench, &BYTES, &BYTES[3..4]), "bytes of the value", &question, notes)
}

fn measure(
    mut axis: Axis<'_>,
    all: &[Place],
    label: &str,
    question: &str,
    notes: Vec<String>,
) -> Outcome<(Chapter, Chart)> {
    let bench = axis.bench;
    let (proxy, pool) = (servers::pool_proxy(bench)?, servers::bare_pool(bench)?);
    let mut command = String::new();
    for (number, place) in all.iter().enumerate() {
        let at = f64::from(place.at);
        let select =
            Crowd { clients: CLIENTS, seconds: seconds(bench), read: place.sql, ids: place.ids, ..Crowd::default() };
        let hit = Crowd { ids: place.ids.map(|_| 1), headers: TIMED, ..select.clone() };
        let body = body(place.sql, place.ids.map(|_| 1));
        let kept = keep(&proxy, &body)?;
        expect_same(&proxy, &pool, &body)?;
        if number == 0 {
            warm_up(bench, &[&proxy, &pool], &select)?;
        }
        let has_yardsticks = axis.has_yardsticks();
        axis.crowd(Kind::Hits, at, &proxy, &hit, 1.0)?;
        if has_yardsticks {
            let hyper = bare_hyper(bench, &kept)?;
            axis.crowd(Kind::BareHyper, at, &hyper, &hit, 0.0)?;
        }
        axis.crowd(Kind::Selects, at, &proxy, &select, 0.0)?;
        if has_yardsticks {
            axis.crowd(Kind::BarePool, at, &pool, &select, 0.0)?;
        }
        command = select.spelled_out_at_proxy();
    }
    let places = all.iter().map(|place| (f64::from(place.at), place.name.to_owned())).collect();
    let along = Along { label: label.to_owned(), is_log: true, is_continuous: true, places };
    Ok(axis.end(along, question, command, notes))
}

/// Both read it from Postgres, and answer alike.
fn expect_same(proxy: &Server, pool: &Server, body: &str) -> Outcome<()> {
    let headers = servers::headers(&[]);
    let (one, other) = (post_sql(proxy, &headers, body)?, post_sql(pool, &headers, body)?);
    if one.is_hit() || one.json()? != other.json()? {
        return Err(format!("to {body} {} does not answer what {} does", pool.name, proxy.name).into());
    }
    Ok(())
}
