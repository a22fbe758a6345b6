//! `cargo xtask dev`: a private Postgres with sample data, the proxy in front of it and the edge API in front of that,
//! until Ctrl-C.

mod edge;
mod port;
mod site;

use std::process::ExitCode;
use std::sync::mpsc::{self, TryRecvError};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Error, Postgres};

use crate::cargo::cargo;
use crate::interrupt::Interrupts;
use crate::programs;
use crate::progress::Progress;
use crate::sample;
use crate::smoke::{self, Addresses};
use crate::task::Task;
use edge::Edge;
use site::Site;

/// How often a wait looks around.
const LOOK: Duration = Duration::from_millis(50);

/// What was asked for on the command line.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Options {
    smoke: bool,
    port: Option<u16>,
    ops_port: Option<u16>,
    edge_port: Option<u16>,
}

impl Options {
    /// Reads the arguments after `dev`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Error> {
        let mut options = Self::default();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            let slot = match name {
                "--smoke" if given.is_none() => {
                    options.smoke = true;
                    continue;
                }
                "--port" => &mut options.port,
                "--ops-port" => &mut options.ops_port,
                "--edge-port" => &mut options.edge_port,
                _ => return Err(Error::new(format!("`dev` takes no `{argument}`"))),
            };
            let value = given.or_else(|| arguments.next().map(String::as_str));
            let value = value.unwrap_or_default();
            let port =
                value.parse().map_err(|_| Error::new(format!("{name} is `{value}`, but should be a port, 0 to 65535")));
            *slot = Some(port?);
        }
        Ok(options)
    }
}

/// Starts everything, shows how to use it, and stays until Ctrl-C; or, for a smoke test, uses it.
pub(crate) fn run(options: Options) -> Result<ExitCode, Error> {
    let begun = Instant::now();
    let interrupts = Interrupts::catch()?;
    let Some(postgres) = build_and_start_postgres(&interrupts)? else {
        return Ok(interrupted());
    };
    let mut site = Site::start(options, postgres)?;
    if !site.serves(&interrupts)? {
        site.stop(&interrupts);
        return Ok(interrupted());
    }
    site.introduce(begun.elapsed());
    let edge = Edge::start(options, &site, &interrupts);
    let result = edge.and_then(|mut edge| {
        let result = if options.smoke {
            try_out(&mut site, &mut edge, &interrupts)
        } else {
            stay(&mut site, &mut edge, &interrupts)
        };
        edge.stop();
        result
    });
    site.stop(&interrupts);
    match result {
        Ok(()) if options.smoke && interrupts.count() > 0 => Ok(interrupted()),
        result => result.map(|()| ExitCode::SUCCESS),
    }
}

/// Stays in front until interrupted. The proxy goes on without an edge API that could not be built.
fn stay(site: &mut Site, edge: &mut Edge, interrupts: &Interrupts) -> Result<(), Error> {
    println!("Ctrl-C stops it all. What follows is the log, and how the edge API comes along.\n");
    let mut progress = Progress::among_others("building the edge API");
    while interrupts.count() == 0 {
        site.check()?;
        if edge.is_building() {
            progress.tick(&edge.now());
        }
        match edge.look() {
            Ok(true) => edge.introduce(site),
            Ok(false) => {}
            Err(_) if interrupts.count() > 0 => {}
            Err(error) => eprintln!("error: {error}\n\nThe edge API does not run. The proxy goes on."),
        }
        thread::sleep(LOOK);
    }
    Ok(())
}

/// Waits for the edge API, then runs the commands; ends without an error if interrupted.
fn try_out(site: &mut Site, edge: &mut Edge, interrupts: &Interrupts) -> Result<(), Error> {
    let mut progress = Progress::of("building the edge API");
    loop {
        site.check()?;
        if interrupts.count() > 0 {
            progress.clear();
            return Ok(());
        }
        match edge.look() {
            Ok(true) => break,
            Err(error) if interrupts.count() == 0 => {
                progress.clear();
                return Err(error);
            }
            Ok(false) | Err(_) => progress.tick(&edge.now()),
        }
        thread::sleep(LOOK);
    }
    progress.done("built the edge API");
    edge.introduce(site);
    smoke::run(Addresses { proxy: &site.url(), key: site.key(), edge: edge.url() })
}

/// What a shell calls a program that Ctrl-C has ended.
fn interrupted() -> ExitCode {
    eprintln!("interrupted");
    ExitCode::from(130)
}

/// Builds what is not given, the proxy above all, and, meanwhile, starts Postgres; then applies the migrations and the
/// sample data. Nothing if interrupted.
fn build_and_start_postgres(interrupts: &Interrupts) -> Result<Option<Postgres>, Error> {
    let packages = programs::to_build()?;
    let mut build = match &*packages {
        [] => None,
        packages => {
            let mut build = cargo(&["build", "--color=never"]);
            build.args(packages.iter().flat_map(|package| ["--package", package]));
            Some(Task::start("the build", build)?)
        }
    };
    let (report, reports) = mpsc::channel();
    let (say, steps) = mpsc::channel();
    thread::spawn(move || {
        let started = Postgres::start(&mut |step| {
            let _ = say.send(step.to_owned());
        });
        let _ = report.send(started);
    });
    let names = packages.join(", ");
    let (doing, did) = match &build {
        Some(_) => (format!("building {names}, "), format!("built {names}, ")),
        None => Default::default(),
    };
    let mut progress = Progress::of(format!("{doing}starting a private Postgres"));
    let mut step = String::new();
    let mut postgres = None;
    loop {
        if interrupts.count() > 0 {
            progress.clear();
            return Ok(None);
        }
        step = steps.try_iter().last().unwrap_or(step);
        match reports.try_recv() {
            Ok(started) => postgres = Some(started.inspect_err(|_| progress.clear())?),
            Err(TryRecvError::Disconnected) if postgres.is_none() => {
                return Err(Error::new("Postgres could not be started: please report this"));
            }
            Err(_) => {}
        }
        let done = build.as_mut().map_or(Ok(true), Task::finished).inspect_err(|_| progress.clear())?;
        if let Some(postgres) = postgres.take_if(|_| done) {
            sample::apply(&postgres.url()).inspect_err(|_| progress.clear())?;
            progress.done(&format!("{did}started Postgres, applied the migrations and the sample data"));
            return Ok(Some(postgres));
        }
        let now = build.as_ref().filter(|_| !done).map(Task::last_line);
        progress.tick(&now.unwrap_or_else(|| step.clone()));
        thread::sleep(LOOK);
    }
}
