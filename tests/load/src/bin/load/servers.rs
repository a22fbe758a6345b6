//! The servers: how each is started. All listen on a free port of 127.0.0.1.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use harness::Workerd;
use load::Outcome;

use crate::certificate::Certificate;
use crate::options::sibling;
use crate::processes::{self, Memory, Process};
use crate::setup::{Bench, clients_folder, node_folder};

/// The key of the proxy under test; it lives for this run, on loopback.
pub(crate) const KEY: &str = "pool-proxy-bench-0123456789abcdef";
/// Nobody signs in while it is measured; without one the edge API answers nothing.
const JWT_SECRET: &str = "pool-proxy-bench-0123456789abcdef-signs-nothing";
/// Connections of every pool.
pub(crate) const POOL: i64 = 10;

/// A server that answers.
pub(crate) struct Server {
    pub(crate) name: &'static str,
    pub(crate) address: String,
    pub(crate) process: Process,
    /// The certificate that it shows, if it speaks TLS.
    pub(crate) cert: Option<PathBuf>,
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

/// The arguments of the proxy; its ready file follows.
const SERVE: [&str; 2] = ["serve", "--ready-file"];

pub(crate) fn pool_proxy(bench: &Bench) -> Outcome<Server> {
    pool_proxy_with(bench, "pool-proxy", &[])
}

/// The same under another name, with these variables.
pub(crate) fn pool_proxy_with(bench: &Bench, name: &'static str, variables: &[(&str, &str)]) -> Outcome<Server> {
    start(bench, name, &bench.options.proxy_binary()?, &SERVE.map(OsStr::new), None, variables)
}

pub(crate) fn pool_proxy_over_tls(bench: &Bench, certificate: &Certificate) -> Outcome<Server> {
    start(bench, "pool-proxy", &bench.options.proxy_binary()?, &SERVE.map(OsStr::new), Some(certificate), &[])
}

/// The edge API's Worker in workerd, in front of a proxy of its own that may keep its reads for `ttl` seconds.
pub(crate) fn edge_api(bench: &Bench, name: &'static str, proxy_name: &'static str, ttl: u32) -> Outcome<Server> {
    let proxy = pool_proxy_with(bench, proxy_name, &[])?;
    let workerd = Workerd::builder()
        .var("POOL_PROXY_URL", format!("http://{}", proxy.address))
        .var("POOL_PROXY_KEY", KEY)
        .var("JWT_SECRET", JWT_SECRET)
        .var("CACHE_TTL_SECONDS", ttl.to_string())
        .try_start()?;
    let address = workerd.url().trim_start_matches("http://").to_owned();
    let process = Process::of_workerd(name, workerd);
    let at_rest = process.memory()?;
    Ok(Server { name, address, process, cert: None, at_rest, behind: Some(Box::new(proxy)) })
}

pub(crate) fn bare_hyper(
    bench: &Bench,
    body: &Path,
    content_type: &str,
    certificate: Option<&Certificate>,
) -> Outcome<Server> {
    let mut arguments: Vec<&OsStr> =
        vec!["--body".as_ref(), body.as_ref(), "--content-type".as_ref(), content_type.as_ref()];
    if let Some(Certificate { cert, key }) = certificate {
        arguments.extend::<[&OsStr; 4]>(["--tls-cert".as_ref(), cert.as_ref(), "--tls-key".as_ref(), key.as_ref()]);
    }
    arguments.push("--ready-file".as_ref());
    start(bench, "bare-hyper", &sibling("bare-hyper")?, &arguments, certificate, &[])
}

pub(crate) fn bare_pool(bench: &Bench) -> Outcome<Server> {
    start(bench, "bare-pool", &sibling("bare-pool")?, &["--ready-file".as_ref()], None, &[])
}

/// The same program over one connection, which all requests share.
pub(crate) fn bare_pipeline(bench: &Bench) -> Outcome<Server> {
    let arguments = ["--pipelined", "--ready-file"].map(OsStr::new);
    start(bench, "bare-pool, one pipelined connection", &sibling("bare-pool")?, &arguments, None, &[])
}

pub(crate) fn hono(bench: &Bench) -> Outcome<Server> {
    let script = node_folder().join("server.mjs");
    start(bench, "hono + node-postgres", Path::new("node"), &[script.as_os_str()], None, &[])
}

/// What Prisma has for the plans of its clients, which is on npm: one Node process, node-postgres's pool of ten.
pub(crate) fn reference(bench: &Bench) -> Outcome<Server> {
    let name = "query-plan-executor";
    let script = clients_folder().join("prisma/reference.mjs");
    let mut command = processes::command(Path::new("node"), &[script.as_os_str()]);
    command.env("DATABASE_URL", &bench.database.url).env("NODE_ENV", "production");
    let mut process = Process::start(name, command, bench.scratch.file(&format!("{name}.log")))?;
    let address = process.wait_told()?;
    let at_rest = process.memory()?;
    Ok(Server { name, address, process, cert: None, at_rest, behind: None })
}

/// Runs `program` with what servers are told by variables, and with these.
pub(crate) fn command(bench: &Bench, program: &Path, arguments: &[&OsStr], variables: &[(&str, &str)]) -> Command {
    let mut command = processes::command(program, arguments);
    command
        .env("DATABASE_URL", &bench.database.url)
        .env("NODE_ENV", "production")
        .env("POOL_PROXY_KEY", KEY)
        .env("POOL_PROXY_LISTEN", "127.0.0.1:0")
        .env("POOL_PROXY_OPS_LISTEN", "127.0.0.1:0")
        .env("POOL_PROXY_POOL_MAX", POOL.to_string())
        .env("POOL_PROXY_LOG", "text,warn")
        .envs(variables.iter().copied());
    command
}

/// Starts `program` with its ready file as the last argument and in the environment (the Node script reads that).
pub(crate) fn start(
    bench: &Bench,
    name: &'static str,
    program: &Path,
    arguments: &[&OsStr],
    certificate: Option<&Certificate>,
    variables: &[(&str, &str)],
) -> Outcome<Server> {
    let file = name.replace([' ', ','], "");
    let (ready, log) = (bench.scratch.file(&format!("{file}.ready")), bench.scratch.file(&format!("{file}.log")));
    // A server of an earlier part may have left one.
    let _ = std::fs::remove_file(&ready);
    let mut arguments = arguments.to_vec();
    arguments.push(ready.as_os_str());
    let mut command = command(bench, program, &arguments, variables);
    command.env("READY_FILE", &ready);
    if let Some(Certificate { cert, key }) = certificate {
        command.env("POOL_PROXY_TLS_CERT", cert).env("POOL_PROXY_TLS_KEY", key);
    }
    let mut process = Process::start(name, command, log)?;
    let address = process.wait_ready(&ready)?;
    let at_rest = process.memory()?;
    let cert = certificate.map(|certificate| certificate.cert.clone());
    Ok(Server { name, address, process, cert, at_rest, behind: None })
}
