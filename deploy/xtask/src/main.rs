//! The few commands of this repository: `cargo xtask dev`, `test` and `bench`.

mod bench;
mod cargo;
mod dev;
mod interrupt;
mod npm;
mod progress;
mod sample;
mod smoke;
mod test;

use std::env;
use std::process::ExitCode;

use harness::Error;

const USAGE: &str = "\
usage: cargo xtask <command>

  dev [--smoke] [--port N] [--ops-port N]
      start a private Postgres with sample data and the proxy in front of it, until Ctrl-C;
      --smoke runs the three commands it prints, checks the answers and ends
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
        "dev" if arguments.iter().any(asks_help) => Ok(help()),
        "dev" => match dev::Options::parse(&arguments) {
            Ok(options) => dev::run(options),
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
