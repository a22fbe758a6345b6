//! `pool-proxy coherence`: makes a database tell which tables changed, or takes that back.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand};
use pool_proxy::coherence::install::Standing;
use pool_proxy::config::{Config, DatabaseConfig};
use pool_proxy::drain::Drain;
use pool_proxy::gateway::once::table;
use tokio_postgres::Client;

use super::{FAULT, REFUSED, SourceArguments, print, refuse};

#[derive(Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Show what `apply` would run, and what each table gets.
    Plan(On),
    /// Run it, in one transaction.
    Apply(On),
    /// Undo all of it.
    Remove(On),
}

#[derive(Args)]
struct On {
    #[command(flatten)]
    source: SourceArguments,
    /// The database, by its name in the configuration; all of them otherwise.
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
}

pub(super) fn run(arguments: Arguments) -> ExitCode {
    let (does, on) = match arguments.what {
        What::Plan(on) => (Does::Plan, on),
        What::Apply(on) => (Does::Apply, on),
        What::Remove(on) => (Does::Remove, on),
    };
    let config = match Config::load(&on.source.sources()) {
        Ok((config, _)) => config,
        Err(faults) => return refuse(&faults, false),
    };
    let named = |database: &&DatabaseConfig| on.database.as_deref().is_none_or(|name| *database.name == *name);
    let databases: Vec<&DatabaseConfig> = config.databases.iter().filter(named).collect();
    if databases.is_empty() {
        let known: Vec<&str> = config.databases.iter().map(|database| &*database.name).collect();
        eprintln!("pool-proxy: --database: expected the name of a configured database: {}", known.join(", "));
        return ExitCode::from(REFUSED);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("pool-proxy: the runtime cannot be started: {error}");
            return ExitCode::from(FAULT);
        }
    };
    let mut failed = false;
    for database in databases {
        match runtime.block_on(one(database, does)) {
            Ok(report) => print(&report),
            Err(problem) => {
                eprintln!("pool-proxy: {}: {problem}", database.name);
                failed = true;
            }
        }
    }
    if failed { ExitCode::from(FAULT) } else { ExitCode::SUCCESS }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Does {
    Plan,
    Apply,
    Remove,
}

async fn one(database: &DatabaseConfig, does: Does) -> Result<String, String> {
    let drain = Drain::default();
    let server = database.target.connect(&drain, ()).await.map_err(|error| error.to_string())?;
    let report = report(server.client(), database, does).await;
    drop(server);
    drain.finish(Duration::from_secs(2)).await;
    report
}

async fn report(client: &Client, database: &DatabaseConfig, does: Does) -> Result<String, String> {
    let publication = &database.keep.publication;
    let standing = Standing::ask(client, publication).await.map_err(|error| said(&error))?;
    let mut text = format!("database {}, publication {publication}\n", database.name);
    let obstacles = standing.obstacles();
    let sql = match does {
        Does::Remove => standing.to_remove(publication),
        Does::Apply if !obstacles.is_empty() => return Err(obstacles.join("; ")),
        Does::Plan | Does::Apply => {
            for obstacle in &obstacles {
                let _ = writeln!(text, "  ! {obstacle}");
            }
            tables(&mut text, &standing, does);
            if !standing.tells_definitions && !standing.is_superuser {
                text.push_str("  changed definitions and rights are found by looking, twice a second: event triggers are for superusers\n");
            }
            if obstacles.is_empty() {
                let mut sql = standing.to_apply(publication);
                sql.extend(table::to_apply(client).await.map_err(|error| said(&error))?);
                sql
            } else {
                Vec::new()
            }
        }
    };
    let sql = in_one_transaction(sql);
    text.push_str(match (does, sql.is_empty()) {
        (Does::Plan, _) if !obstacles.is_empty() => "`pool-proxy coherence apply` would run nothing\n",
        (Does::Plan, false) => "to be run by `pool-proxy coherence apply`:\n",
        (Does::Plan | Does::Apply, true) => "nothing is to be done\n",
        (Does::Remove, true) => "nothing is to be removed\n",
        (Does::Apply | Does::Remove, false) => "done:\n",
    });
    if does != Does::Plan && !sql.is_empty() {
        client.batch_execute(&sql.join("; ")).await.map_err(|error| said(&error))?;
    }
    for statement in &sql {
        let _ = writeln!(text, "{statement};");
    }
    Ok(text)
}

/// A table that somebody keeps locked is not waited for behind all others' backs.
fn in_one_transaction(sql: Vec<String>) -> Vec<String> {
    if sql.is_empty() {
        return sql;
    }
    let (begin, end) = (["BEGIN", "SET LOCAL lock_timeout = '10s'"], ["COMMIT"]);
    begin.map(str::to_owned).into_iter().chain(sql).chain(end.map(str::to_owned)).collect()
}

fn tables(text: &mut String, standing: &Standing, does: Does) {
    let widest = standing.tables.iter().map(|table| table.name.chars().count()).max().unwrap_or_default();
    for table in &standing.tables {
        let state = match &table.obstacle {
            None if does == Does::Apply || (table.is_published && !table.is_filtered) => "is followed".to_owned(),
            None => "can be followed".to_owned(),
            Some(obstacle) if table.is_published && table.refuses_writes => {
                format!("{obstacle}; Postgres refuses UPDATE and DELETE on it until then")
            }
            Some(obstacle) => obstacle.to_string(),
        };
        let _ = writeln!(text, "  {:widest$}  {state}", table.name);
    }
    if standing.tables.is_empty() {
        text.push_str("  there are no tables\n");
    }
}

fn said(error: &tokio_postgres::Error) -> String {
    error.as_db_error().map_or_else(|| error.to_string(), |said| said.message().to_owned())
}
