//! `PgBouncer` beside the proxy: pooling by transactions on as many connections, run by somebody else than root.

use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use load::Outcome;
use tokio_postgres::config::Host;

use crate::processes::{self, Process};
use crate::servers::{POOL, Server};
use crate::setup::Bench;

/// Who runs it for root; everybody has this one.
const ACCOUNT: &str = "nobody";

/// Starts it for `clients`; also says where its clients connect to.
pub(crate) fn start(bench: &Bench, program: &Path, clients: u32) -> Outcome<(Server, String)> {
    let name = &bench.database.name;
    // Free a moment ago; that somebody takes it in between is told by PgBouncer.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let file = bench.scratch.file("pgbouncer.ini");
    std::fs::write(&file, "")?;
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600))?;
    let text = format!(
        "[databases]\n{name} = {}\n\
         [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
         default_pool_size = {POOL}\nmax_db_connections = {POOL}\nmax_client_conn = {}\nlog_connections = 0\n\
         log_disconnections = 0\n",
        server_of(&bench.database.url)?,
        address.port(),
        clients + 100
    );
    std::fs::write(&file, text)?;
    let rights = rights()?;
    if let Some((user, group)) = rights {
        chown(&file, Some(user), Some(group))?;
    }
    let rights = rights.map(options_of).unwrap_or_default();
    let command = processes::command_of(&rights, program, &[file.as_os_str()]);
    let mut process = Process::start("PgBouncer", command, bench.scratch.file("pgbouncer.log"))?;
    process.wait_listening(&address.to_string())?;
    let at_rest = process.memory()?;
    let address = address.to_string();
    let url = format!("postgres://bench@{address}/{name}");
    Ok((Server { name: "PgBouncer", address, process, cert: None, at_rest, behind: None }, url))
}

/// The part of a URL that `PgBouncer` wants, in its own form.
fn server_of(url: &str) -> Outcome<String> {
    let config: tokio_postgres::Config = url.parse()?;
    let host = match config.get_hosts() {
        [Host::Tcp(host)] => host.clone(),
        [Host::Unix(folder)] => folder.display().to_string(),
        _ => return Err("the benchmark's Postgres should have one host".into()),
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    let mut words = vec![format!("host={host} port={port}")];
    let password = String::from_utf8_lossy(config.get_password().unwrap_or_default());
    let texts = [("dbname", config.get_dbname()), ("user", config.get_user()), ("password", Some(&*password))];
    for (key, text) in texts {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            words.push(format!("{key}='{}'", text.replace('\'', "''")));
        }
    }
    Ok(words.join(" "))
}

/// The user and group that run what refuses to be run by root; none where it is not root who asks.
pub(crate) fn rights() -> Outcome<Option<(u32, u32)>> {
    Ok(if id(&["-u"])? == 0 { Some((id(&["-u", ACCOUNT])?, id(&["-g", ACCOUNT])?)) } else { None })
}

/// The same as options of `setpriv`.
pub(crate) fn options_of((user, group): (u32, u32)) -> Vec<String> {
    vec![format!("--reuid={user}"), format!("--regid={group}"), "--clear-groups".to_owned()]
}

/// What `id` prints.
fn id(arguments: &[&str]) -> Outcome<u32> {
    let done = Command::new("id").args(arguments).output()?;
    let text = String::from_utf8(done.stdout)?;
    text.trim().parse().map_err(|_| format!("`id {}` says `{}`", arguments.join(" "), text.trim()).into())
}

#[cfg(test)]
mod tests {
    use super::server_of;

    #[test]
    fn a_url_is_written_as_pgbouncer_reads_it() {
        let check = |url: &str, expected: &str| assert_eq!(server_of(url).expect("a URL"), expected);
        check("postgres://u:p'w@127.0.0.1:5/d", "host=127.0.0.1 port=5 dbname='d' user='u' password='p''w'");
        check("postgres://u@h/d", "host=h port=5432 dbname='d' user='u'");
    }
}
