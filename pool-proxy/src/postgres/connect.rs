//! Opening a connection: resolve, connect, encrypt, authenticate, each with its own error.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::ClientWrapper;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_postgres::config::SslMode as Encryption;
use tokio_postgres::{Client, NoTls};

use super::address::{Address, ConnectError, Stage, describe, resolve};
use super::cancel::Canceller;
use super::rest::Rest;
use super::server::Server;
use super::session_attrs::SessionAttrs;
use super::tap::Tap;
use super::tap_tls::{TapTls, tls_connect};
use super::target::{Host, Target};
use super::tls::Tls;
use super::wire::Wire;
use crate::drain::Drain;

/// How long a connection that was given up may take to end before its socket is dropped: longer than the interval below,
/// since the server may have been told.
const CLOSING: Duration = Duration::from_secs(10);

/// And one that does not answer even when it rests, and after that.
const HOPELESS: Duration = Duration::from_secs(1);

/// The interval below, and a little more.
const NOTICING: Duration = Duration::from_secs(6);

/// Postgres ends a query within five seconds of losing its client, also when the proxy was killed; and within 14 seconds a
/// session whose client is out of reach, which by default it would keep for hours, with all locks. That is sooner than
/// the place of one that was lost while it worked is given to another. The URL's own `options` win
/// (<https://www.postgresql.org/docs/current/runtime-config-connection.html#RUNTIME-CONFIG-TCP-SETTINGS>).
const WATCHING: &str = "-cclient_connection_check_interval=5000 -ctcp_keepalives_idle=5 -ctcp_keepalives_interval=3 \
    -ctcp_keepalives_count=3 -ctcp_user_timeout=14000";

/// A session, how what passes by is seen, how a cancel request of it is encrypted, and what drives it.
type Opened = (Client, Wire, Option<Tls>, Driver);

type Driver = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Target {
    /// Opens a connection. `hold` is dropped when the server has closed it, not before.
    ///
    /// # Errors
    /// Of all hosts, the error of the attempt that came farthest.
    pub async fn connect<H: Send + 'static>(&self, drain: &Drain, hold: H) -> Result<Server, ConnectError> {
        let (mut last, mut found) = (None, None);
        for attrs in self.session_attrs.rounds() {
            match self.first_of(|host| self.connect_to_host(host, *attrs)).await {
                Ok(opened) => {
                    found = Some(opened);
                    break;
                }
                Err(error) => last = Some(error),
            }
        }
        let Some((address, (client, wire, tls, driver))) = found else {
            return Err(last.unwrap_or_else(|| ConnectError::new(Stage::Dns, "no host was asked")));
        };
        let canceller = Canceller { token: client.cancel_token(), address, tls };
        let hopeless = Arc::new(AtomicBool::new(false));
        let client = ClientWrapper::new(client, spawn(drain, driver, Arc::clone(&hopeless), hold));
        Ok(Server::new(client, wire, canceller, self.schema.clone(), Rest::new(hopeless)))
    }

    /// One after the other of a host's addresses, since they may all be the same server.
    async fn connect_to_host(&self, host: &Host, attrs: SessionAttrs) -> Result<(Address, Opened), ConnectError> {
        let mut farthest = ConnectError::new(Stage::Dns, "the host has no address");
        for address in resolve(host).await? {
            match self.connect_to(&address, attrs).await {
                Ok(opened) => return Ok((address, opened)),
                Err(error) if error.stage >= farthest.stage => farthest = error,
                Err(_) => {}
            }
        }
        Err(farthest)
    }

    async fn connect_to(&self, address: &Address, attrs: SessionAttrs) -> Result<Opened, ConnectError> {
        let attempts = self.tls.mode().attempts();
        let unix = address.is_unix();
        let mut last = None;
        for &encrypt in attempts {
            // TLS over a Unix socket is not a thing.
            let encrypt = encrypt && !unix;
            match self.start(address, encrypt, attrs).await {
                Ok((client, wire, driver)) => return Ok((client, wire, encrypt.then(|| self.tls.clone()), driver)),
                // Only what the other choice could mend is tried again: no TLS there, or a rule about it.
                Err(error) if error.stage == Stage::Tls || error.code.as_deref() == Some("28000") => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::timed_out(address)))
    }

    async fn start(
        &self,
        address: &Address,
        encrypt: bool,
        attrs: SessionAttrs,
    ) -> Result<(Client, Wire, Driver), ConnectError> {
        let attempt = |watching: bool| async move {
            tokio::time::timeout(self.connect_timeout, self.attempt(address, encrypt, attrs, watching))
                .await
                .map_err(|_| ConnectError::timed_out(address))?
        };
        match attempt(true).await {
            // A server before 14, or on a platform that cannot watch its sockets, does not know the settings.
            Err(error) if matches!(error.code.as_deref(), Some("42704" | "22023" | "0A000")) => attempt(false).await,
            outcome => outcome,
        }
    }

    async fn attempt(
        &self,
        address: &Address,
        encrypt: bool,
        attrs: SessionAttrs,
        watching: bool,
    ) -> Result<(Client, Wire, Driver), ConnectError> {
        let mut config = self.config.clone();
        if watching {
            let options = config.get_options().map(|options| format!("{WATCHING} {options}"));
            config.options(options.as_deref().unwrap_or(WATCHING));
        }
        let wire = Wire::default();
        let socket = address.open().await?.looking(wire.clone());
        if encrypt {
            config.ssl_mode(Encryption::Require);
            let connect = tls_connect(&self.tls, &address.name)
                .ok_or_else(|| ConnectError::new(Stage::Tls, "the host name cannot be verified"))?;
            let done = Arc::new(AtomicBool::new(false));
            let tap = TapTls { connect, wire: Some(wire.clone()), done: Arc::clone(&done) };
            match config.connect_raw(socket, tap).await {
                Ok((client, connection)) => match attrs.suits(|name| connection.parameter(name)) {
                    Ok(()) => Ok((client, wire, Box::pin(end(connection)))),
                    Err(unsuited) => {
                        part(client, connection).await;
                        Err(unsuited)
                    }
                },
                Err(error) if !done.load(Ordering::Relaxed) => Err(ConnectError::new(Stage::Tls, describe(&error))),
                Err(error) => Err(ConnectError::startup(&error)),
            }
        } else {
            let tap = Tap::new(socket, wire.clone());
            let (client, connection) =
                config.connect_raw(tap, NoTls).await.map_err(|error| ConnectError::startup(&error))?;
            if let Err(unsuited) = attrs.suits(|name| connection.parameter(name)) {
                part(client, connection).await;
                return Err(unsuited);
            }
            Ok((client, wire, Box::pin(end(connection))))
        }
    }
}

