//! What it takes to know what kept answers were read from.

use std::thread::sleep;

use load::Outcome;

use super::{Mode, start};
use crate::crowd::{Crowd, Spread, Whom};
use crate::figures::{Asked, Bar};
use crate::oha::float;
use crate::report::{Chapter, Table};
use crate::setup::{Bench, ROWS, SELECT, progress};

/// The same row as one that depends on all of the table.
const UNPINNED: &str = "SELECT id, name, email, credits, active FROM bench_users WHERE id = $1 + 0";
/// Longer than any run.
const TIMED: &[&str] = &["Cache-Control: max-age=86400"];

pub(super) fn chapter(bench: &Bench) -> Outcome<Chapter> {
    let entries = if bench.options.is_quick() { ROWS / 20 } else { ROWS };
    let each = Crowd {
        clients: 64,
        // It ends by itself, long before.
        seconds: 600,
        read: SELECT,
        ids: Some(entries),
        spread: Spread::Each,
        ..Crowd::default()
    };
    let kept = [
        ("kept for a day", Mode::Ask, Crowd { headers: TIMED, ..each.clone() }),
        ("kept by row", Mode::Auto, each.clone()),
        ("kept by table", Mode::Auto, Crowd { read: UNPINNED, ..each.clone() }),
    ];
    let mut rows = Vec::new();
    let mut grown = Vec::new();
    for (name, mode, crowd) in kept {
        let (before, after) = measure(bench, name, mode, &crowd)?;
        // Of so many, were there fewer.
        let mib = (float(after) - float(before)) / 1024.0 * f64::from(ROWS) / f64::from(entries);
        progress(&format!("coherence memory: {name}: {mib:.1} MiB for {ROWS} entries"));
        rows.push(vec![name.to_owned(), format!("{:.1}", float(before) / 1024.0), format!("{mib:.1}")]);
        grown.push(mib);
    }
    let bar = |name: &str, value| Bar::of(format!("MiB per {ROWS} entries, {name}"), value, Asked::Nothing);
    Ok(Chapter {
        title: "Kept until it changes: memory",
        question: format!(
            "{entries} different rows are asked for, once each. What is resident more than before: entries that are kept for a day, that \
             are kept until their row changes, and until their table does. What the last two take more is the index by what they \
             were read from, and the snapshots of their queries."
        ),
        command: each.spelled_out_at_proxy(),
        bars: vec![
            bar("kept for a day", grown[0]),
            bar("the index by row", grown[1] - grown[0]),
            bar("the index by table", grown[2] - grown[0]),
        ],
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table { head: vec!["entries", "MiB before", "MiB per 100,000 entries"], rows }],
        crowds: Vec::new(),
        notes: Vec::new(),
    })
}

/// KiB resident before and after.
fn measure(bench: &Bench, name: &'static str, mode: Mode, crowd: &Crowd) -> Outcome<(u64, u64)> {
    let proxy = start(bench, name, mode)?;
    let whom = Whom::Http(&proxy);
    // As many clients and connections to Postgres as there will be, so that what each takes is there already.
    let others = Crowd { seconds: 1, spread: Spread::Even, headers: &["Cache-Control: no-store"], ..crowd.clone() };
    if !bench.options.is_quick() {
        others.run(bench, &whom)?;
    }
    sleep(bench.options.settling());
    let before = proxy.process.memory()?.now_kib;
    crowd.run(bench, &whom)?;
    sleep(bench.options.settling());
    Ok((before, proxy.process.memory()?.now_kib))
}
