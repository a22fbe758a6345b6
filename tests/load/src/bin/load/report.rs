//! All that a run found out, and where it is written: report.json for programs, report.md for people.

use std::path::Path;
use std::time::SystemTime;

use load::Outcome;
use serde::Serialize;

use crate::chart::Chart;
use crate::contest::{Run, Standing};
use crate::crowd::CrowdSeen;
use crate::figures::Bar;
use crate::machine::{self, Machine, Versions};
use crate::markdown;
use crate::plot;
use crate::setup::{Bench, progress};

/// The whole report.
#[derive(Serialize)]
pub(crate) struct Report {
    pub(crate) date: String,
    /// True when the run was too short to mean anything.
    pub(crate) quick: bool,
    pub(crate) rounds: u32,
    pub(crate) seconds: u32,
    pub(crate) machine: Machine,
    pub(crate) versions: Versions,
    pub(crate) chapters: Vec<Chapter>,
    /// What was measured along something, point by point.
    pub(crate) charts: Vec<Chart>,
}

/// What a part found out that has charts.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) chapters: Vec<Chapter>,
    /// Each names its chapter.
    pub(crate) charts: Vec<Chart>,
}

/// One part's findings.
#[derive(Serialize)]
pub(crate) struct Chapter {
    pub(crate) title: &'static str,
    pub(crate) question: String,
    pub(crate) command: String,
    pub(crate) bars: Vec<Bar>,
    pub(crate) standings: Vec<Standing>,
    pub(crate) rounds: Vec<Vec<Run>>,
    #[serde(skip)]
    pub(crate) tables: Vec<Table>,
    pub(crate) crowds: Vec<CrowdSeen>,
    pub(crate) notes: Vec<String>,
}

/// Figures that are no bars, for people; what they come from is in the report already.
pub(crate) struct Table {
    pub(crate) head: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<String>>,
}

impl Report {
    pub(crate) fn begin(bench: &Bench) -> Outcome<Self> {
        Ok(Self {
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            quick: bench.options.is_quick(),
            rounds: bench.options.rounds(),
            seconds: bench.options.seconds(),
            machine: machine::machine()?,
            versions: machine::versions(bench)?,
            chapters: Vec::new(),
            charts: Vec::new(),
        })
    }

    pub(crate) fn take(&mut self, findings: Findings) {
        self.chapters.extend(findings.chapters);
        self.charts.extend(findings.charts);
    }

    /// Prints the report; writes it too when there is a folder for it.
    pub(crate) fn write(&self, folder: Option<&Path>) -> Outcome<()> {
        let text = markdown::render(self)?;
        println!("{text}");
        if let Some(folder) = folder {
            std::fs::write(folder.join("report.md"), &text)?;
            std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)? + "\n")?;
            let plots = folder.join("plots");
            std::fs::create_dir_all(&plots)?;
            for chart in &self.charts {
                std::fs::write(plots.join(format!("{}.svg", chart.file)), plot::svg(chart)?)?;
            }
            progress(&format!("wrote report.md, report.json and plots in {}", folder.display()));
        }
        Ok(())
    }
}
