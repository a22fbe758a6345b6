//! pgpool-II beside the proxy, for its query cache: run by somebody else than root, one process for each client.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use load::Outcome;
use tokio_postgres::config::Host;

use crate::pgbouncer;
use crate::processes::{self, Ending, Process};
use crate::servers::Server;
use crate::setup::Bench;

/// Starts it for so many clients, each of which keeps a connection to Postgres; also says where its clients connect to. With `caches` it keeps
/// answers in shared memory, and drops those of a table that is written to through it.
pub(crate) fn start(
    bench: &Bench,
    program: &Path,
    name: &'static str,
    clients: u32,
    caches: bool,
) -> Outcome<(Server, String)> {
    // Free a moment ago; that somebody takes one in between is told by pgpool.
    let [port, control] = [free_port()?, free_port()?];
    let folder = bench.scratch.file(if caches { "pgpool-cache" } else { "pgpool" });
    std::fs::create_dir_all(&folder)?;
    let file = folder.join("pgpool.conf");
    std::fs::write(&file, settings(bench, &folder, (port, control), clients, caches)?)?;
    let config: tokio_postgres::Config = bench.database.url.parse()?;
    let user = config.get_user().unwrap_or("postgres");
    let password = config.get_password().map(String::from_utf8_lossy);
    let passwords = folder.join("pool_passwd");
    std::fs::write(&passwords, password.as_ref().map(|it| format!("{user}:TEXT{it}\n")).unwrap_or_default())?;
    let rights = pgbouncer::rights()?;
    for path in [&folder, &file, &passwords] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o700))?;
        if let Some((user, group)) = rights {
            chown(path, Some(user), Some(group))?;
        }
    }
    let rights = rights.map(pgbouncer::options_of).unwrap_or_default();
    let command = processes::command_ending(
        Ending::Interrupt,
        &rights,
        program,
        &["-n".as_ref(), "-f".as_ref(), file.as_os_str()],
    );
    let mut process = Process::start(name, command, bench.scratch.file("pgpool.log"))?.ending(Ending::Interrupt);
    let address = format!("127.0.0.1:{port}");
    process.wait_listening(&address)?;
    let at_rest = process.memory()?;
    let password = password.map(|it| format!(":{it}")).unwrap_or_default();
    let url = format!("postgres://{user}{password}@{address}/{}?sslmode=disable", bench.database.name);
    Ok((Server { name, address, process, cert: None, at_rest, behind: None }, url))
}

fn free_port() -> Outcome<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn settings(bench: &Bench, folder: &Path, (port, control): (u16, u16), clients: u32, caches: bool) -> Outcome<String> {
    let config: tokio_postgres::Config = bench.database.url.parse()?;
    let host = match config.get_hosts() {
        [Host::Tcp(host)] => host.clone(),
        [Host::Unix(folder)] => folder.display().to_string(),
        _ => return Err("the benchmark's Postgres should have one host".into()),
    };
    let backend_port = config.get_ports().first().copied().unwrap_or(5432);
    let mut text = String::new();
    let mut set = |name: &str, value: &str| {
        let _ = writeln!(text, "{name} = '{}'", value.replace('\'', "''"));
    };
    set("backend_clustering_mode", "raw");
    set("listen_addresses", "127.0.0.1");
    set("port", &port.to_string());
    set("pcp_port", &control.to_string());
    set("pcp_listen_addresses", "");
    for name in ["socket_dir", "pcp_socket_dir", "logdir"] {
        set(name, &folder.display().to_string());
    }
    set("pid_file_name", &folder.join("pid").display().to_string());
    set("backend_hostname0", &host);
    set("backend_port0", &backend_port.to_string());
    set("backend_flag0", "DISALLOW_TO_FAILOVER");
    set("num_init_children", &clients.to_string());
    set("max_pool", "1");
    for name in
        ["child_life_time", "connection_life_time", "client_idle_limit", "health_check_period", "sr_check_period"]
    {
        set(name, "0");
    }
    for name in ["enable_pool_hba", "load_balance_mode", "use_watchdog"] {
        set(name, "off");
    }
    set("pool_passwd", &folder.join("pool_passwd").display().to_string());
    set("log_min_messages", "warning");
    if caches {
        set("memory_cache_enabled", "on");
        set("memqcache_method", "shmem");
        set("memqcache_total_size", "256MB");
        set("memqcache_max_num_cache", "200000");
        set("memqcache_expire", "0");
        set("memqcache_auto_cache_invalidation", "on");
        set("memqcache_oiddir", &folder.display().to_string());
    }
    Ok(text)
}
