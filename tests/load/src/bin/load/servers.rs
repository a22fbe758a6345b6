//! The servers: how each is started. All listen on a free port of 127.0.0.1.

use std::ffi::OsStr;
use std::path::Path;

use harness::Workerd;
use load::Outcome;

use crate::options::sibling;
use crate::processes::{self, Memory, Process};
use crate::setup::{Bench, node_folder};

/// The key of the proxy under test; it lives for this run, on loopback.
const KEY: &str = "pool-proxy-bench-0123456789abcdef";
/// Nobody signs in while it is measured; without one the edge API answers nothing.
const JWT_SECRET: &str = "pool-proxy-bench-0123456789abcdef-signs-nothing";
/// Connections of every pool.
pub(crate) const POOL: i64 = 10;

/// A server that answers.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) process: Process,
    /// Resident memory before the first request.
    pub(crate) at_rest: Memory,
    /// The proxy that it asks, if it is in front of one of its own.
    pub(crate) behind: Option<Box<Server>>,
}

/// The headers that every server gets, needed or not.
pub(crate) fn headers(more: &[&str]) -> Vec<String> {
    let mut headers = vec![format!("Authorization: Bearer {KEY}")];
    headers.extend(more.iter().map(ToString::to_string));
    headers
}

pub(crate) fn pool_proxy(bench: &Bench) -> Outcome<Server> {
    pool_proxy_named(bench, "pool-proxy")
}

fn pool_proxy_named(bench: &Bench, name: &'static str) -> Outcome<Server> {
    let binary = bench.options.proxy_binary()?;
    start(bench, name, &binary, &["serve".as_ref(), "--ready-file".as_ref()])
}

/// The edge API's Worker in workerd, in front of a proxy of its own that may keep its reads for `ttl` seconds.
pub(crate) fn edge_api(bench: &Bench, name: &'static str, proxy_name: &'static str, ttl: u32) -> Outcome<Server> {
    let proxy = pool_proxy_named(bench, proxy_name)?;
    let workerd = Workerd::builder()
        .var("POOL_PROXY_URL", format!("http://{}", proxy.address))
        .var("POOL_PROXY_KEY", KEY)
        .var("JWT_SECRET", JWT_SECRET)
        .var("CACHE_TTL_SECONDS", ttl.to_string())
        .try_start()?;
    let address = workerd.url().trim_start_matches("http://").to_owned();
    let process = Process::of_workerd(name, workerd);
    let at_rest = process.memory()?;
    Ok(Server { name, address, process, at_rest, behind: Some(Box::new(proxy)) })
}

pub(crate) fn bare_hyper(bench: &Bench, body: &Path, content_type: &str) -> Outcome<Server> {
    let arguments: [&OsStr; 5] = [
        "--body".as_ref(),
        body.as_os_str(),
        "--content-type".as_ref(),
        content_type.as_ref(),
        "--ready-file".as_ref(),
    ];
    start(bench, "bare-hyper", &sibling("bare-hyper")?, &arguments)
}

pub(crate) fn bare_pool(bench: &Bench) -> Outcome<Server> {
    start(bench, "bare-pool", &sibling("bare-pool")?, &["--ready-file".as_ref()])
}

pub(crate) fn hono(bench: &Bench) -> Outcome<Server> {
    let script = node_folder().join("server.mjs");
    start(bench, "hono + node-postgres", Path::new("node"), &[script.as_os_str()])
}

/// Starts `program` with its ready file as the last argument and in the environment (the Node script reads that).
fn start(bench: &Bench, name: &'static str, program: &Path, arguments: &[&OsStr]) -> Outcome<Server> {
    let file = name.replace(' ', "");
    let (ready, log) = (bench.scratch.file(&format!("{file}.ready")), bench.scratch.file(&format!("{file}.log")));
    // A server of an earlier part may have left one.
    let _ = std::fs::remove_file(&ready);
    let mut arguments = arguments.to_vec();
    arguments.push(ready.as_os_str());
    let mut command = processes::command(program, &arguments);
    command
        .env("DATABASE_URL", &bench.database.url)
        .env("READY_FILE", &ready)
        .env("NODE_ENV", "production")
        .env("POOL_PROXY_KEY", KEY)
        .env("POOL_PROXY_LISTEN", "127.0.0.1:0")
        .env("POOL_PROXY_OPS_LISTEN", "127.0.0.1:0")
        .env("POOL_PROXY_POOL_MAX", POOL.to_string())
        .env("POOL_PROXY_LOG", "text,warn");
    let mut process = Process::start(name, command, log)?;
    let address = process.wait_ready(&ready)?;
    let at_rest = process.memory()?;
    Ok(Server { name, address, process, at_rest, behind: None })
}
