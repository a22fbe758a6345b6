//! `cargo xtask bench`: the load benchmarks, against a private Postgres, the proxy as it is released and the edge API's
//! Worker as it is deployed.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

use harness::{Error, Postgres, target_dir};

use crate::cargo::{cargo, run as run_in_front, works};
use crate::interrupt::Interrupts;
use crate::programs::{EDGE_MIGRATIONS, POOL_PROXY};
use crate::steps::Steps;
use crate::{npm, oha, packages, worker};

/// What was asked for on the command line: it was read to answer at once what is wrong with it, and goes to the
/// benchmarks as it is.
pub(crate) struct Options {
    arguments: Vec<String>,
    only: Option<String>,
}

/// What an option's value has to be.
enum Value {
    None,
    Number,
    Part,
    Folder,
}

/// The options of the benchmarks that are not ours to set.
const OPTIONS: [(&str, Value); 6] = [
    ("--quick", Value::None),
    ("--only", Value::Part),
    ("--rounds", Value::Number),
    ("--seconds", Value::Number),
    ("--clients-seconds", Value::Number),
    ("--out", Value::Folder),
];

/// The parts that need more than the others, among all of them.
const CLIENTS: &str = "clients";
const EDGE: &str = "edge";
const PLANS: &str = "plans";
const HISTORY: &str = "history";
const PEERS: &str = "peers";
const PROFILE: &str = "profile";
const PARTS: [&str; 18] = [
    "hits",
    "select",
    CLIENTS,
    "memory",
    "overload",
    EDGE,
    PLANS,
    "coherence",
    HISTORY,
    "axes",
    "growth",
    "latency",
    "distance",
    "start",
    "rows",
    "batch",
    PEERS,
    PROFILE,
];

impl Options {
    /// Reads the arguments after `bench`.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Error> {
        let mut options = Self { arguments: arguments.to_owned(), only: None };
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            let (name, given) = match argument.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (argument.as_str(), None),
            };
            let kind = match OPTIONS.iter().find(|(known, _)| *known == name) {
                Some((_, Value::None)) if given.is_none() => continue,
                Some((_, kind)) if !matches!(kind, Value::None) => kind,
                _ => return Err(Error::new(format!("`bench` takes no `{argument}`"))),
            };
            let mut next = || rest.next().map(String::as_str).filter(|next| !next.starts_with('-'));
            let value = given.or_else(&mut next).unwrap_or_default();
            let (right, expected) = match kind {
                Value::Part => (PARTS.contains(&value), PARTS.join(", ")),
                Value::Number => {
                    (value.parse::<u32>().is_ok_and(|number| number > 0), "a number of at least 1".to_owned())
                }
                Value::Folder | Value::None => (!value.is_empty(), "a folder".to_owned()),
            };
            if !right {
                return Err(Error::new(format!("{name} is `{value}`, but should be {expected}")));
            }
            if matches!(kind, Value::Part) {
                options.only = Some(value.to_owned());
            }
        }
        Ok(options)
    }

    /// Whether a part is among what is measured: all are, but in a run of another part alone.
    fn has(&self, part: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == part)
    }
}

