//! Whether a server answers at all, asked without logging in: that takes no connection from anybody.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::address::{Address, resolve};
use super::target::Target;

/// `GSSENCRequest`: its length, and its code. Postgres says yes or no with one byte, and logs nothing when whoever asked
/// leaves then (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
const MAY_I_ENCRYPT: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

impl Target {
    /// Whether one of the hosts answers. Has no time limit of its own.
    pub async fn answers(&self) -> bool {
        for host in &self.hosts {
            for address in resolve(host).await.unwrap_or_default() {
                if asked(&address).await.is_some() {
                    return true;
                }
            }
        }
        false
    }
}

async fn asked(address: &Address) -> Option<()> {
    let mut socket = address.open().await.ok()?;
    socket.write_all(&MAY_I_ENCRYPT).await.ok()?;
    socket.read_u8().await.ok().map(drop)
}
