//! `cargo xtask test`: everything that must hold, in one run against one private Postgres.

use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Instant;

use harness::{Error, Postgres, target_dir};

use crate::cargo::{cargo, run as run_in_front, succeeds, works};
use crate::interrupt::Interrupts;
use crate::programs::{EDGE_MIGRATIONS, POOL_PROXY};
use crate::steps::Steps;
use crate::{npm, oha, packages, wasm, worker};

/// Runs every check, or, with a filter, those tests alone.
pub(crate) fn run(filter: &[String]) -> Result<ExitCode, Error> {
    run_with(filter, &[])
}

/// The same with variables for the tests.
pub(crate) fn run_with(filter: &[String], variables: &[(&str, &PathBuf)]) -> Result<ExitCode, Error> {
    let mut run = Run { interrupts: Interrupts::catch()?, done: Vec::new() };
    let all = filter.is_empty();
    install_programs(&run.interrupts)?;
    for folder in ["tests/clients", "edge-api/common"] {
        npm::install(folder, &run.interrupts)?;
    }
    if all {
        run.component("fmt", &["--all", "--check"])?;
        let clippy = ["--workspace", "--all-targets", "--", "-D", "warnings"];
        run.component("clippy", &clippy)?;
    }
    run.build()?;
    let oha = if all || filter.iter().any(|name| name.contains("faults")) {
        Some(oha::find(oha::Build::Quick, &run.interrupts)?)
    } else {
        None
    };
    // Optimised as it is deployed when everything is tested, for its size is, too.
    let worker = run.worker(all)?;
    let postgres = Postgres::start(&mut |step| eprintln!("{step} ..."))?;
    let url = postgres.url();
    let with_postgres = |mut command: Command| {
        command.env("POOL_PROXY_TEST_POSTGRES", &url);
        command.env(POOL_PROXY.variable, POOL_PROXY.built());
        command.env(EDGE_MIGRATIONS.variable, EDGE_MIGRATIONS.built());
        command.env("EDGE_WORKER_BUILD", &worker);
        command.envs(oha.iter().map(|oha| ("OHA_BIN", oha)));
        command.envs(variables.iter().copied());
        command
    };
    let tests = if works(&mut cargo(&["nextest"])) {
        cargo(&["nextest", "run", "--config-file", "tests/nextest.toml", "--workspace", "--no-fail-fast"])
    } else {
        eprintln!("cargo-nextest is not installed, using `cargo test`");
        cargo(&["test", "--workspace", "--lib", "--bins", "--tests", "--"])
    };
    let mut tests = with_postgres(tests);
    run.step("tests", tests.args(filter))?;
    if all {
        let proxy = cargo(&["test", "--doc", "--package", "pool-proxy"]);
        run.step("doc tests", &mut with_postgres(proxy))?;
        let client = cargo(&["test", "--doc", "--package", "pool-client", "--all-features"]);
        run.step("client doc", &mut with_postgres(client))?;
    }
    postgres.stop();
    Ok(run.summary())
}

/// Installs the programs that tests start and a bare machine lacks, before minutes go into a build.
fn install_programs(interrupts: &Interrupts) -> Result<(), Error> {
    // Each asked as all its versions understand it; its package is called as the first of its names.
    let programs: [(&[&str], &str); 4] = [
        (&["curl"], "--version"),
        (&["openssl"], "version"),
        (&["faketime"], "--version"),
        (&["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"], "--version"),
    ];
    let is_here = |names: &[&str], version: &str| names.iter().any(|name| succeeds(Command::new(name).arg(version)));
    let missing = programs.into_iter().filter(|(names, version)| !is_here(names, version));
    let mut missing: Vec<_> = missing.filter_map(|(names, _)| names.first().copied()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let steps = Steps::new(interrupts);
    if packages::may_install() {
        let what = format!("installing {}", missing.join(", "));
        return steps.show(&what, "installed what the tests need", |steps| packages::install(&missing, steps));
    }
    // Whoever has to do it by hand gets one command, for the Worker's build as well.
    let further = steps.show("looking for what is missing", "found what is missing", wasm::missing_packages);
    missing.extend(further?);
    Err(packages::missing(&missing))
}

/// What has been run so far, and what came of it.
struct Run {
    interrupts: Interrupts,
    done: Vec<(&'static str, String)>,
}

/// How a failed step begins in the summary.
const FAILED: &str = "FAILED";

impl Run {
    /// Runs one step; that it fails is for the summary, the others still run.
    fn step(&mut self, name: &'static str, command: &mut Command) -> Result<bool, Error> {
        eprintln!("\n== {name}");
        let begun = Instant::now();
        let status = run_in_front(command, &self.interrupts)?;
        let seconds = begun.elapsed().as_secs_f32();
        let outcome = if status.success() {
            format!("passed  {seconds:.1} s")
        } else {
            format!("{FAILED}  {seconds:.1} s, {status}")
        };
        self.done.push((name, outcome));
        Ok(status.success())
    }

    /// A step by a component of the toolchain, which may be missing.
    fn component(&mut self, name: &'static str, arguments: &[&str]) -> Result<(), Error> {
        if works(&mut cargo(&[name])) {
            self.step(name, cargo(&[name]).args(arguments))?;
        } else {
            let component = if name == "fmt" { "rustfmt" } else { name };
            let outcome = format!("skipped: run `rustup component add {component}` to have it");
            self.done.push((name, outcome));
        }
        Ok(())
    }

    /// Builds the tests and, with the same features and so only once, the proxy they run.
    fn build(&mut self) -> Result<(), Error> {
        let mut build = cargo(&["build", "--workspace", "--all-targets"]);
        if self.step("build", &mut build)? {
            return Ok(());
        }
        Err(Error::new("the build failed; see above"))
    }

    /// Builds the edge API's Worker and hands back its folder. Without it the tests that run it fail, and only they.
    fn worker(&mut self, optimise: bool) -> Result<PathBuf, Error> {
        eprintln!("\n== worker");
        let begun = Instant::now();
        let built = worker::build(optimise, &self.interrupts);
        let seconds = begun.elapsed().as_secs_f32();
        let (outcome, folder) = match built {
            Err(error) if self.interrupts.count() > 0 => return Err(error),
            Err(error) => {
                eprintln!("error: {error}");
                // Not the folder of an older Worker, which would be tested in its stead.
                (format!("{FAILED}  {seconds:.1} s"), target_dir().join("no-worker"))
            }
            Ok(folder) => (format!("built  {seconds:.1} s"), folder),
        };
        self.done.push(("worker", outcome));
        Ok(folder)
    }

    /// Prints what came of every step.
    fn summary(self) -> ExitCode {
        eprintln!();
        for (name, outcome) in &self.done {
            eprintln!("{name:>10}  {outcome}");
        }
        if self.done.iter().any(|(_, outcome)| outcome.starts_with(FAILED)) {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }
}