/// Runs the benchmarks.
pub(crate) fn run(options: &Options) -> Result<ExitCode, Error> {
    let interrupts = Interrupts::catch()?;
    let oha = oha::find(oha::Build::Optimised, &interrupts)?;
    let (pgbench, pgpool) = if options.has(PEERS) { (pgbench(), PGPOOL.find(&interrupts)) } else { (None, None) };
    let pgbouncer = if options.has(CLIENTS) || options.has(PEERS) { PGBOUNCER.find(&interrupts) } else { None };
    if options.only.as_deref() == Some(PROFILE) {
        perf(&interrupts)?;
    }
    npm::install("tests/load/node", &interrupts)?;
    if options.has(PEERS) {
        npm::install("tests/load/node/accelerate-local", &interrupts)?;
    }
    if options.has(PLANS) || options.has(PEERS) {
        // Prisma's client, the server it is measured against, and the bundler that makes the client ready for Node.
        npm::install("tests/clients", &interrupts)?;
        npm::install("edge-api", &interrupts)?;
    }
    // By itself, so that it is built with the features it is released with.
    in_front("the build", &mut cargo(&["build", "--release", "--package", "pool-proxy"]), &interrupts)?;
    in_front("the build", &mut cargo(&["build", "--release", "--package", "load"]), &interrupts)?;
    let edge = if options.has(EDGE) {
        in_front("the build", &mut cargo(&["build", "--package", "edge-migrations"]), &interrupts)?;
        Some(worker::build(true, &interrupts)?)
    } else {
        None
    };
    let suites = if options.has(HISTORY) { Some(suites(&interrupts)?) } else { None };
    let postgres = Postgres::start(&mut |step| eprintln!("{step} ..."))?;
    let mut load = cargo(&["run", "--release", "--package", "load", "--bin", "load", "--"]);
    load.args(&options.arguments)
        .env("POOL_PROXY_BENCH_POSTGRES", postgres.url())
        .env(POOL_PROXY.variable, target_dir().join("release/pool-proxy"))
        .env(EDGE_MIGRATIONS.variable, EDGE_MIGRATIONS.built())
        .env("OHA_BIN", oha);
    if let Some(worker) = edge {
        load.env("EDGE_WORKER_BUILD", worker);
    }
    if let Some(suites) = suites {
        load.env("SUITES_BIN", suites);
    }
    for (variable, program) in [(PGBOUNCER.variable, pgbouncer), (PGPOOL.variable, pgpool), ("PGBENCH_BIN", pgbench)] {
        if let Some(program) = program {
            load.env(variable, program);
        }
    }
    let status = run_in_front(&mut load, &interrupts)?;
    postgres.stop();
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}

/// The tests' binary, built as `cargo xtask test` builds it.
fn suites(interrupts: &Interrupts) -> Result<PathBuf, Error> {
    let build = ["test", "--workspace", "--no-run", "--test", "suites"];
    in_front("the build of the tests", &mut cargo(&build), interrupts)?;
    // Built already: this only tells where it is.
    let told = cargo(&build).args(["--quiet", "--message-format", "json"]).output();
    let told = told.map_err(Error::doing("asking cargo for the tests' binary"))?;
    let told = String::from_utf8_lossy(&told.stdout);
    let binary = told.lines().find_map(|line| executable(line, "suites"));
    binary.ok_or_else(|| Error::new("cargo did not tell where the tests' binary is"))
}

/// The program of a target, if that is what a line of cargo's tells of.
fn executable(line: &str, target: &str) -> Option<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).ok()?;
    let is_it = message["target"]["name"] == target;
    is_it.then(|| message["executable"].as_str().map(PathBuf::from)).flatten()
}

/// A program that others have, and that is measured beside.
struct Peer {
    name: &'static str,
    /// The variable that names one elsewhere.
    variable: &'static str,
    /// What it is called on the path, and where Debian puts it, which is not on everybody's path.
    programs: &'static [&'static str],
    package: &'static str,
}

const PGBOUNCER: Peer = Peer {
    name: "PgBouncer",
    variable: "PGBOUNCER_BIN",
    programs: &["pgbouncer", "/usr/sbin/pgbouncer"],
    package: "pgbouncer",
};
const PGPOOL: Peer =
    Peer { name: "pgpool-II", variable: "PGPOOL_BIN", programs: &["pgpool", "/usr/sbin/pgpool"], package: "pgpool2" };

impl Peer {
    /// The one that its variable names, or the machine's, installed where we may. Nothing stands or falls with it.
    fn find(&self, interrupts: &Interrupts) -> Option<PathBuf> {
        let Self { name, variable, programs, package } = *self;
        let given = env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from);
        let candidates = || given.iter().cloned().chain(programs.iter().map(PathBuf::from));
        let find = || candidates().find(|path| works(&mut Command::new(path)));
        if let Some(found) = find() {
            return Some(found);
        }
        // Under systemd the package would start a service at once, which nobody asked for.
        if packages::may_install() && !Path::new("/run/systemd/system").exists() {
            let install = |steps: &Steps| packages::install(&[package], steps);
            let done = format!("installed {name}");
            if let Err(error) = Steps::new(interrupts).show(&format!("installing {name}"), &done, install) {
                eprintln!("{name} is left out: {error}");
                return None;
            }
            return find();
        }
        eprintln!("{name} is left out: {}", packages::missing(&[package]));
        None
    }
}

