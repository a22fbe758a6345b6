//! Whether a server answers at all, asked without logging in: that takes no connection from anybody.

use std::io;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::address::{Address, ConnectError, Stage, resolve};
use super::target::{Host, Target};

/// `GSSENCRequest`: its length, and its code. Postgres says yes or no with one byte, and logs nothing when whoever asked
/// leaves then (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
const MAY_I_ENCRYPT: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 48];

impl Target {
    /// Whether one of the hosts answers. Has no time limit of its own.
    pub async fn answers(&self) -> bool {
        self.first_of(asked).await.is_ok()
    }
}

async fn asked(host: &Host) -> Result<(), ConnectError> {
    let mut last = ConnectError::new(Stage::Dns, "the host has no address");
    for address in resolve(host).await? {
        match asked_at(&address).await {
            Ok(()) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn asked_at(address: &Address) -> Result<(), ConnectError> {
    let mut socket = address.open().await?;
    let failed = |error: io::Error| ConnectError::new(Stage::Tcp, format!("{address}: {error}"));
    socket.write_all(&MAY_I_ENCRYPT).await.map_err(failed)?;
    socket.read_u8().await.map_err(failed).map(drop)
}
