//! The few commands of this repository: `cargo xtask dev`, `migrate`, `worker`, `test`, `faults` and `bench`.

mod bench;
mod cargo;
mod dev;
mod faults;
mod interrupt;
mod migrate;
mod npm;
mod oha;
mod packages;
mod programs;
mod progress;
mod sample;
mod smoke;
mod steps;
mod task;
mod test;
mod wasm;
mod worker;

use std::env;
use std::process::ExitCode;

use harness::Error;

const USAGE: &str = "\
usage: cargo xtask <command>

  dev [--smoke] [--port N] [--ops-port N] [--edge-port N]
      start a private Postgres with sample data, the proxy in front of it and the edge API, until Ctrl-C;
      --smoke runs the three commands it prints, checks the answers and ends. POOL_PROXY_BIN and
      EDGE_MIGRATIONS_BIN name programs that are already built
  migrate [--status] [--url URL]
      apply the pending migrations of edge-api/migrations to the database of DATABASE_URL, which must be
      its direct URL; --status tells what is applied and what is pending. Better not --url: every user of
      the machine sees a command line
  worker [--no-opt]
      build the edge API's Worker into edge-api/worker/build; --no-opt leaves the wasm larger, and is quicker
  test [ARGS...]
      install what the tests need and run everything; ARGS go to the test runner, as a filter
  faults
      run the tests of faults one after the other and write what clients saw into README.md
  bench [--quick] [--only PART] [--rounds N] [--seconds N] [--clients-seconds N] [--out FOLDER]
      run the load benchmarks and write their report; --quick shows that they work, in rounds of a
      second and under three minutes; --only runs one part (see tests/load/README.md), and neither
      writes a report unless --out names its folder; the numbers are rounds, and seconds of load, 3, 8
      and 60 unless told otherwise
";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<_> = arguments.collect();
    let asks_help = |it: &String| it == "--help" || it == "-h";
    let result = match command.as_str() {
        "help" | "--help" | "-h" => Ok(help()),
        "dev" | "migrate" | "worker" | "test" | "faults" | "bench" if arguments.iter().any(asks_help) => Ok(help()),
        "dev" => match dev::Options::parse(&arguments) {
            Ok(options) => dev::run(options),
            Err(error) => return wrong_usage(&error),
        },
        "migrate" => match migrate::Options::parse(&arguments) {
            Ok(options) => migrate::run(&options),
            Err(error) => return wrong_usage(&error),
        },
        "worker" => match worker::parse(&arguments) {
            Ok(optimise) => worker::run(optimise),
            Err(error) => return wrong_usage(&error),
        },
        "test" => test::run(&arguments),
        "faults" if arguments.is_empty() => faults::run(),
        "faults" => return wrong_usage(&Error::new("`faults` takes no arguments")),
        "bench" => match bench::Options::parse(&arguments) {
            Ok(options) => bench::run(&options),
            Err(error) => return wrong_usage(&error),
        },
        "" => return wrong_usage(&Error::new("no command given")),
        other => return wrong_usage(&Error::new(format!("no command `{other}`"))),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}

fn help() -> ExitCode {
    print!("{USAGE}");
    ExitCode::SUCCESS
}

fn wrong_usage(error: &Error) -> ExitCode {
    eprintln!("error: {error}\n\n{USAGE}");
    ExitCode::from(2)
}
