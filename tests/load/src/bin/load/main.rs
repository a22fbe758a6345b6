//! The driver of the load benchmarks: starts the proxy and the yardsticks on loopback, loads them in turn with oha or the
//! crowd, and writes one report. It measures and never judges by its exit code: a missed bar is written down, an error is 1.

mod accelerate;
mod axes;
mod batch;
mod certificate;
mod chart;
mod clients;
mod coherence;
mod contest;
mod crowd;
mod distance;
mod edge;
mod far;
mod figures;
mod growth;
mod history;
mod hits;
mod http;
mod interrupt;
mod latency;
mod machine;
mod markdown;
mod memory;
mod oha;
mod options;
mod overload;
mod peers;
mod pgbench;
mod pgbouncer;
mod pgpool;
mod plans;
mod plot;
mod processes;
mod profile;
mod report;
mod rows;
mod sampler;
mod select;
mod servers;
mod setup;
mod sql;
mod start;

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use load::Outcome;

use crate::options::{Options, Part};
use crate::report::Report;
use crate::setup::{Bench, progress};

fn main() -> ExitCode {
    match run(Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("load: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Outcome<()> {
    let begin = Instant::now();
    let bench = Bench::prepare(options)?;
    let folder = bench.options.report_folder();
    if let Some(folder) = &folder {
        // Before anything is measured, which takes half an hour and would be lost for want of it.
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let mut report = Report::begin(&bench)?;
    for part in bench.options.parts() {
        let since = Instant::now();
        match part {
            Part::Hits => report.chapters.extend(hits::run(&bench)?),
            Part::Select => report.chapters.push(select::run(&bench)?),
            Part::Clients => report.chapters.push(clients::run(&bench)?),
            Part::Memory => report.chapters.push(memory::run(&bench)?),
            Part::Overload => report.chapters.push(overload::run(&bench)?),
            Part::Edge => report.chapters.extend(edge::run(&bench)?),
            Part::Plans => report.chapters.extend(plans::run(&bench)?),
            Part::Coherence => report.chapters.extend(coherence::run(&bench)?),
            Part::History => report.chapters.push(history::run(&bench)?),
            Part::Axes => report.take(axes::run(&bench)?),
            Part::Growth => report.take(growth::run(&bench)?),
            Part::Latency => report.chapters.push(latency::run(&bench)?),
            Part::Distance => report.chapters.push(distance::run(&bench)?),
            Part::Start => report.chapters.push(start::run(&bench)?),
            Part::Rows => report.chapters.extend(rows::run(&bench)?),
            Part::Batch => report.chapters.push(batch::run(&bench)?),
            Part::Peers => {
                report.chapters.push(peers::run(&bench)?);
                report.chapters.extend(accelerate::run(&bench)?);
            }
            Part::Profile => report.chapters.extend(profile::run(&bench)?),
        }
        progress(&format!("{} took {:.0} s", part.name(), since.elapsed().as_secs_f64()));
    }
    report.write(folder.as_deref())?;
    progress(&format!("all of it took {:.0} s", begin.elapsed().as_secs_f64()));
    Ok(())
}
