//! What a single thing costs where answers are kept until they change, beside the same where they are not.

use load::Outcome;

use super::{CLIENTS, Mode, Side, chapter, cpu, failures, ratio, rounds, table};
use crate::clients::UPDATE;
use crate::crowd::Crowd;
use crate::figures::Asked;
use crate::report::Chapter;
use crate::setup::{Bench, ROWS, SELECT};

/// The row of part 1.
const ROW: &str = "SELECT id, name, email, credits, active FROM bench_users WHERE id = 4711";

/// Hits: by the clock as clients ask for them, and until they change.
pub(super) fn hits(bench: &Bench) -> Outcome<Chapter> {
    let crowd = Crowd { clients: CLIENTS, seconds: bench.options.seconds(), read: ROW, ..Crowd::default() };
    let timed = Crowd { headers: &["Cache-Control: max-age=600"], ..crowd.clone() };
    let sides = [
        Side { name: "kept for ten minutes", mode: Mode::Ask, crowd: timed, warm_up: 1, is_full: false },
        Side { name: "kept until it changes", mode: Mode::Auto, crowd: crowd.clone(), warm_up: 1, is_full: false },
    ];
    let rounds = rounds(bench, "hits", &sides)?;
    let bars = vec![
        ratio(&rounds, "CPU per hit", cpu, (1, 0), Asked::AtMost(1.1)),
        ratio(&rounds, "time per hit", |seen| 1.0 / seen.per_second, (1, 0), Asked::AtMost(1.1)),
        failures(&rounds),
    ];
    Ok(chapter(
        "Kept until it changes: hits",
        format!(
            "{CLIENTS} clients ask for the same cached row: kept for as long as they say, and, with no word from them, until it changes."
        ),
        crowd.spelled_out_at_proxy(),
        bars,
        rounds,
        Vec::new(),
    ))
}

/// Updates, of which nothing is kept, by a proxy that knows what they change and one that does not.
pub(super) fn writes(bench: &Bench) -> Outcome<Chapter> {
    let crowd = Crowd { read: UPDATE, ..uncached(bench) };
    let alone = rounds(bench, "one writer", &sides(&Crowd { clients: 1, ..crowd.clone() }))?;
    let rounds = rounds(bench, "writes", &sides(&crowd))?;
    let bars = vec![
        ratio(&rounds, "time per write", |seen| 1.0 / seen.per_second, (1, 0), Asked::AtMost(1.2)),
        ratio(&rounds, "CPU per write", cpu, (1, 0), Asked::Nothing),
        ratio(&alone, "p50 of a client alone", |seen| seen.p50_ms, (1, 0), Asked::AtMost(1.2)),
        failures(&rounds),
        failures(&alone),
    ];
    let beside = table(&alone);
    let mut chapter = chapter(
        "Kept until it changes: writes",
        format!(
            "{CLIENTS} clients, and then one alone, update a random row of {ROWS} by its primary key, with `cache.mode` ask and auto. With auto each is asked \
             in the same flight how far the log is, and its change comes back by the change stream, whose sender is Postgres's own: all \
             of that is in the time, since all share the cores."
        ),
        crowd.spelled_out_at_proxy(),
        bars,
        rounds,
        vec!["The cluster does not wait for the disk (`fsync = off`): where it does, a write takes longer and the difference is less.".to_owned()],
    );
    // A client alone waits for the answer to what is asked behind; with many, all of the work on all sides is in the time.
    chapter.tables.push(beside);
    chapter.crowds.extend(alone.into_iter().flatten());
    Ok(chapter)
}

/// Reads that are not to be kept: their clients, too, must see nothing older afterwards.
pub(super) fn reads(bench: &Bench) -> Outcome<Chapter> {
    let crowd = Crowd { read: SELECT, headers: &["Cache-Control: no-store"], ..uncached(bench) };
    let rounds = rounds(bench, "uncached reads", &sides(&crowd))?;
    let bars = vec![
        ratio(&rounds, "time per uncached read", |seen| 1.0 / seen.per_second, (1, 0), Asked::Nothing),
        ratio(&rounds, "CPU per uncached read", cpu, (1, 0), Asked::Nothing),
        failures(&rounds),
    ];
    Ok(chapter(
        "Kept until it changes: uncached reads",
        format!(
            "{CLIENTS} clients ask for a random row of {ROWS} by its primary key and forbid to keep it, with `cache.mode` ask and auto."
        ),
        crowd.spelled_out_at_proxy(),
        bars,
        rounds,
        Vec::new(),
    ))
}

fn uncached(bench: &Bench) -> Crowd {
    Crowd { clients: CLIENTS, seconds: bench.options.seconds(), ids: Some(ROWS), ..Crowd::default() }
}

fn sides(crowd: &Crowd) -> [Side; 2] {
    let side = |name, mode| Side { name, mode, crowd: crowd.clone(), warm_up: 1, is_full: false };
    [side("ask", Mode::Ask), side("auto", Mode::Auto)]
}
