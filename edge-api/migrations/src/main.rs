//! The `edge-migrations` program: applies what is pending, or tells how the files stand. It ends with 0 when all is
//! well, 1 when it ran and found a fault, 2 when it was asked in a wrong way.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use edge_migrations::{FileStatus, MigrationError, Migrator};

/// Applies the blog's migrations over the direct URL.
#[derive(Parser)]
#[command(name = "edge-migrations", version)]
struct Arguments {
    /// Tell what is applied and what is pending, and change nothing.
    #[arg(long)]
    status: bool,
    /// The direct Postgres URL. Better given in the environment: every user of the machine sees a command line.
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    url: Option<String>,
    /// The server's root certificate as PEM text or a path, where the URL has no sslrootcert.
    #[arg(long, value_name = "PEM", env = "POOL_PROXY_DB_ROOT_CERT", hide_env_values = true)]
    root_cert: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Some(url) = &arguments.url else {
        eprintln!("error: DATABASE_URL is not set; expected the direct URL of the database to migrate");
        return ExitCode::from(2);
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the runtime cannot be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    runtime.block_on(run(&arguments, url)).unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::from(if error.is_usage() { 2 } else { 1 })
    })
}

async fn run(arguments: &Arguments, url: &str) -> Result<ExitCode, MigrationError> {
    let migrator = Migrator::new(url, arguments.root_cert.as_deref())?;
    if arguments.status {
        let standing = migrator.status().await?;
        print(&standing);
        let faulty = standing.iter().any(|status| status.state.is_fault());
        return Ok(if faulty { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let report = migrator.apply(&mut |step| say(step)).await?;
    match report.applied.len() {
        0 => say(&format!("nothing to do: all {} migrations are applied", report.before)),
        count => say(&format!("applied {count} of {} migrations", count + report.before)),
    }
    Ok(ExitCode::SUCCESS)
}

fn print(standing: &[FileStatus]) {
    let width = standing.iter().map(|status| status.file.len()).max().unwrap_or_default();
    for FileStatus { file, state } in standing {
        say(&format!("{file:width$}  {state}"));
    }
}

/// Prints a line. Whoever stopped reading needs none, and the migrations go on.
fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}
