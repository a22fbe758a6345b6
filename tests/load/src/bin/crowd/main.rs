//! The generator for what oha cannot tell: many clients, each with a connection of its own that it keeps, and what became of
//! each of them. They speak HTTP to the proxy, or Postgres's own protocol to whatever speaks that. All connect first; then
//! each asks, waits for the answer and asks again, or, with `--rate`, waits for its turn before it asks.

mod client;
mod http;
mod ids;
mod line;
mod pace;
mod reads;
mod tally;
mod transaction;
mod work;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use clap::Parser;
use load::{Outcome, client_config};
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;

use crate::client::Client;
use crate::ids::{Ids, Zipf};
use crate::line::Target;
use crate::pace::Pace;
use crate::reads::Reads;
use crate::tally::{Tally, summary};
use crate::work::Work;

/// Connects many clients and lets all of them ask; prints what they saw as JSON.
#[derive(Parser)]
struct Options {
    /// The address to send `POST /sql` to; without it, they speak to the database.
    #[arg(long)]
    http: Option<String>,
    /// The server's certificate (PEM), to speak TLS with.
    #[arg(long, requires = "http")]
    cert: Option<PathBuf>,
    /// A header of each request, as `name: value`.
    #[arg(long, requires = "http")]
    header: Vec<String>,
    /// A header of each request that reads, as `name: value`.
    #[arg(long, requires = "http")]
    read_header: Vec<String>,
    /// Each request that reads has one of so many tags, by its id.
    #[arg(long, requires_all = ["http", "ids"], value_parser = clap::value_parser!(u32).range(1..))]
    tags: Option<u32>,
    /// The database to speak to.
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<tokio_postgres::Config>,
    /// Statements are prepared once on each connection to the database: there is no pooler between.
    #[arg(long, requires = "database_url")]
    prepared: bool,
    /// Interactive transactions instead of statements: a file with one in each line, as a JSON array of the bodies of its
    /// queries, of which each client runs a random one at a time.
    #[arg(long, requires = "http")]
    transactions: Option<PathBuf>,
    /// What is read.
    #[arg(long, required_unless_present = "transactions")]
    read: Option<String>,
    /// What is written by some requests, if anything is.
    #[arg(long)]
    write: Option<String>,
    /// One of so many requests writes.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..))]
    one_of: u64,
    /// `$1` of both is a random number from 1 to this; without it they have no parameter.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    ids: Option<u32>,
    /// They are drawn by Zipf's law with this exponent: few of them most of the time.
    #[arg(long, requires = "ids")]
    zipf: Option<f64>,
    /// Each of them once instead; the end is when all are done.
    #[arg(long, requires = "ids", conflicts_with = "zipf")]
    each: bool,
    /// What is drawn follows from this.
    #[arg(long, default_value_t = 0)]
    seed: usize,
    /// How many clients.
    #[arg(long)]
    clients: usize,
    /// How long they ask.
    #[arg(long)]
    seconds: u32,
    /// How long they ask before their answers are counted: a queue fills first.
    #[arg(long, default_value_t = 0)]
    uncounted: u32,
    /// Requests per second of all clients together, if there is a client free to send them; without it, all they can.
    #[arg(long)]
    rate: Option<u32>,
    /// Ask once each, and then keep the connections open until this program is killed.
    #[arg(long)]
    hold: bool,
    /// Written once all are connected.
    #[arg(long)]
    ready_file: Option<PathBuf>,
}

/// So many connect at the same time: a listener's backlog is short.
const CONNECTING: usize = 64;

/// What all clients know.
struct Plan {
    target: Target,
    work: Work,
    /// Of which nothing is counted in.
    uncounted: Duration,
    time: Duration,
    hold: bool,
    doors: Semaphore,
    /// All of them, and the one that lets them begin.
    begin: Barrier,
    pace: Option<Pace>,
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let options = Options::parse();
    let target = match (options.http, options.database_url) {
        (Some(address), _) => {
            let tls = options.cert.as_deref().map(client_config).transpose()?;
            Target::http(address, tls, &options.header, Reads::new(&options.read_header, options.tags))
        }
        (None, Some(config)) => Target::Postgres { config: Box::new(config), prepared: options.prepared },
        (None, None) => return Err("--http or DATABASE_URL is needed".into()),
    };
    let work = if let Some(file) = options.transactions {
        Work::transactions(&file)?
    } else {
        let ids = options.ids.map(|count| match options.zipf {
            Some(exponent) => Ids::Zipf(Zipf::new(count, exponent)),
            None if options.each => Ids::Each { count, next: AtomicU32::new(0) },
            None => Ids::Even(count),
        });
        Work::Statements { read: options.read.unwrap_or_default(), write: options.write, one_of: options.one_of, ids }
    };
    let plan = Arc::new(Plan {
        target,
        work,
        uncounted: Duration::from_secs(u64::from(options.uncounted)),
        time: Duration::from_secs(u64::from(options.seconds)),
        hold: options.hold,
        doors: Semaphore::new(CONNECTING),
        begin: Barrier::new(options.clients + 1),
        pace: options.rate.map(Pace::new),
    });
    let mut clients = JoinSet::new();
    for number in 0..options.clients {
        let number = options.seed * options.clients + number;
        clients.spawn(Client::new(number, Arc::clone(&plan)).live());
    }
    plan.begin.wait().await;
    let since = Instant::now();
    if let Some(file) = options.ready_file {
        std::fs::write(file, "{}")?;
    }
    if let Some(pace) = &plan.pace {
        pace.keep(plan.uncounted + plan.time, options.clients).await;
    }
    let tallies: Vec<Tally> = clients.join_all().await;
    let mut said = summary(tallies, plan.time);
    said["lasted"] = since.elapsed().as_secs_f64().into();
    println!("{said}");
    Ok(())
}
