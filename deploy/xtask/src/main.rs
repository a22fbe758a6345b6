//! The few commands of this repository: `cargo xtask dev`, `migrate`, `worker`, `test` and `bench`.

mod bench;
mod cargo;
mod dev;
mod interrupt;
mod migrate;
mod npm;
mod progress;
mod sample;
mod smoke;
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
      --smoke runs the three commands it prints, checks the answers and ends
  migrate [--status] [--url URL]
      apply the pending migrations of edge-api/migrations to the database of DATABASE_URL, which must be
      its direct URL; --status tells what is applied and what is pending. Better not --url: every user of
      the machine sees a command line
  worker [--no-opt]
      build the edge API's Worker into edge-api/worker/build; --no-opt leaves the wasm larger, and is quicker
  test [ARGS...]
      install what the tests need and run everything; ARGS go to the test runner, as a filter
  bench [ARGS...]
      run the load benchmarks and write their report; ARGS go to them
";

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let command = arguments.next().unwrap_or_default();
    let arguments: Vec<_> = arguments.collect();
    let asks_help = |it: &String| it == "--help" || it == "-h";
    let result = match command.as_str() {
        "help" | "--help" | "-h" => Ok(help()),
        "dev" | "migrate" | "worker" if arguments.iter().any(asks_help) => Ok(help()),
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
        "bench" => bench::run(&arguments),
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
