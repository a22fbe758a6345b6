//! Part 10: the same requests along one thing that changes: how many clients, how many rows, how many hits, how long an answer,
//! over which transport. Points are short and many; servers take turns at each.

pub(crate) mod answers;
mod clients;
mod hit_rates;
mod transports;

use load::Outcome;
use serde_json::json;

use crate::chart::{Along, Chart, Line, Panel};
use crate::contest::{self, Run};
use crate::crowd::{Crowd, Whom};
use crate::figures::{Asked, Bar};
use crate::http::{Answer, post_sql};
use crate::oha::float;
use crate::report::{Chapter, Findings, Table};
use crate::servers::{self, Server};
use crate::setup::{Bench, progress};

/// Longer than any run.
pub(crate) const TIMED: &[&str] = &["Cache-Control: max-age=86400"];

pub(crate) fn run(bench: &Bench) -> Outcome<Findings> {
    let axes = [clients::axis, answers::rows, hit_rates::axis, answers::payload, transports::axis];
    let mut findings = Findings::default();
    for axis in axes {
        let (chapter, chart) = axis(bench)?;
        findings.chapters.push(chapter);
        findings.charts.push(chart);
    }
    Ok(findings)
}

/// Seconds of each point: there are many.
pub(crate) fn seconds(bench: &Bench) -> u32 {
    bench.options.seconds().div_ceil(4)
}

/// All places of an axis, or those few that show that it works.
pub(crate) fn places<T: Copy>(bench: &Bench, all: &[T], few: &[T]) -> Vec<T> {
    if bench.options.is_quick() { few } else { all }.to_vec()
}

/// Who answers, and out of what.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Hits,
    BareHyper,
    Selects,
    BarePool,
    Mix,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Hits => "pool-proxy, from its cache",
            Self::BareHyper => "bare-hyper, the same bytes",
            Self::Selects => "pool-proxy, from Postgres",
            Self::BarePool => "bare-pool, from Postgres",
            Self::Mix => "pool-proxy",
        }
    }

    /// Whom it is compared with.
    fn yardstick(self) -> Option<Self> {
        match self {
            Self::Hits => Some(Self::BareHyper),
            Self::Selects => Some(Self::BarePool),
            Self::BareHyper | Self::BarePool | Self::Mix => None,
        }
    }

    fn is_yardstick(self) -> bool {
        matches!(self, Self::BareHyper | Self::BarePool)
    }

    /// Of a table: the rate, the rate over the yardstick's, the times, and the CPU with the same beside.
    fn heads(self) -> [&'static str; 5] {
        match self {
            Self::Hits => ["hits/s", "of bare-hyper", "p50, ms", "p99, ms", "CPU each, µs (of bare-hyper)"],
            Self::Selects => ["selects/s", "of bare-pool", "p50, ms", "p99, ms", "CPU each, µs (of bare-pool)"],
            _ => ["requests/s", "", "p50, ms", "p99, ms", "CPU each, µs"],
        }
    }
}

/// What was seen at one place.
struct Point {
    kind: Kind,
    at: f64,
    run: Run,
}

/// One axis while it is measured.
struct Axis<'a> {
    bench: &'a Bench,
    title: &'static str,
    /// Of the plot.
    file: &'static str,
    /// What it counts, with its unit.
    label: &'static str,
    points: Vec<Point>,
}

impl<'a> Axis<'a> {
    fn begin(bench: &'a Bench, title: &'static str, file: &'static str, label: &'static str) -> Self {
        Self { bench, title, file, label, points: Vec::new() }
    }

    /// Loads a server once; of its answers this share is to come out of the proxy's cache.
    fn crowd(&mut self, kind: Kind, at: f64, server: &Server, crowd: &Crowd, share: f64) -> Outcome<()> {
        let seen = crowd.run(self.bench, &Whom::Http(server))?;
        let hits = float(seen.in_time.hits) / float(seen.in_time.all.max(1));
        if !kind.is_yardstick() && (hits - share).abs() > 0.05 {
            return Err(format!("{}: {hits:.3} of the answers were hits at {at}, not {share}", self.title).into());
        }
        let cpu_us = seen.cpu_us;
        self.point(kind, at, Run { server: server.name, cpu_us, behind_us: None, seen: seen.into() });
        Ok(())
    }

    fn point(&mut self, kind: Kind, at: f64, run: Run) {
        progress(&format!(
            "{}: {} at {at}: {:.0} requests/s, {:.1} µs CPU each, {} failed",
            self.title.to_lowercase(),
            kind.name(),
            run.seen.per_second,
            run.cpu_us,
            run.seen.failures()
        ));
        self.points.push(Point { kind, at, run });
    }

    /// Whether the yardsticks take part: a quick run has them at the first place of the first axis alone.
    fn has_yardsticks(&self) -> bool {
        !self.bench.options.is_quick() || self.file == clients::FILE && self.points.is_empty()
    }

    fn kinds(&self) -> Vec<Kind> {
        let mut kinds: Vec<Kind> = Vec::new();
        for point in &self.points {
            if !kinds.contains(&point.kind) {
                kinds.push(point.kind);
            }
        }
        kinds
    }