/// Ends a session that will not do, and waits until the server has closed it: it counts there until then.
async fn part<C: Future>(client: Client, connection: C) {
    drop(client);
    let _ = tokio::time::timeout(HOPELESS, connection).await;
}

/// Drives a connection. When it breaks on our side, the server may run on until it notices: its slot is kept so long.
async fn end<C: Future<Output = Result<(), tokio_postgres::Error>>>(connection: C) {
    let Err(error) = connection.await else { return };
    let io = std::error::Error::source(&error).and_then(|cause| cause.downcast_ref::<io::Error>());
    // A server that says goodbye, or whose side is closed, is gone.
    let gone = error.is_closed() || error.as_db_error().is_some();
    // One that is out of reach has not heard of the end.
    let unheard = [io::ErrorKind::InvalidData, io::ErrorKind::TimedOut, io::ErrorKind::HostUnreachable];
    if !gone && io.is_none_or(|io| unheard.contains(&io.kind())) {
        tokio::time::sleep(NOTICING).await;
    }
}

/// Drives the connection until the server has closed it. deadpool-postgres aborts the task it is given when the client
/// is dropped, which would free the slot before the server has gone; so it is given a leash: once that has ended, the
/// connection has [`CLOSING`] to end by itself.
fn spawn<H: Send + 'static>(drain: &Drain, driver: Driver, hopeless: Arc<AtomicBool>, hold: H) -> JoinHandle<()> {
    let (alive, dropped) = oneshot::channel::<()>();
    drain.spawn("postgres connection", async move {
        let _hold = hold;
        let given_up = async move {
            let _ = dropped.await;
            let hopeless = hopeless.load(Ordering::Acquire);
            tokio::time::sleep(if hopeless { HOPELESS } else { CLOSING }).await;
            hopeless
        };
        let hopeless = tokio::select! {
            () = driver => return,
            hopeless = given_up => hopeless,
        };
        tokio::time::sleep(if hopeless { HOPELESS } else { NOTICING }).await;
    });
    drain.spawn_leash(alive)
}
