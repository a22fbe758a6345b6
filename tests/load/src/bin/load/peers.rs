//! The same select through everything people put in front of Postgres: pgbench and tokio-postgres directly, pgbench through
//! `PgBouncer` and pgpool-II, oha at the HTTP servers, and Neon's driver. Each has a client of its own kind, so what they say of each
//! other is told without a bar.

use std::path::Path;
use std::time::Duration;

use load::Outcome;
use serde::Deserialize;

use crate::contest::Generator as _;
use crate::crowd::Crowd;
use crate::figures::{Asked, Bar, median};
use crate::oha::{Load, Request, Seen, Transport, float};
use crate::pgbench::{self, Protocol};
use crate::report::{Chapter, Table};
use crate::servers::{self, POOL, Server};
use crate::setup::{Bench, ROWS, SELECT, node_folder, progress};
use crate::{pgbouncer, pgpool, processes};

/// Clients where nothing else is said.
const MANY: u32 = 64;
/// As many as there are connections to Postgres.
const FEW: u32 = 10;
/// Ids of what is read from caches: all are kept after a moment. As many as there are request bodies.
const KEPT: u32 = 10_000;

/// One way to Postgres, and who goes it.
struct Side<'b> {
    name: &'static str,
    clients: u32,
    way: Way<'b>,
}

enum Way<'b> {
    /// pgbench, over Postgres's own protocol.
    Pgbench {
        url: String,
        protocol: Protocol,
        ids: u32,
        through: Option<&'b Server>,
    },
    /// tokio-postgres, each client with a connection and the statement prepared.
    Direct,
    Oha {
        server: &'b Server,
        load: Load,
    },
    Node {
        way: &'static str,
        server: Option<&'b Server>,
        kept: bool,
    },
}

/// One turn of a side.
struct Turn {
    seen: Seen,
    /// CPU of what stands between per answer, in µs; none where nothing does.
    cpu_us: Option<f64>,
}

impl Side<'_> {
    fn server(&self) -> Option<&Server> {
        match &self.way {
            Way::Pgbench { through, .. } => *through,
            Way::Direct => None,
            Way::Oha { server, .. } => Some(server),
            Way::Node { server, .. } => *server,
        }
    }

    fn cpu(&self) -> Outcome<Option<f64>> {
        self.server().map(|server| server.process.cpu_seconds_of_all()).transpose()
    }

    fn run(&self, bench: &Bench, seconds: u32) -> Outcome<Turn> {
        let before = self.cpu()?;
        let seen = match &self.way {
            Way::Pgbench { url, protocol, ids, .. } => {
                pgbench::run(bench, url, *protocol, (self.clients, *ids), seconds)?
            }
            Way::Direct => {
                let crowd = Crowd { clients: self.clients, seconds, read: SELECT, ids: Some(ROWS), ..Crowd::default() };
                Crowd { prepared: true, ..crowd }.directly(bench)?.into()
            }
            Way::Oha { server, load } => load.lasting(seconds).run(bench, server)?,
            Way::Node { way, server, kept } => node(bench, way, *server, *kept, self.clients, seconds)?,
        };
        if seen.answered == 0 {
            return Err(format!("{}: no answers: {:?}", self.name, seen.failed).into());
        }
        let used = before.zip(self.cpu()?).map(|(before, after)| (after - before) * 1e6 / float(seen.answered));
        Ok(Turn { cpu_us: used, seen })
    }
}

/// What clients of Node print.
#[derive(Deserialize)]
pub(crate) struct Told {
    answered: u64,
    per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
    slowest_ms: f64,
    failed: std::collections::BTreeMap<String, u64>,
}

impl From<Told> for Seen {
    fn from(told: Told) -> Self {
        let Told { answered, per_second, p50_ms, p99_ms, slowest_ms, failed } = told;
        Self { answered, failed, per_second, p50_ms, p99_ms, slowest_ms }
    }
}

/// Clients of Node: Neon's driver at a server, or node-postgres with a pool.
fn node(bench: &Bench, way: &str, server: Option<&Server>, kept: bool, clients: u32, seconds: u32) -> Outcome<Seen> {
    let script = node_folder().join("clients.mjs");
    let mut command = processes::command(Path::new("node"), &[script.as_os_str()]);
    command
        .env("WAY", way)
        .env("ADDRESS", server.map_or("", |server| &server.address))
        .env("KEY", servers::KEY)
        .env("DATABASE_URL", &bench.database.url)
        .env("QUERY", SELECT)
        .env("ROWS", ROWS.to_string())
        .env("KEPT", if kept { KEPT.to_string() } else { String::new() })
        .env("CLIENTS", clients.to_string())
        .env("SECONDS", seconds.to_string());
    let patience = Duration::from_secs(u64::from(seconds) + 60);
    let told: Told = serde_json::from_str(&processes::output("clients", command, &bench.scratch, patience)?)?;
    Ok(told.into())
}