    fn of(&self, kind: Kind, at: f64) -> Option<&Run> {
        let is_it = |point: &&Point| point.kind == kind && point.at.total_cmp(&at).is_eq();
        self.points.iter().find(is_it).map(|point| &point.run)
    }

    /// A row for each place, and in it what the proxy came to.
    fn table(&self, along: &Along) -> Table {
        let kinds: Vec<_> = self.kinds().into_iter().filter(|kind| !kind.is_yardstick()).collect();
        let mut head = vec![self.label];
        for kind in &kinds {
            head.extend(kind.heads().into_iter().filter(|head| !head.is_empty()));
        }
        let row = |(at, name): &(f64, String)| {
            let mut row = vec![name.clone()];
            for kind in &kinds {
                row.extend(self.cells(*kind, *at));
            }
            row
        };
        Table { head, rows: along.places.iter().map(row).collect() }
    }

    fn cells(&self, kind: Kind, at: f64) -> Vec<String> {
        let figure = |of: fn(&Run) -> String| self.of(kind, at).map_or_else(|| "-".to_owned(), of);
        let over = |of: fn(&Run) -> f64| -> Option<String> {
            Some(format!("{:.2}", of(self.of(kind, at)?) / of(self.of(kind.yardstick()?, at)?)))
        };
        let mut cells = vec![figure(|run| format!("{:.0}", run.seen.per_second))];
        if kind.yardstick().is_some() {
            cells.push(over(contest::per_second).unwrap_or("-".to_owned()));
        }
        cells.push(figure(|run| format!("{:.2}", run.seen.p50_ms)));
        cells.push(figure(|run| format!("{:.2}", run.seen.p99_ms)));
        let beside = over(contest::cpu).map_or_else(String::new, |ratio| format!(" ({ratio})"));
        cells.push(figure(|run| format!("{:.1}", run.cpu_us)) + &beside);
        cells
    }

    fn chart(&self, along: Along) -> Chart {
        let panel = |figure: &str, of: fn(&Run) -> f64| {
            let line = |kind: Kind| Line {
                name: kind.name().to_owned(),
                is_yardstick: kind.is_yardstick(),
                points: along.places.iter().filter_map(|(at, _)| Some((*at, of(self.of(kind, *at)?)))).collect(),
            };
            Panel { figure: figure.to_owned(), lines: self.kinds().into_iter().map(line).collect() }
        };
        let panels = vec![
            panel("requests/s", contest::per_second),
            panel("CPU of the server per request, µs", contest::cpu),
            panel("p50, ms", |run| run.seen.p50_ms),
            panel("p99, ms", |run| run.seen.p99_ms),
        ];
        Chart { chapter: self.title, file: self.file, title: self.title.to_owned(), along, panels }
    }

    /// What failed, and where.
    fn failures(&self) -> impl Iterator<Item = String> {
        let failed = |point: &Point| {
            let Run { seen, .. } = &point.run;
            let (name, at) = (point.kind.name(), point.at);
            seen.failed.iter().map(|(what, count)| format!("{name}, at {at}: {count} x {what}.")).collect::<Vec<_>>()
        };
        self.points.iter().flat_map(failed)
    }

    fn end(self, along: Along, question: &str, command: String, mut notes: Vec<String>) -> (Chapter, Chart) {
        let failed = self.points.iter().map(|point| point.run.seen.failures()).sum();
        notes.extend(self.failures());
        let chapter = Chapter {
            title: self.title,
            question: format!("{question} Each point is one round of {} s.", seconds(self.bench)),
            command,
            bars: vec![Bar::of("failed requests, all servers and points", float(failed), Asked::AtMost(0.0))],
            standings: Vec::new(),
            rounds: Vec::new(),
            tables: vec![self.table(&along)],
            crowds: Vec::new(),
            notes,
        };
        (chapter, self.chart(along))
    }
}

/// The body that the crowd sends, byte for byte: an entry of the cache belongs to it.
fn body(sql: &str, id: Option<u32>) -> String {
    let params: Vec<_> = id.iter().map(u32::to_string).collect();
    json!({ "query": sql, "params": params }).to_string()
}

/// Has the proxy keep an answer; hands it back as it comes out of the cache.
fn keep(proxy: &Server, body: &str) -> Outcome<Answer> {
    let headers = servers::headers(TIMED);
    post_sql(proxy, &headers, body)?;
    let answer = post_sql(proxy, &headers, body)?;
    if answer.is_hit() {
        return Ok(answer);
    }
    Err(format!("the proxy keeps no answer to {body}: Cache-Status says `{}`", answer.cache_status()).into())
}

/// A server that gives the same bytes and does nothing else.
fn bare_hyper(bench: &Bench, answer: &Answer) -> Outcome<Server> {
    let bytes = bench.scratch.file("hit");
    std::fs::write(&bytes, &answer.body)?;
    servers::bare_hyper(bench, &bytes, answer.header("content-type").unwrap_or("application/json"), None)
}

/// One uncounted second, so that connections to Postgres and statements are there.
fn warm_up(bench: &Bench, servers: &[&Server], crowd: &Crowd) -> Outcome<()> {
    if bench.options.is_quick() {
        return Ok(());
    }
    for server in servers {
        Crowd { clients: 64, seconds: 1, ..crowd.clone() }.run(bench, &Whom::Http(server))?;
    }
    Ok(())
}
