//! The `pool-proxy` program: everything it can be asked on a command line is in `cli`.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
