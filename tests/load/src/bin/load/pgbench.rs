//! pgbench: how it is called and what of its text is kept.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::time::Duration;

use load::Outcome;

use crate::oha::Seen;
use crate::processes;
use crate::setup::Bench;

/// How statements are sent (`--protocol`).
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    /// As text, values in it.
    Simple,
    /// Parsed anew each time.
    Extended,
    /// Prepared once on each connection.
    Prepared,
}

impl Protocol {
    fn word(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Extended => "extended",
            Self::Prepared => "prepared",
        }
    }
}

/// The select of all the others, as pgbench's script has it; ids up to `ids`.
fn script(ids: u32) -> String {
    format!("\\set id random(1, {ids})\nSELECT id, name, email, credits, active FROM bench_users WHERE id = :id;\n")
}

/// Loads the server at this URL: so many clients, each with a connection of its own, who ask for ids up to `ids`.
pub(crate) fn run(
    bench: &Bench,
    url: &str,
    protocol: Protocol,
    (clients, ids): (u32, u32),
    seconds: u32,
) -> Outcome<Seen> {
    let Some(program) = &bench.options.pgbench else { return Err("there is no pgbench".into()) };
    let file = bench.scratch.file("pgbench.sql");
    std::fs::write(&file, script(ids))?;
    let (clients, seconds_text) = (clients.to_string(), seconds.to_string());
    let words = ["--no-vacuum", "--jobs=2", "-M", protocol.word(), "-c", &clients, "-T", &seconds_text, "-f"];
    let mut arguments: Vec<&OsStr> = words.iter().map(OsStr::new).collect();
    arguments.extend([file.as_os_str(), url.as_ref()]);
    let command = processes::command(program, &arguments);
    let patience = Duration::from_secs(u64::from(seconds) + 60);
    parse(&processes::output("pgbench", command, &bench.scratch, patience)?)
}

/// It tells no percentiles without a log of each transaction, so its mean stands for the median.
fn parse(text: &str) -> Outcome<Seen> {
    let after = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let told = |key: &str| after(key).ok_or_else(|| format!("pgbench does not tell `{key}`:\n{text}"));
    let answered = told("number of transactions actually processed: ")?;
    let failures = after("number of failed transactions: ").unwrap_or_default();
    let mut failed = BTreeMap::new();
    if failures > 0.0 {
        failed.insert("failed transactions".to_owned(), whole(failures));
    }
    let mean = told("latency average = ")?;
    let seen = Seen {
        answered: whole(answered),
        failed,
        per_second: told("tps = ")?,
        p50_ms: mean,
        p99_ms: 0.0,
        slowest_ms: 0.0,
    };
    Ok(seen)
}

/// A count that was told as text; it is far below what a float holds exactly.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(count: f64) -> u64 {
    count as u64
}

#[cfg(test)]
mod tests {
    use super::{parse, script};

    #[test]
    fn its_text_is_read() {
        let text = "pgbench (15.8)\ntransaction type: x.sql\nnumber of clients: 64\nnumber of transactions actually processed: 30123\n\
                    number of failed transactions: 2 (0.007%)\nlatency average = 2.100 ms\ninitial connection time = 90.1 ms\n\
                    tps = 30476.190476 (without initial connection time)\n";
        let seen = parse(text).expect("what pgbench says");
        assert_eq!((seen.answered, seen.failures()), (30123, 2));
        assert!((seen.per_second - 30476.19).abs() < 0.01 && (seen.p50_ms - 2.1).abs() < 1e-9);
        assert!(parse("pgbench: error: connection refused").is_err());
    }

    #[test]
    fn ids_are_those_of_the_table() {
        assert!(script(7).starts_with("\\set id random(1, 7)\n"));
    }
}
