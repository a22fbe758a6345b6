//! Prisma's client with its Accelerate extension, at the proxy and at `prisma-accelerate-local`, which npm has for the same purpose.
//! That runs what clients send as queries; the proxy, and so what applications are made for it, query plans. Prisma 6.19 makes
//! clients of either kind from the same schema but for one line, and the application is the same.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use load::Outcome;

use crate::contest::{self, Contest, Generator};
use crate::figures::Asked;
use crate::oha::Seen;
use crate::peers::Told;
use crate::processes::{self, Process};
use crate::report::Chapter;
use crate::servers::{self, POOL, Server};
use crate::setup::{Bench, ROWS, clients_folder, node_folder, progress};

/// In one Node process, which is busy with fewer.
const CLIENTS: u32 = 10;
/// Ids of what is read from the cache: all are kept after a moment.
const KEPT: u32 = 1_000;
const LOCAL: &str = "prisma-accelerate-local";
const CACHED: &str = "pool-proxy, cacheStrategy";

/// Nothing where the packages are not installed.
pub(crate) fn run(bench: &Bench) -> Outcome<Option<Chapter>> {
    let packages = [folder().join("node_modules"), clients_folder().join("prisma/v6.19/node_modules")];
    if let Some(missing) = packages.iter().find(|folder| !folder.is_dir()) {
        progress(&format!("{LOCAL} is left out: {} is not there", missing.display()));
        return Ok(None);
    }
    let made = bench.scratch.file("accelerate");
    let mut node = Command::new("node");
    let done = node.arg(node_folder().join("accelerate.mjs")).arg("make").arg(&made).output()?;
    if !done.status.success() {
        return Err(format!("node/accelerate.mjs: {}", String::from_utf8_lossy(&done.stderr).trim()).into());
    }
    let (proxy, cached, local) =
        (servers::pool_proxy(bench)?, servers::pool_proxy_with(bench, CACHED, &[])?, local(bench)?);
    let sides = [&proxy, &cached, &local];
    // Half of what other parts take: each turn has a second before that counts for nothing.
    let load = Application { made, seconds: bench.options.seconds().div_ceil(2) };
    let contest = Contest::hold(bench, LOCAL, &sides, &load)?;
    let standings = sides.map(|server| contest.standing(server)).into_iter().collect::<Outcome<_>>()?;
    Ok(Some(Chapter {
        title: "Prisma 6 beside prisma-accelerate-local",
        question: format!(
            "{CLIENTS} clients in one Node process have the same application ask for one of {ROWS} rows by its primary key: `findUnique` \
             of Prisma's client 6.19 with its Accelerate extension. Both servers have {POOL} connections. With a `cacheStrategy` it is one \
             of {KEPT} rows, and the proxy keeps them; {LOCAL} knows none and would ask Postgres each time."
        ),
        command: "node accelerate.mjs ask".to_owned(),
        bars: vec![
            contest.ratio("requests per CPU second", contest::per_cpu_second, &proxy, &local, Asked::Nothing),
            contest.ratio("requests/s", contest::per_second, &proxy, &local, Asked::Nothing),
            contest.ratio("requests per CPU second", contest::per_cpu_second, &cached, &local, Asked::Nothing),
            contest.ratio("requests/s", contest::per_second, &cached, &local, Asked::Nothing),
            contest.failures(),
        ],
        standings,
        rounds: contest.into_rounds(),
        tables: Vec::new(),
        crowds: Vec::new(),
        notes: vec![
            format!(
                "{LOCAL} 1.2 runs Prisma's query engine as WebAssembly over node-postgres, in one Node process; the native engine is not on \
                 npm. It needs two lines of help to work with the Prisma that it installs, which `node/accelerate-local/server.cjs` has. It \
                 takes no clients of Prisma 7."
            ),
            "For the proxy the schema says `engineType = \"client\"`: such a client compiles its queries itself, which is work in the \
             application that the other leaves to the server. The Node process of the clients limits requests/s on all sides; the CPU of \
             the servers is not touched by that."
                .to_owned(),
        ],
    }))
}

fn folder() -> PathBuf {
    node_folder().join("accelerate-local")
}

fn local(bench: &Bench) -> Outcome<Server> {
    let script = folder().join("server.cjs");
    let mut command = processes::command(Path::new("node"), &[script.as_os_str()]);
    command.env("DATABASE_URL", &bench.database.url).env("NODE_ENV", "production");
    let mut process = Process::start(LOCAL, command, bench.scratch.file(&format!("{LOCAL}.log")))?;
    let address = process.wait_told()?;
    let at_rest = process.memory()?;
    Ok(Server { name: LOCAL, address, process, cert: None, at_rest, behind: None })
}

/// The application, made for both kinds of servers.
struct Application {
    made: PathBuf,
    seconds: u32,
}

impl Generator for Application {
    fn lasting(&self, seconds: u32) -> Self {
        Self { made: self.made.clone(), seconds }
    }

    fn run(&self, bench: &Bench, server: &Server) -> Outcome<Seen> {
        let script = node_folder().join("accelerate.mjs");
        let mut command = processes::command(Path::new("node"), &[script.as_os_str(), "ask".as_ref()]);
        let (rows, ttl) = if server.name == CACHED { (KEPT, "600") } else { (ROWS, "") };
        command
            .env("FOLDER", &self.made)
            .env("ENGINE", if server.name == LOCAL { "queries" } else { "plans" })
            .env("ADDRESS", &server.address)
            .env("KEY", servers::KEY)
            .env("ROWS", rows.to_string())
            .env("TTL", ttl)
            .env("CLIENTS", CLIENTS.to_string())
            .env("WARM_UP", if bench.options.is_quick() { "0" } else { "1" })
            .env("SECONDS", self.seconds.to_string());
        let patience = Duration::from_secs(u64::from(self.seconds) + 60);
        let told: Told = serde_json::from_str(&processes::output("accelerate", command, &bench.scratch, patience)?)?;
        Ok(told.into())
    }
}
