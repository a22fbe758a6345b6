//! `pool-proxy coherence`, run as an operator does.

use crate::config::{printed, run};

/// What it prints, of a run that goes well.
#[track_caller]
pub(super) fn coherence(does: &str, url: &str) -> String {
    let (out, err, code) = attempt(&["coherence", does, "--database", "default"], url);
    assert_eq!(code, Some(0), "{out}{err}");
    assert_eq!(err, "", "{out}");
    out
}

/// What it prints on standard output and error, and its exit code.
pub(super) fn attempt(arguments: &[&str], url: &str) -> (String, String, Option<i32>) {
    let variables =
        [("DATABASE_URL", url), ("POOL_PROXY_KEY", "a key of the tests"), ("POOL_PROXY_CACHE_MODE", "auto")];
    let answer = run(arguments, &variables);
    let (out, err) = printed(&answer);
    (out, err, answer.status.code())
}

/// What is said of each table.
pub(super) fn told(out: &str) -> Vec<(&str, &str)> {
    let lines = out.lines().filter(|line| line.starts_with("  public."));
    lines.map(|line| line.trim().split_once("  ").map_or((line, ""), |(name, state)| (name, state.trim()))).collect()
}

/// The SQL that is printed.
pub(super) fn sql(out: &str) -> Vec<String> {
    let from = out.lines().skip_while(|line| *line != "BEGIN;");
    from.collect::<Vec<_>>()
        .join("\n")
        .split_terminator(";\n")
        .map(|line| line.trim_end_matches(';').to_owned())
        .collect()
}
