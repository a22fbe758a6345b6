//! What the figures were taken on: the machine and the versions of everything that took part.

use std::path::Path;
use std::process::Command;

use load::Outcome;
use serde::Serialize;

use crate::setup::{Bench, clients_folder, edge_folder, node_folder};
use crate::sql::Sql;

/// The machine.
#[derive(Serialize)]
pub(crate) struct Machine {
    pub(crate) cores: usize,
    pub(crate) model: String,
    pub(crate) memory_gib: String,
    pub(crate) kernel: String,
    /// Of the last minute before the run: other work disturbs.
    pub(crate) load_before: String,
}

/// The versions, each as the program itself tells it.
#[derive(Serialize)]
pub(crate) struct Versions {
    pub(crate) pool_proxy: String,
    pub(crate) postgres: String,
    pub(crate) rustc: String,
    pub(crate) oha: String,
    pub(crate) node: String,
    pub(crate) hono: String,
    pub(crate) node_postgres: String,
    pub(crate) prisma: String,
    pub(crate) query_plan_executor: String,
    pub(crate) workerd: String,
    pub(crate) pgbouncer: String,
}

pub(crate) fn machine() -> Outcome<Machine> {
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or_default();
    let memory = read("/proc/meminfo");
    let kib: f64 = memory.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or_default();
    Ok(Machine {
        cores: std::thread::available_parallelism()?.get(),
        model: model.trim_start_matches(['\t', ' ', ':']).to_owned(),
        memory_gib: format!("{:.1}", kib / 1_048_576.0),
        kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
        load_before: read("/proc/loadavg").split(' ').next().unwrap_or_default().to_owned(),
    })
}

pub(crate) fn versions(bench: &Bench) -> Outcome<Versions> {
    Ok(Versions {
        pool_proxy: version_of(&bench.options.proxy_binary()?),
        postgres: Sql::connect(&bench.options.postgres)?.text("SHOW server_version")?,
        rustc: version_of(Path::new("rustc")),
        oha: version_of(&bench.options.oha),
        node: version_of(Path::new("node")),
        hono: package_version(&node_folder(), "hono"),
        node_postgres: package_version(&node_folder(), "pg"),
        prisma: package_version(&clients_folder(), "@prisma/client"),
        query_plan_executor: package_version(&clients_folder(), "@prisma/query-plan-executor"),
        workerd: workerd_version(),
        pgbouncer: bench.options.pgbouncer.as_deref().map_or_else(|| "not here".to_owned(), version_of),
    })
}

fn version_of(program: &Path) -> String {
    let answer = Command::new(program).arg("--version").output().ok().filter(|answer| answer.status.success());
    answer.map_or("unknown".to_owned(), |answer| {
        String::from_utf8_lossy(&answer.stdout).lines().next().unwrap_or_default().trim().to_owned()
    })
}

/// Of the one that is started: the one named, else the npm package's.
fn workerd_version() -> String {
    match std::env::var_os("WORKERD_BIN").filter(|named| !named.is_empty()) {
        Some(named) => version_of(Path::new(&named)),
        None => package_version(&edge_folder(), "workerd"),
    }
}

fn package_version(folder: &Path, package: &str) -> String {
    let text = read(folder.join("node_modules").join(package).join("package.json"));
    let manifest: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    manifest.and_then(|manifest| Some(manifest["version"].as_str()?.to_owned())).unwrap_or("unknown".to_owned())
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}
