//! Reads and writes together, few rows most of the time: how many reads are hits, and what that brings.

use load::Outcome;

use super::{CLIENTS, Mode, Side, failures, hits, hits_of_reads, per_second, ratio, rounds};
use crate::clients::UPDATE;
use crate::crowd::{Crowd, CrowdSeen, Spread};
use crate::figures::{Asked, Bar};
use crate::report::Chapter;
use crate::setup::{Bench, ROWS, SELECT};

/// The same row by a condition that is no equality with a parameter: it depends on all of the table.
const UNPINNED: &str = "SELECT id, name, email, credits, active FROM bench_users WHERE id = $1 + 0";
/// One request of so many writes.
const ONE_OF: u32 = 20;
/// As in YCSB (<https://doi.org/10.1145/1807128.1807152>).
const EXPONENT: f64 = 0.99;

/// The places of the sides in a round.
const UNCACHED: usize = 0;
const HITS: usize = 1;
const BY_TABLE: usize = 2;
const BY_ROW: usize = 3;

pub(super) fn chapter(bench: &Bench) -> Outcome<Chapter> {
    let by_row = Crowd {
        clients: CLIENTS,
        seconds: bench.options.seconds(),
        read: SELECT,
        write: Some(UPDATE),
        one_of: Some(ONE_OF),
        ids: Some(ROWS),
        spread: Spread::Zipf(EXPONENT),
        ..Crowd::default()
    };
    let by_table = Crowd { read: UNPINNED, ..by_row.clone() };
    let only_hits = Crowd { write: None, one_of: None, ..by_row.clone() };
    let side = |name, mode, crowd: &Crowd| Side { name, mode, crowd: crowd.clone(), warm_up: 1, is_full: false };
    let sides = [
        side("uncached", Mode::Ask, &by_row),
        Side { is_full: true, ..side("hits alone", Mode::Auto, &only_hits) },
        side("kept by table", Mode::Auto, &by_table),
        Side { is_full: true, ..side("kept by row", Mode::Auto, &by_row) },
    ];
    let rounds = rounds(bench, "mix", &sides)?;
    let told = |name: &str, side: usize| {
        let hits = rounds.iter().map(|round| hits_of_reads(&round[side])).collect();
        Bar::of_rounds(format!("hits of reads, {name}"), hits, Asked::Nothing)
    };
    let allowed = |name: &str, side: usize| {
        let shares = rounds.iter().map(|round| round[side].per_second / allowed(round, side)).collect();
        Bar::of_rounds(format!("requests/s, {name} / what its hits allow"), shares, Asked::AtLeast(0.9))
    };
    let bars = vec![
        told("kept by table", BY_TABLE),
        told("kept by row", BY_ROW),
        ratio(&rounds, "requests/s", per_second, (BY_TABLE, UNCACHED), Asked::Nothing),
        ratio(&rounds, "requests/s", per_second, (BY_ROW, UNCACHED), Asked::Nothing),
        allowed("kept by table", BY_TABLE),
        allowed("kept by row", BY_ROW),
        failures(&rounds),
    ];
    Ok(super::chapter(
        "Kept until it changes: reads and writes",
        format!(
            "{CLIENTS} clients; one request of {ONE_OF} updates a row, the others select one, by the primary key of {ROWS} rows, drawn by \
             Zipf's law (exponent {EXPONENT}). Uncached, and kept until it changes: with `id = $1` an answer depends on its row, with \
             `id = $1 + 0` on all of the table. By row, and for hits alone, it is measured in a cache that all rows have been read into once.",
        ),
        by_row.spelled_out_at_proxy(),
        bars,
        rounds,
        vec![
            "What the hits allow: with h the share of hits among all requests, 1 / (h / H + (1 - h) / U) requests/s, where H is what hits \
             of the same rows alone come to and U the mix uncached. So a read that is kept is held to the cost of one that is not."
                .to_owned(),
        ],
    ))
}

/// Requests per second if hits cost what hits alone cost, and all else what it costs uncached.
fn allowed(round: &[CrowdSeen], side: usize) -> f64 {
    let share = hits(&round[side]);
    1.0 / (share / round[HITS].per_second + (1.0 - share) / round[UNCACHED].per_second)
}
