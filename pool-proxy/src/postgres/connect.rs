//! Opening a connection: resolve, connect, encrypt, authenticate, each with its own error.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Encryption;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::cancel::Canceller;
use super::server::Server;
use super::socket::Socket;
use super::tap::Tap;
use super::target::{Host, Target};
use super::tls::Tls;
use super::wire::Wire;
use crate::drain::Drain;

/// How long a connection that was given up may take to end before its socket is dropped.
const CLOSING: Duration = Duration::from_secs(30);

/// The interval below, and a little more.
const NOTICING: Duration = Duration::from_secs(6);

/// Postgres ends a query within this of losing its client, also when the proxy was killed.
const CHECK_INTERVAL: &str = "-cclient_connection_check_interval=5000";

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
    fn new(stage: Stage, message: impl Into<String>) -> Self {
        Self { stage, message: message.into(), code: None }
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
fn describe(error: &dyn std::error::Error) -> String {
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
    pub(super) async fn open(&self) -> Result<Socket, ConnectError> {
        let failed = |error: io::Error| ConnectError::new(Stage::Tcp, format!("{self}: {error}"));
        match &self.place {
            Place::Tcp(address) => {
                let socket = TcpStream::connect(address).await.map_err(failed)?;
                socket.set_nodelay(true).map_err(failed)?;
                let keepalive =
                    TcpKeepalive::new().with_time(Duration::from_secs(30)).with_interval(Duration::from_secs(10));
                SockRef::from(&socket).set_tcp_keepalive(&keepalive).map_err(failed)?;
                Ok(Socket::Tcp(socket))
            }
            Place::Unix(path) => Ok(Socket::Unix(UnixStream::connect(path).await.map_err(failed)?)),
        }
    }
}

/// TLS with a tap on top of it, under tokio-postgres.
pub(super) struct TapTls {
    connect: RustlsConnect,
    wire: Option<Wire>,
    done: Arc<AtomicBool>,
}

impl TapTls {
    pub(super) fn passive(connect: RustlsConnect) -> Self {
        Self { connect, wire: None, done: Arc::default() }
    }
}

impl TlsConnect<Socket> for TapTls {
    type Stream = Tap<<RustlsConnect as TlsConnect<Socket>>::Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Stream>> + Send>>;

    fn connect(self, stream: Socket) -> Self::Future {
        let connecting = self.connect.connect(stream);
        Box::pin(async move {
            let stream = connecting.await?;
            self.done.store(true, Ordering::Relaxed);
            Ok(match self.wire {
                Some(wire) => Tap::new(stream, wire),
                None => Tap::passive(stream),
            })
        })
    }
}

/// The type is the library's own secret; this is its public name.
pub(super) type RustlsConnect = <MakeRustlsConnect as MakeTlsConnect<Socket>>::TlsConnect;

pub(super) fn tls_connect(tls: &Tls, name: &str) -> Option<RustlsConnect> {
    // The library's own call never fails: a name that is none fails the handshake.
    tls.connector().and_then(|mut make| MakeTlsConnect::<Socket>::make_tls_connect(&mut make, name).ok())
}

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Target {
    /// Opens a connection. `hold` is dropped when the server has closed it, not before.
    ///
    /// # Errors
    /// Of all hosts, the error of the attempt that came farthest.
    pub async fn connect<H: Send + 'static>(&self, drain: &Drain, hold: H) -> Result<Server, ConnectError> {
        let mut farthest = ConnectError::new(Stage::Dns, "the connection URL names no host");
        for host in &self.hosts {
            let addresses = match resolve(host).await {
                Ok(addresses) => addresses,
                Err(error) => {
                    farthest = error;
                    continue;
                }
            };
            for address in addresses {
                match self.connect_to(&address).await {
                    Ok((client, wire, tls, driver)) => {
                        let canceller = Canceller { token: client.cancel_token(), address, tls };
                        let client = ClientWrapper::new(client, spawn(drain, driver, hold));
                        return Ok(Server::new(client, wire, canceller, self.schema.clone()));
                    }
                    Err(error) if error.stage >= farthest.stage => farthest = error,
                    Err(_) => {}
                }
            }
        }
        Err(farthest)
    }

    async fn connect_to(&self, address: &Address) -> Result<(Client, Wire, Option<Tls>, Driver), ConnectError> {
        let attempts = self.tls.mode().attempts();
        let unix = matches!(address.place, Place::Unix(_));
        let mut last = None;
        for &encrypt in attempts {
            // TLS over a Unix socket is not a thing.
            let encrypt = encrypt && !unix;
            match self.start(address, encrypt).await {
                Ok((client, wire, driver)) => return Ok((client, wire, encrypt.then(|| self.tls.clone()), driver)),
                // Only what the other choice could mend is tried again: no TLS there, or a rule about it.
                Err(error) if error.stage == Stage::Tls || error.code.as_deref() == Some("28000") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::timed_out(address)))
    }

    async fn start(&self, address: &Address, encrypt: bool) -> Result<(Client, Wire, Driver), ConnectError> {
        let attempt = |check: bool| async move {
            tokio::time::timeout(self.connect_timeout, self.attempt(address, encrypt, check))
                .await
                .map_err(|_| ConnectError::timed_out(address))?
        };
        match attempt(true).await {
            // A server before 14, or on a platform that cannot watch its sockets, does not know the setting.
            Err(error) if matches!(error.code.as_deref(), Some("42704" | "22023" | "0A000")) => attempt(false).await,
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        address: &Address,
        encrypt: bool,
        check_interval: bool,
    ) -> Result<(Client, Wire, Driver), ConnectError> {
        let mut config = self.config.clone();
        if check_interval {
            let options = config.get_options().map(|options| format!("{options} {CHECK_INTERVAL}"));
            config.options(options.as_deref().unwrap_or(CHECK_INTERVAL));
        }
        let wire = Wire::default();
        let socket = address.open().await?;
        if encrypt {
            config.ssl_mode(Encryption::Require);
            let connect = tls_connect(&self.tls, &address.name)
                .ok_or_else(|| ConnectError::new(Stage::Tls, "the host name cannot be verified"))?;
            let done = Arc::new(AtomicBool::new(false));
            let tap = TapTls { connect, wire: Some(wire.clone()), done: Arc::clone(&done) };
            match config.connect_raw(socket, tap).await {
                Ok((client, connection)) => Ok((client, wire, Box::pin(end(connection)))),
                Err(error) if !done.load(Ordering::Relaxed) => Err(ConnectError::new(Stage::Tls, describe(&error))),
                Err(error) => Err(ConnectError::startup(&error)),
            }
        } else {
            let tap = Tap::new(socket, wire.clone());
            let (client, connection) =
                config.connect_raw(tap, NoTls).await.map_err(|error| ConnectError::startup(&error))?;
            Ok((client, wire, Box::pin(end(connection))))
        }
    }
}

/// Drives a connection. When it breaks on our side, the server may run on until it notices: its slot is kept so long.
async fn end<C: Future<Output = Result<(), tokio_postgres::Error>>>(connection: C) {
    let Err(error) = connection.await else { return };
    let io = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    // A server that says goodbye, or whose side is closed, is gone.
    let gone = error.is_closed() || error.as_db_error().is_some();
    if !gone && io.is_none_or(|io| io.kind() == io::ErrorKind::InvalidData) {
        tokio::time::sleep(NOTICING).await;
    }
}

async fn resolve(host: &Host) -> Result<Vec<Address>, ConnectError> {
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

/// Drives the connection until the server has closed it. deadpool-postgres aborts the task it is given when the client
/// is dropped, which would free the slot before the server has gone; so it is given a leash: once that has ended, the
/// connection has [`CLOSING`] to end by itself.
fn spawn<H: Send + 'static>(drain: &Drain, driver: Driver, hold: H) -> JoinHandle<()> {
    let (alive, dropped) = oneshot::channel::<()>();
    drain.spawn("postgres connection", async move {
        let _hold = hold;
        let given_up = async move {
            let _ = dropped.await;
            tokio::time::sleep(CLOSING).await;
        };
        tokio::select! {
            () = driver => return,
            () = given_up => {}
        }
        tokio::time::sleep(NOTICING).await;
    });
    drain.spawn_leash(alive)
}
