//! All that a run found out, and where it is written: report.json for programs, report.md for people.

use std::path::Path;
use std::time::SystemTime;

use load::Outcome;
use serde::Serialize;

use crate::contest::{Run, Standing};
use crate::crowd::CrowdSeen;
use crate::figures::Bar;
use crate::machine::{self, Machine, Versions};
use crate::markdown;
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
        })
    }

    /// Prints the report; writes it too when there is a folder for it.
    pub(crate) fn write(&self, folder: Option<&Path>) -> Outcome<()> {
        let text = markdown::render(self)?;
        println!("{text}");
        if let Some(folder) = folder {
            std::fs::write(folder.join("report.md"), &text)?;
            std::fs::write(folder.join("report.json"), serde_json::to_string_pretty(self)? + "\n")?;
            progress(&format!("wrote report.md and report.json in {}", folder.display()));
        }
        Ok(())
    }
}
