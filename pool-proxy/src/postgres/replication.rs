//! A session that streams the changes of a database as they commit
//! (<https://www.postgresql.org/docs/current/protocol-logical-replication.html>).
//!
//! The protocol is spoken by `pgwire-replication`, which opens its own sockets and knows files of certificates only. So that
//! hosts, TLS and trust are one thing for all sessions, it is handed a socket of the loopback, and what comes through there
//! goes through a session socket of ours.

mod pgoutput;

use std::net::Ipv4Addr;

use futures_util::future::{BoxFuture, Either, select};
use pgwire_replication::{PgWireError, QueryRow, ReplicationClient, ReplicationConfig, ReplicationEvent};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_postgres::tls::TlsConnect;

use super::address::{Address, ConnectError, Stage, resolve};
use super::hosts::Reached;
use super::lsn::{LogLayout, Lsn};
use super::socket::Socket;
use super::tap_tls::tls_connect;
use super::target::{Host, Target};
use crate::drain::Drain;

pub use pgoutput::{Change, Malformed, Row};

/// `SSLRequest`: its length, and its code
/// (<https://www.postgresql.org/docs/current/protocol-message-formats.html>).
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// A row over this, in bytes, ends the stream: whoever follows it begins anew.
const LARGEST_ROW: usize = 64 << 20;

/// Whether the server is a standby, and how it cuts up its log.
const ABOUT: &str = "SELECT pg_catalog.pg_is_in_recovery()::int4, p.setting, s.setting FROM pg_catalog.pg_settings p, pg_catalog.pg_settings s \
    WHERE p.name = 'wal_block_size' AND s.name = 'wal_segment_size'";

/// Why there is no stream, or no more.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// No session.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// It tells what another server did, and some time later.
    #[error("replication: the server is a standby")]
    Standby,
    /// The session has ended, or the server does not want to stream.
    #[error("replication: {0}")]
    Ended(String),
    /// What the server sent is not what it should.
    #[error("replication: {0}")]
    Malformed(#[from] Malformed),
}

impl Reached for StreamError {
    /// The primary's own word comes after that of a standby.
    fn stage(&self) -> Stage {
        match self {
            Self::Connect(error) => error.stage,
            Self::Standby => Stage::Role,
            Self::Ended(_) | Self::Malformed(_) => Stage::Startup,
        }
    }
}

impl From<PgWireError> for StreamError {
    fn from(error: PgWireError) -> Self {
        Self::Ended(error.to_string())
    }
}

/// What a stream tells, in the order of the commits.
#[derive(Debug)]
pub enum Event {
    /// What follows belongs to this transaction, which has committed: the lower half of its id.
    Begin(u32),
    /// A change of rows.
    Change(Change),
    /// Something was written for readers of the stream by `pg_logical_emit_message`.
    Message {
        /// Whom it is for.
        prefix: String,
        /// What it says.
        content: bytes::Bytes,
    },
    /// The transaction is told.
    Commit,
    /// Everything that was committed before this has been told.
    Progress(Lsn),
}

/// A stream of changes, from the moment it was opened.
pub struct Replication {
    client: ReplicationClient,
    /// Which history of the log it follows.
    pub timeline: u32,
    layout: LogLayout,
    position: Lsn,
    next: Option<Event>,
    decoder: pgoutput::Decoder,
}

impl Target {
    /// Opens a stream of what the publication publishes, from now on. Its slot is temporary: it is gone with the session,
    /// and never makes the server keep log for nobody.
    ///
    /// # Errors
    /// When no host has a session for it that is no standby, or the server refuses the slot.
    pub async fn replicate(&self, publication: &str, slot: &str, drain: &Drain) -> Result<Replication, StreamError> {
        self.first_of(|host| self.replicate_from(host, publication, slot, drain)).await
    }

    async fn replicate_from(
        &self,
        host: &Host,
        publication: &str,
        slot: &str,
        drain: &Drain,
    ) -> Result<Replication, StreamError> {
        let mut farthest = StreamError::from(ConnectError::new(Stage::Dns, "the host has no address"));
        for address in resolve(host).await? {
            let opened = match self.dial(&address).await {
                Ok(session) => self.stream(session, publication, slot, drain).await,
                Err(error) => Err(error.into()),
            };
            match opened {
                Ok(stream) => return Ok(stream),
                Err(error) if error.stage() >= farthest.stage() => farthest = error,
                Err(_) => {}
            }
        }
        Err(farthest)
    }

    /// A session socket that nothing was said through yet, encrypted as the URL wants it.
    async fn dial(&self, address: &Address) -> Result<Box<dyn Session>, ConnectError> {
        let mut last = None;
        for &encrypt in self.tls.mode().attempts() {
            let encrypt = encrypt && !address.is_unix();
            let dialled = tokio::time::timeout(self.connect_timeout, self.dial_once(address, encrypt)).await;
            match dialled.unwrap_or_else(|_| Err(ConnectError::timed_out(address))) {
                Ok(session) => return Ok(session),
                Err(error) if error.stage == Stage::Tls => last = Some(error),
                Err(error) => return Err(error),
            }
        }
        Err(last.unwrap_or_else(|| ConnectError::timed_out(address)))
    }

