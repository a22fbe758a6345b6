//! Part 9: the history checker of the tests (`tests/suites/coherence/history.rs`), for long: concurrent writers and readers at two
//! proxies and around them, with accidents, in which no answer may be older than its client knows to be possible.

use std::ffi::OsStr;
use std::time::{Duration, Instant};

use load::Outcome;

use crate::figures::{Asked, Bar};
use crate::processes;
use crate::report::{Chapter, Table};
use crate::setup::{Bench, progress};

/// The test, and what its own binary is told.
const TEST: &str = "coherence::history::no_answer_is_ever_too_old";
const ARGUMENTS: [&str; 3] = ["--exact", TEST, "--nocapture"];
const READS: u32 = 1_000_000;
const QUICK: u32 = 2_000;
/// Longer than any machine takes.
const PATIENCE: Duration = Duration::from_hours(2);

/// What the test says at its end, in the order in which it does.
const SAID: [&str; 5] = ["reads", "wrong", "hits", "writes", "accidents"];

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let wanted = if bench.options.is_quick() { QUICK } else { READS };
    let suites = bench.options.suites.as_deref().ok_or("SUITES_BIN names no binary of the tests")?;
    progress(&format!("history: {wanted} reads; this takes some minutes"));
    let mut command = processes::command(suites, &ARGUMENTS.map(OsStr::new));
    command.env("POOL_PROXY_TEST_READS", wanted.to_string()).env("POOL_PROXY_BIN", bench.options.proxy_binary()?);
    let since = Instant::now();
    let output = processes::output("history", command, &bench.scratch, PATIENCE)?;
    let seconds = since.elapsed().as_secs_f64();
    let Some((seed, said)) = parse(&output) else {
        return Err(format!("the history checker did not say what it saw:\n{output}").into());
    };
    progress(&format!("history: {seconds:.0} s, seed {seed}"));
    let [reads, wrong, ..] = said;
    Ok(Chapter {
        title: "Kept until it changes: a long history",
        question: format!(
            "Writers and readers at two proxies and past them, over tables with a view, a trigger, a cascade and partitions; the stream is \
             delayed and killed, connections are cut, Postgres is restarted, a table is truncated, a view made anew. Every answer is held \
             against what its client knows. {seconds:.0} s; the seed was {seed}."
        ),
        command: format!("POOL_PROXY_TEST_SEED={seed} POOL_PROXY_TEST_READS={wanted} cargo xtask test {TEST}"),
        bars: vec![
            Bar::of("reads that were checked", reads, Asked::AtLeast(f64::from(wanted))),
            Bar::of("answers too old, torn or from nowhere", wrong, Asked::AtMost(0.0)),
        ],
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table {
            head: SAID.to_vec(),
            rows: vec![said.iter().map(|count| format!("{count:.0}")).collect()],
        }],
        crowds: Vec::new(),
        notes: Vec::new(),
    })
}

/// The seed, and the counts of the last line, such as `history: 7 reads, 0 wrong, 3 hits, 2 writes, 1 accidents`.
fn parse(output: &str) -> Option<(&str, [f64; SAID.len()])> {
    let seed = output.lines().find_map(|line| line.trim().strip_prefix("POOL_PROXY_TEST_SEED="))?;
    let line = output.lines().find_map(|line| line.trim().strip_prefix("history: "))?;
    let mut said = [0.0; SAID.len()];
    for ((said, name), part) in said.iter_mut().zip(SAID).zip(line.split(", ")) {
        *said = part.strip_suffix(name)?.trim().parse().ok()?;
    }
    Some((seed, said))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn what_it_saw_is_read() {
        let output = "running 1 test\nPOOL_PROXY_TEST_SEED=77\nhistory: 7 reads, 0 wrong, 3 hits, 2 writes, 1 accidents\ntest ok";
        assert_eq!(parse(output), Some(("77", [7.0, 0.0, 3.0, 2.0, 1.0])));
        assert_eq!(parse("POOL_PROXY_TEST_SEED=77\nhistory: many"), None);
    }
}
