//! Ports on 127.0.0.1 for what `dev` starts.

use std::net::{Ipv4Addr, TcpListener};

use harness::Error;

/// A free port: the one asked for, or the first free one from the usual one on.
pub(super) fn free(flag: &str, asked: Option<u16>, usual: u16, taken: &[u16]) -> Result<u16, Error> {
    let free = |port: u16| !taken.contains(&port) && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    match asked {
        Some(0) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|it| it.local_addr())
            .map(|address| address.port())
            .map_err(Error::doing("choosing a free port")),
        Some(port) if free(port) => Ok(port),
        Some(port) => {
            Err(Error::new(format!("port {port} on 127.0.0.1 is taken: choose another with {flag}, or leave it out")))
        }
        None => {
            let found = (usual..usual + 100).find(|port| free(*port));
            let found =
                found.ok_or_else(|| Error::new(format!("no free port from {usual} on: choose one with {flag}")))?;
            if found != usual {
                eprintln!("port {usual} is taken, using {found}");
            }
            Ok(found)
        }
    }
}