    async fn dial_once(&self, address: &Address, encrypt: bool) -> Result<Box<dyn Session>, ConnectError> {
        let mut socket = address.open().await?;
        if !encrypt {
            return Ok(Box::new(socket));
        }
        let failed = |error: std::io::Error| ConnectError::new(Stage::Tls, error.to_string());
        socket.write_all(&SSL_REQUEST).await.map_err(failed)?;
        if socket.read_u8().await.map_err(failed)? != b'S' {
            return Err(ConnectError::new(Stage::Tls, "the server does not speak TLS"));
        }
        let connect = tls_connect(&self.tls, &address.name)
            .ok_or_else(|| ConnectError::new(Stage::Tls, "the host name cannot be verified"))?;
        let session = TlsConnect::<Socket>::connect(connect, socket).await.map_err(failed)?;
        Ok(Box::new(session))
    }

    async fn stream(
        &self,
        session: Box<dyn Session>,
        publication: &str,
        slot: &str,
        drain: &Drain,
    ) -> Result<Replication, StreamError> {
        let ended = |error: std::io::Error| StreamError::Ended(error.to_string());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(ended)?;
        let port = listener.local_addr().map_err(ended)?.port();
        drain.spawn("replication session", bridge(listener, session, drain.clone()));
        let user = self.config.get_user().unwrap_or_default();
        let password = String::from_utf8_lossy(self.config.get_password().unwrap_or_default()).into_owned();
        let database = self.config.get_dbname().unwrap_or(user);
        let mut config =
            ReplicationConfig::new(Ipv4Addr::LOCALHOST.to_string(), user, password, database, slot, publication)
                .with_port(port);
        config.max_message_size = LARGEST_ROW;
        config.application_name = self.config.get_application_name().map(|name| format!("{name} cache"));
        let open = async {
            let mut client = ReplicationClient::connect_gated(config).await?;
            let timeline = client.identify_system().await?.timeline;
            let about = numbers(&client.simple_query(ABOUT).await?);
            let [is_standby, page, segment] =
                about.ok_or_else(|| StreamError::Ended("the server's settings cannot be read".to_owned()))?;
            if is_standby != 0 {
                return Err(StreamError::Standby);
            }
            let create = format!("CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput (SNAPSHOT 'nothing')");
            client.simple_query(&create).await?;
            client.start().await?;
            client.wait_started().await?;
            Ok((client, timeline, LogLayout { page, segment }))
        };
        let (client, timeline, layout) = open.await?;
        let decoder = pgoutput::Decoder::default();
        Ok(Replication { client, timeline, layout, position: Lsn(0), next: None, decoder })
    }
}

impl Replication {
    /// The next thing it tells. May be given up half way and asked again.
    ///
    /// # Errors
    /// When there is no more to come.
    pub async fn next(&mut self) -> Result<Event, StreamError> {
        if let Some(next) = self.next.take() {
            return Ok(next);
        }
        loop {
            let event =
                self.client.recv().await?.ok_or_else(|| StreamError::Ended("the session has ended".to_owned()))?;
            match event {
                ReplicationEvent::Begin { xid, .. } => return Ok(Event::Begin(xid)),
                ReplicationEvent::XLogData { data, .. } => {
                    if let Some(change) = self.decoder.decode(&data)? {
                        return Ok(Event::Change(change));
                    }
                }
                ReplicationEvent::Message { prefix, content, .. } => {
                    return Ok(Event::Message { prefix, content });
                }
                ReplicationEvent::Commit { end_lsn, .. } => {
                    self.next = self.came_to(end_lsn.as_u64());
                    return Ok(Event::Commit);
                }
                ReplicationEvent::KeepAlive { wal_end, .. } => {
                    if let Some(progress) = self.came_to(wal_end.as_u64()) {
                        return Ok(progress);
                    }
                }
                ReplicationEvent::StoppedAt { .. } => {}
            }
        }
    }

    fn came_to(&mut self, position: u64) -> Option<Event> {
        // Whoever asks for the end of the log is told a place behind the header, and would wait until something else is written.
        let reached = self.layout.past_header(Lsn(position));
        if reached <= self.position {
            return None;
        }
        self.position = reached;
        // What has been told is never asked for again, so the server need not keep it.
        self.client.update_applied_lsn(pgwire_replication::Lsn::from_u64(position));
        Some(Event::Progress(reached))
    }
}

/// The columns of the first row, if all are numbers.
fn numbers<const N: usize>(rows: &[QueryRow]) -> Option<[u64; N]> {
    let number = |column: &Option<bytes::Bytes>| std::str::from_utf8(column.as_ref()?).ok()?.parse().ok();
    rows.first()?.iter().map(number).collect::<Option<Vec<_>>>()?.try_into().ok()
}

trait Session: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Session for S {}

/// Takes one caller of the loopback and joins it with the session, until either has ended or the process stops serving.
async fn bridge(listener: TcpListener, mut session: Box<dyn Session>, drain: Drain) {
    let joined: BoxFuture<'_, ()> = Box::pin(async move {
        let Ok((mut caller, _)) = listener.accept().await else { return };
        drop(listener);
        prepare(&caller);
        // Either end may break the connection: the other then learns of it by the end of its own.
        let _ = copy_bidirectional(&mut caller, &mut session).await;
    });
    match select(joined, Box::pin(drain.stopped())).await {
        Either::Left(((), _)) | Either::Right(((), _)) => {}
    }
}

fn prepare(caller: &TcpStream) {
    // Without it, small messages wait for the other side's acknowledgement; it works all the same if it is refused.
    let _ = caller.set_nodelay(true);
}
