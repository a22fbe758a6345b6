//! Part 11: what becomes of speed and memory when there is more of something: connections, rows, answers in the cache, tags.

mod clients;
mod entries;
mod rows;
mod tags;

use std::thread::sleep;

use load::Outcome;

use crate::axes::{TIMED, places, seconds};
use crate::chart::{Along, Chart, Line, Panel};
use crate::crowd::CrowdSeen;
use crate::figures::{Asked, Bar};
use crate::http;
use crate::oha::float;
use crate::report::{Chapter, Findings, Table};
use crate::servers::Server;
use crate::setup::{Bench, progress};

pub(crate) fn run(bench: &Bench) -> Outcome<Findings> {
    let mut findings = Findings::default();
    for part in [clients::growth, rows::growth, entries::growth, tags::growth] {
        let (chapter, chart) = part(bench)?;
        findings.chapters.push(chapter);
        findings.charts.push(chart);
    }
    Ok(findings)
}

/// Until answers are on their way and buffers are given back.
fn settle(bench: &Bench) {
    sleep(bench.options.settling());
}

/// MiB resident now.
fn resident(server: &Server) -> Outcome<f64> {
    Ok(float(server.process.memory()?.now_kib) / 1024.0)
}

/// MiB resident at most so far.
fn most_resident(server: &Server) -> Outcome<f64> {
    Ok(float(server.process.memory()?.peak_kib) / 1024.0)
}

/// Answers that a proxy says it holds.
fn held(bench: &Bench, proxy: &Server) -> Outcome<u64> {
    let ready = std::fs::read_to_string(bench.scratch.file(&format!("{}.ready", proxy.name)))?;
    let ready: serde_json::Value = serde_json::from_str(&ready)?;
    let operators = ready["ops_listen"].as_str().ok_or("the ready file names no operators' listener")?;
    let metrics = String::from_utf8(http::get(operators, "/metrics")?.body)?;
    let line = metrics.lines().find_map(|line| line.strip_prefix("pool_proxy_cache_entries "));
    Ok(line.ok_or("the proxy does not tell how many answers it holds")?.trim().parse()?)
}

/// What is written down while it is measured.
struct Growth {
    title: &'static str,
    panels: Vec<Panel>,
    rows: Vec<Vec<String>>,
    failed: u64,
}

impl Growth {
    fn begin(title: &'static str) -> Self {
        Self { title, panels: Vec::new(), rows: Vec::new(), failed: 0 }
    }

    /// A point of a figure's line.
    fn point(&mut self, figure: &str, line: &str, at: u32, value: f64) {
        let new = || Panel { figure: figure.to_owned(), lines: Vec::new() };
        let panel = found(&mut self.panels, |panel| panel.figure == figure, new);
        let new = || Line { name: line.to_owned(), is_yardstick: false, points: Vec::new() };
        found(&mut panel.lines, |known| known.name == line, new).points.push((f64::from(at), value));
    }

    /// A row of the table; what it begins with is told at once, too.
    fn row(&mut self, row: Vec<String>) {
        progress(&format!("{}: {}", self.title.to_lowercase(), row.join(", ")));
        self.rows.push(row);
    }

    /// Nothing may fail; else figures mean nothing.
    fn count(&mut self, seen: &CrowdSeen) {
        self.failed += seen.failures() + seen.refusals();
    }

    fn end(
        self,
        file: &'static str,
        along: Along,
        question: String,
        command: String,
        head: Vec<&'static str>,
        notes: Vec<String>,
    ) -> (Chapter, Chart) {
        let chapter = Chapter {
            title: self.title,
            question,
            command,
            bars: vec![Bar::of("failed requests", float(self.failed), Asked::AtMost(0.0))],
            standings: Vec::new(),
            rounds: Vec::new(),
            tables: vec![Table { head, rows: self.rows }],
            crowds: Vec::new(),
            notes,
        };
        let (chapter_title, title) = (self.title, self.title.to_owned());
        (chapter, Chart { chapter: chapter_title, file, title, along, panels: self.panels })
    }
}

/// The one that is looked for; if there is none, a new one.
fn found<T>(all: &mut Vec<T>, is_it: impl Fn(&T) -> bool, new: impl FnOnce() -> T) -> &mut T {
    let place = all.iter().position(is_it).unwrap_or_else(|| {
        all.push(new());
        all.len() - 1
    });
    &mut all[place]
}
