//! Where a server is, resolved, and how reaching it can fail.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};

use super::socket::Socket;
use super::target::Host;

/// How long a socket is silent before the kernel asks whether the other side is there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// How long what was sent may stay unacknowledged before the kernel gives the connection up
/// (<https://www.postgresql.org/docs/current/runtime-config-connection.html#GUC-TCP-USER-TIMEOUT> is the server's own).
/// A server at work acknowledges: this is about one that is out of reach.
#[cfg(target_os = "linux")]
const UNREACHED: Duration = Duration::from_secs(20);

/// How far an attempt to connect came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Resolving the name.
    Dns,
    /// Reaching the address.
    Tcp,
    /// Encrypting.
    Tls,
    /// Logging in.
    Authentication,
    /// Being one of the servers that are asked for (`target_session_attrs`).
    Role,
    /// Starting the session.
    Startup,
}

impl Stage {
    /// The stage's name, as `check` prints it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dns => "DNS",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Authentication => "authentication",
            Self::Role => "role",
            Self::Startup => "startup",
        }
    }
}

/// Why no connection could be opened. Names no password.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{}: {message}", stage.as_str())]
pub struct ConnectError {
    /// How far it came.
    pub stage: Stage,
    /// What went wrong there.
    pub message: String,
    /// The SQLSTATE, where Postgres spoke.
    pub code: Option<String>,
}

impl ConnectError {
    pub(super) fn new(stage: Stage, message: impl Into<String>) -> Self {
        Self { stage, message: message.into(), code: None }
    }

    /// The server has no room for another connection, though it is well (53300 `too_many_connections`).
    pub fn is_full(&self) -> bool {
        self.code.as_deref() == Some("53300")
    }

    /// As if the server had said that it is full.
    pub fn full() -> Self {
        let message = "the server is full".to_owned();
        Self { stage: Stage::Startup, message, code: Some("53300".to_owned()) }
    }

    pub(super) fn timed_out(address: &Address) -> Self {
        Self::new(Stage::Tcp, format!("{address} did not answer in time"))
    }

    pub(super) fn startup(error: &tokio_postgres::Error) -> Self {
        let Some(said) = error.as_db_error() else {
            let message = describe(error);
            // tokio-postgres does not say of what kind its own errors are, except in words.
            let stage =
                if message.starts_with("authentication error") { Stage::Authentication } else { Stage::Startup };
            return Self::new(stage, message);
        };
        let code = said.code().code();
        let stage = if code.starts_with("28") { Stage::Authentication } else { Stage::Startup };
        Self { stage, message: said.message().to_owned(), code: Some(code.to_owned()) }
    }
}

/// An error with its causes, which tokio-postgres does not print itself.
pub(super) fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// One resolved address, and the name it was resolved from.
#[derive(Debug, Clone)]
pub(super) struct Address {
    pub(super) name: String,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.place {
            Place::Tcp(address) => write!(f, "{} ({address})", self.name),
            Place::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Address {
    /// Whether it is a Unix socket, over which TLS is not a thing.
    pub(super) fn is_unix(&self) -> bool {
        matches!(self.place, Place::Unix(_))
    }

    pub(super) async fn open(&self) -> Result<Socket, ConnectError> {
        let failed = |error: io::Error| ConnectError::new(Stage::Tcp, format!("{self}: {error}"));
        match &self.place {
            Place::Tcp(address) => {
                let socket = TcpStream::connect(address).await.map_err(failed)?;
                socket.set_nodelay(true).map_err(failed)?;
                let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
                SockRef::from(&socket).set_tcp_keepalive(&keepalive).map_err(failed)?;
                #[cfg(target_os = "linux")]
                SockRef::from(&socket).set_tcp_user_timeout(Some(UNREACHED)).map_err(failed)?;
                Ok(socket.into())
            }
            Place::Unix(path) => Ok(UnixStream::connect(path).await.map_err(failed)?.into()),
        }
    }
}

/// All addresses of a host.
pub(super) async fn resolve(host: &Host) -> Result<Vec<Address>, ConnectError> {
    match host {
        Host::Unix(folder, port) => Ok(vec![Address {
            name: "localhost".to_owned(),
            place: Place::Unix(folder.join(format!(".s.PGSQL.{port}"))),
        }]),
        Host::Tcp(name, port) => {
            let failed = |error: io::Error| ConnectError::new(Stage::Dns, format!("{name}: {error}"));
            let found = tokio::net::lookup_host((name.as_str(), *port)).await.map_err(failed)?;
            Ok(found.map(|address| Address { name: name.clone(), place: Place::Tcp(address) }).collect())
        }
    }
}