pub(crate) fn run(bench: &Bench) -> Outcome<Chapter> {
    let (proxy, pool, hono) = (servers::pool_proxy(bench)?, servers::bare_pool(bench)?, servers::hono(bench)?);
    let mut notes = vec![
        "pgbench and tokio-postgres are lean programs over Postgres's own protocol and get rows, oha and Node speak HTTP and get JSON: \
         requests/s of different clients hold their work on the same cores, too. CPU is that of what stands between client and Postgres, \
         all of its processes; where nothing stands between, there is none."
            .to_owned(),
        "pgbench tells no percentiles: its p50 is its mean.".to_owned(),
        "A Node process makes only so many requests by fetch, wherever they go: that is what limits Neon's driver here, and whoever is asked \
         seldom takes more CPU for each, since it goes to sleep and wakes for it."
            .to_owned(),
        "Of the servers here only pool-proxy speaks what Neon's driver does: neither npm nor crates.io has another, and Neon's own comes as \
         a container. Prisma's clients are in the next chapter, and in the part plans."
            .to_owned(),
    ];
    let bouncer = match (&bench.options.pgbouncer, &bench.options.pgbench) {
        (Some(program), Some(_)) => Some(pgbouncer::start(bench, program, MANY)?),
        _ => None,
    };
    let pgpool = |name, caches| match (&bench.options.pgpool, &bench.options.pgbench) {
        (Some(program), Some(_)) => pgpool::start(bench, program, name, FEW, caches).map(Some),
        _ => Ok(None),
    };
    let (plain, caching) = (pgpool("pgpool-II", false)?, pgpool("pgpool-II, its query cache", true)?);
    notes.push(if bouncer.is_some() && plain.is_some() {
        "PgBouncer and pgpool-II are Debian's, PgBouncer an old 1.18: by transactions it keeps no prepared statements, which 1.21 and later \
         do. So its clients send theirs to be parsed anew each time (`-M extended`). pgpool-II has a process and a connection to Postgres \
         for each client, and takes no more; its cache is asked by the text with the value in it (`-M simple`), and knows of writes \
         through itself alone."
            .to_owned()
    } else {
        "pgbench, PgBouncer or pgpool-II is left out: it is not here (Debian's packages are `postgresql`, `pgbouncer`, `pgpool2`)."
            .to_owned()
    });

    let sides = sides(bench, [&proxy, &pool, &hono], bouncer.as_ref(), [plain.as_ref(), caching.as_ref()]);
    let rounds = hold(bench, &sides)?;
    let failed = rounds.iter().flatten().map(|turn| turn.seen.failures()).sum();
    let mut bars = ratios(&sides, &rounds);
    bars.push(Bar::of("failed requests, all sides", float(failed), Asked::AtMost(0.0)));
    Ok(Chapter {
        title: "Beside others",
        question: format!(
            "One row by its primary key, a random one of {ROWS}, from caches one of {KEPT}; poolers and HTTP servers have {POOL} \
             connections to Postgres, direct clients one each."
        ),
        command: format!("pgbench -n -j 2 -M prepared -c {MANY} -T 8 -f select.sql"),
        bars,
        standings: Vec::new(),
        rounds: Vec::new(),
        tables: vec![Table {
            head: vec!["way", "clients", "requests/s", "CPU between, µs", "p50, ms", "p99, ms", "failed"],
            rows: sides.iter().enumerate().map(|(index, side)| row(side, &rounds, index)).collect(),
        }],
        crowds: Vec::new(),
        notes,
    })
}

const PREPARED: &str = "pgbench, direct, prepared";
const SIMPLE: &str = "pgbench, direct, simple";
const EXTENDED: &str = "pgbench, direct, extended";
const BOUNCER: &str = "pgbench, PgBouncer, extended";
const PGPOOL: &str = "pgbench, pgpool-II, simple";
const PGPOOL_HIT: &str = "pgbench, pgpool-II, query cache";
const SELECTED: &str = "oha, pool-proxy, uncached";
const HIT: &str = "oha, pool-proxy, cached";
const FEW_HIT: &str = "oha, pool-proxy, cached, as few clients";
const NEON: &str = "Neon's driver, pool-proxy, uncached";
const NODE: &str = "node-postgres, direct";

