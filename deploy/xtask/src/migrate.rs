//! `cargo xtask migrate`: builds the program that holds the migrations, and lets it apply them over the direct URL.

use std::env;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use harness::Error;

use crate::cargo::{cargo, run as run_in_front};
use crate::interrupt::Interrupts;
use crate::programs::EDGE_MIGRATIONS;
use crate::progress::Progress;
use crate::task::Task;

/// Where the URL is looked for.
const DATABASE_URL: &str = "DATABASE_URL";

/// How often a wait looks around.
const LOOK: Duration = Duration::from_millis(50);

/// What was asked for on the command line.
pub(crate) struct Options {
    status: bool,
    url: String,
}

impl Options {
    /// Reads the arguments after `migrate`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Error> {
        let mut status = false;
        let mut url = env::var(DATABASE_URL).ok();
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--status" => status = true,
                "--url" => url = arguments.next().cloned(),
                other => match other.strip_prefix("--url=") {
                    Some(given) => url = Some(given.to_owned()),
                    // Not repeated: it may be a URL with its password.
                    None => return Err(Error::new("`migrate` takes --status and --url URL, and nothing else")),
                },
            }
        }
        match url.filter(|url| !url.is_empty()) {
            Some(url) => Ok(Self { status, url }),
            None => Err(Error::new(format!("set {DATABASE_URL} to the direct URL of the database to migrate"))),
        }
    }
}

/// Builds the program and runs it; its exit code is ours.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Error> {
    let interrupts = Interrupts::catch()?;
    let mut build = Task::start("the build", cargo(&["build", "--color=never", "--package", "edge-migrations"]))?;
    let mut progress = Progress::of("building edge-migrations");
    while !build.finished().inspect_err(|_| progress.clear())? {
        if interrupts.count() > 0 {
            progress.clear();
            return Err(Error::new("interrupted"));
        }
        progress.tick(&build.last_line());
        thread::sleep(LOOK);
    }
    progress.done("built edge-migrations");
    let mut command = program(EDGE_MIGRATIONS.built(), &options.url);
    if options.status {
        command.arg("--status");
    }
    let status = run_in_front(&mut command, &interrupts)?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// Applies the migrations with the program that is there already.
pub(crate) fn apply(url: &str) -> Result<(), Error> {
    let mut command = program(EDGE_MIGRATIONS.path(), url);
    // What was meant for another database.
    command.env_remove("POOL_PROXY_DB_ROOT_CERT").stdin(Stdio::null());
    let output = command.output().map_err(Error::doing("starting edge-migrations"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Error::new(format!("the migrations of edge-api/migrations could not be applied\n{}", said.trim_end())))
}

/// The URL goes by the environment: everybody may see a command line.
fn program(path: PathBuf, url: &str) -> Command {
    let mut command = Command::new(path);
    command.env(DATABASE_URL, url);
    command
}