/// pgbench: the one named in `PGBENCH_BIN`, that on the path, or the newest of Debian's, which stands beside its server.
fn pgbench() -> Option<PathBuf> {
    let given = env::var_os("PGBENCH_BIN").filter(|it| !it.is_empty()).map(PathBuf::from);
    let servers = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<(u32, PathBuf)> = servers
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin/pgbench"))))
        .collect();
    versions.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    let candidates = given.into_iter().chain([PathBuf::from("pgbench")]);
    let found =
        candidates.chain(versions.into_iter().map(|(_, path)| path)).find(|path| works(&mut Command::new(path)));
    if found.is_none() {
        eprintln!("pgbench is left out, and so are those that it loads: it is not here");
    }
    found
}

/// What `--only profile` looks with.
fn perf(interrupts: &Interrupts) -> Result<(), Error> {
    if works(&mut Command::new("perf")) {
        return Ok(());
    }
    let install = |steps: &Steps| packages::install(&["linux-perf"], steps);
    Steps::new(interrupts).show("installing perf", "installed perf", install)
}

pub(crate) fn in_front(what: &str, command: &mut Command, interrupts: &Interrupts) -> Result<(), Error> {
    if run_in_front(command, interrupts)?.success() {
        return Ok(());
    }
    Err(Error::new(format!("{what} failed; see above")))
}

#[cfg(test)]
mod tests {
    use super::{OPTIONS, Options, PARTS, executable};

    /// Where the benchmarks say what they take.
    const THEIRS: &str = include_str!("../../../tests/load/src/bin/load/options.rs");

    fn parse(line: &str) -> Result<Options, String> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments).map_err(|error| error.to_string())
    }

    #[test]
    fn the_worker_is_built_for_runs_that_load_it() {
        let check = |line: &str, expected: bool| assert_eq!(parse(line).unwrap().has("edge"), expected, "{line}");
        check("", true);
        check("--quick --rounds 2", true);
        check("--quick --only edge", true);
        check("--only=edge", true);
        check("--only select --quick", false);
        check("--only=hits", false);
    }

    #[test]
    fn what_is_wrong_is_told_before_anything_is_done() {
        let check = |line: &str, expected: &str| assert_eq!(parse(line).err().as_deref(), Some(expected), "{line}");
        check("--fast", "`bench` takes no `--fast`");
        check("select", "`bench` takes no `select`");
        check("--quick=yes", "`bench` takes no `--quick=yes`");
        check("--only", &format!("--only is ``, but should be {}", PARTS.join(", ")));
        check("--quick --only nothing", &format!("--only is `nothing`, but should be {}", PARTS.join(", ")));
        check("--rounds=many --quick", "--rounds is `many`, but should be a number of at least 1");
        check("--rounds 0", "--rounds is `0`, but should be a number of at least 1");
        check("--out=", "--out is ``, but should be a folder");
        check("--out --quick", "--out is ``, but should be a folder");
    }

    #[test]
    fn a_program_is_found_in_what_cargo_tells() {
        let line = r#"{"reason":"compiler-artifact","target":{"name":"suites"},"executable":"/x/suites-1"}"#;
        assert_eq!(executable(line, "suites"), Some("/x/suites-1".into()));
        assert_eq!(executable(line, "load"), None);
        assert_eq!(executable(r#"{"reason":"build-finished"}"#, "suites"), None);
        assert_eq!(executable("no JSON", "suites"), None);
    }

    #[test]
    fn the_options_are_those_of_the_benchmarks() {
        let lines: Vec<_> = THEIRS.lines().map(str::trim).collect();
        // What has a variable is set by us.
        let option = |pair: &&[&str]| pair[0].starts_with("#[arg(long") && !pair[0].contains("env =");
        let name = |pair: &[&str]| {
            let field = pair[1].trim_start_matches("pub(crate) ").split(':').next().unwrap_or_default();
            format!("--{}", field.replace('_', "-"))
        };
        let mut theirs: Vec<_> = lines.windows(2).filter(option).map(name).collect();
        let mut ours: Vec<_> = OPTIONS.iter().map(|(name, _)| (*name).to_owned()).collect();
        theirs.sort();
        ours.sort();
        assert_eq!(ours, theirs);

        let parts = THEIRS.split("enum Part {").nth(1).and_then(|rest| rest.split('}').next()).unwrap();
        let parts = parts.lines().filter_map(|line| line.trim().strip_suffix(','));
        assert_eq!(parts.map(str::to_lowercase).collect::<Vec<_>>(), PARTS);
    }
}