fn sides<'b>(
    bench: &'b Bench,
    [proxy, pool, hono]: [&'b Server; 3],
    bouncer: Option<&'b (Server, String)>,
    [plain, caching]: [Option<&'b (Server, String)>; 2],
) -> Vec<Side<'b>> {
    let mut sides = Vec::new();
    let direct = &bench.database.url;
    if bench.options.pgbench.is_some() {
        for (name, protocol, clients) in
            [(PREPARED, Protocol::Prepared, MANY), (EXTENDED, Protocol::Extended, FEW), (SIMPLE, Protocol::Simple, FEW)]
        {
            let way = Way::Pgbench { url: direct.clone(), protocol, ids: ROWS, through: None };
            sides.push(Side { name, clients, way });
        }
    }
    for (name, protocol, clients, ids, server) in [
        (BOUNCER, Protocol::Extended, MANY, ROWS, bouncer),
        (PGPOOL, Protocol::Simple, FEW, ROWS, plain),
        (PGPOOL_HIT, Protocol::Simple, FEW, KEPT, caching),
    ] {
        if let Some((server, url)) = server {
            let way = Way::Pgbench { url: url.clone(), protocol, ids, through: Some(server) };
            sides.push(Side { name, clients, way });
        }
    }
    sides.push(Side { name: "tokio-postgres, direct, prepared", clients: FEW, way: Way::Direct });
    let any = Request::PostAny("/sql", bench.scratch.bodies());
    let oha = |server, clients, headers: &[&str]| Way::Oha {
        server,
        load: Load {
            clients,
            seconds: bench.options.seconds(),
            headers: servers::headers(headers),
            request: any.clone(),
            transport: Transport::Plain,
        },
    };
    sides.extend([
        Side { name: "oha, bare-pool", clients: MANY, way: oha(pool, MANY, &[]) },
        Side { name: "oha, hono + node-postgres", clients: MANY, way: oha(hono, MANY, &[]) },
        Side { name: SELECTED, clients: MANY, way: oha(proxy, MANY, &[]) },
        Side { name: HIT, clients: MANY, way: oha(proxy, MANY, &["Cache-Control: max-age=600"]) },
        Side { name: FEW_HIT, clients: FEW, way: oha(proxy, FEW, &["Cache-Control: max-age=600"]) },
    ]);
    for (name, way, server, kept) in [
        (NODE, "pg", None, false),
        (NEON, "neon", Some(proxy), false),
        ("Neon's driver, pool-proxy, cached", "neon", Some(proxy), true),
    ] {
        sides.push(Side { name, clients: MANY, way: Way::Node { way, server, kept } });
    }
    sides
}

/// All sides in turn: one uncounted second each, unless it is to be quick, then the rounds.
fn hold(bench: &Bench, sides: &[Side<'_>]) -> Outcome<Vec<Vec<Turn>>> {
    if !bench.options.is_quick() {
        for side in sides {
            side.run(bench, 1)?;
        }
    }
    // Half of what other parts take: there are many.
    let seconds = bench.options.seconds().div_ceil(2);
    let mut rounds = Vec::new();
    for number in 1..=bench.options.rounds() {
        let mut round = Vec::new();
        for side in sides {
            let turn = side.run(bench, seconds)?;
            progress(&format!("peers: round {number}: {}: {:.0} requests/s", side.name, turn.seen.per_second));
            round.push(turn);
        }
        rounds.push(round);
    }
    Ok(rounds)
}

fn ratios(sides: &[Side<'_>], rounds: &[Vec<Turn>]) -> Vec<Bar> {
    let place = |name: &str| sides.iter().position(|side| side.name == name);
    let of = |what: &str, one: &str, other: &str, figure: fn(&Turn) -> f64| {
        let (left, right) = (place(one)?, place(other)?);
        let each = rounds.iter().map(|round| figure(&round[left]) / figure(&round[right])).collect();
        Some(Bar::of_rounds(format!("{what}, {one} / {other}"), each, Asked::Nothing))
    };
    let rate: fn(&Turn) -> f64 = |turn| turn.seen.per_second;
    let cpu: fn(&Turn) -> f64 = |turn| turn.cpu_us.unwrap_or_default();
    [
        of("requests/s", BOUNCER, EXTENDED, rate),
        of("requests/s", PGPOOL, SIMPLE, rate),
        of("requests/s", PGPOOL_HIT, SIMPLE, rate),
        of("requests/s", SELECTED, PREPARED, rate),
        of("requests/s", SELECTED, BOUNCER, rate),
        of("CPU between", SELECTED, BOUNCER, cpu),
        of("requests/s", FEW_HIT, PGPOOL_HIT, rate),
        of("CPU between", FEW_HIT, PGPOOL_HIT, cpu),
        of("requests/s", HIT, PREPARED, rate),
        of("requests/s", NEON, NODE, rate),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn row(side: &Side<'_>, rounds: &[Vec<Turn>], index: usize) -> Vec<String> {
    let turns = || rounds.iter().map(|round| &round[index]);
    let middle = |of: fn(&Turn) -> f64| median(turns().map(of));
    let some = |value: f64| if value > 0.0 { format!("{value:.2}") } else { "-".to_owned() };
    vec![
        side.name.to_owned(),
        side.clients.to_string(),
        format!("{:.0}", middle(|turn| turn.seen.per_second)),
        match side.server() {
            Some(_) => format!("{:.1}", middle(|turn| turn.cpu_us.unwrap_or_default())),
            None => "-".to_owned(),
        },
        some(middle(|turn| turn.seen.p50_ms)),
        some(middle(|turn| turn.seen.p99_ms)),
        turns().map(|turn| turn.seen.failures()).sum::<u64>().to_string(),
    ]
}
