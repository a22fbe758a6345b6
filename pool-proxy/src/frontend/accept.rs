//! From a listener to connections: accept, count, encrypt, and end when asked to.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

pub use super::connection::Outgoing;
use super::connection::{refuse, talk};
use super::terms::Terms;
use super::tls::Certificate;
use crate::drain::Drain;
use crate::telemetry::ClientMetrics;

/// The most refusals that are being told at a time; further connections are closed without a word.
const MOST_REFUSALS: usize = 256;

/// How many connections may wait to be taken: thousands may come at once, and whoever finds no room comes again after a
/// second. The system has a limit of its own (listen(2): `net.core.somaxconn`).
const BACKLOG: i32 = 65_535;

/// How many bytes of an answer the system may take before its client has taken those before, about. By itself it takes 4 MiB
/// for each client, until that is too much for the whole machine and all connections stall, Postgres's too. What waits with
/// us is counted.
#[cfg(target_os = "linux")]
const UNSENT: u32 = 128 << 10;

/// An open connection, in the metrics until dropped.
struct Counted(ClientMetrics);

impl Counted {
    fn new(metrics: &ClientMetrics) -> Self {
        metrics.connections.inc();
        Self(metrics.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.dec();
    }
}

/// What a listener works with.
pub struct Listening {
    /// Its certificate, if it speaks TLS.
    pub certificate: Option<Arc<Certificate>>,
    /// What its clients are granted.
    pub terms: Terms,
    /// Where its connections are counted.
    pub metrics: ClientMetrics,
}

/// Serves a listener until the drain stops, and then finishes what runs.
pub async fn serve<A, F, B>(listener: TcpListener, listening: Listening, drain: Drain, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Outgoing,
{
    let listening = Arc::new(listening);
    let places = Arc::new(Semaphore::new(listening.terms.connections));
    let refusals = Arc::new(Semaphore::new(MOST_REFUSALS));
    loop {
        let socket = tokio::select! {
            accepted = listener.accept() => accepted,
            () = drain.stopped() => return,
        };
        let socket = match socket {
            Ok((socket, _)) => socket,
            Err(error) => {
                // Out of file descriptors, or a client that left: neither is worth ending for.
                debug!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(10)).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            listening.metrics.refused.inc();
            // To tell it over TLS would cost more than a request.
            if listening.certificate.is_none()
                && let Ok(turn) = Arc::clone(&refusals).try_acquire_owned()
            {
                drain.spawn("refused connection", async move {
                    let _turn = turn;
                    full(socket).await;
                });
            }
            continue;
        };
        let (listening, answer, stopping) = (Arc::clone(&listening), answer.clone(), drain.clone());
        let counted = Counted::new(&listening.metrics);
        drain.spawn("client connection", async move {
            let _held = (place, counted);
            if let Err(error) = connection(socket, &listening, &stopping, answer).await {
                debug!(%error, "connection ended");
            }
        });
    }
}

async fn full(mut socket: TcpStream) {
    let retry = Some(HeaderValue::from_static("1"));
    refuse(&mut socket, StatusCode::SERVICE_UNAVAILABLE, "too many connections", retry).await;
}

async fn connection<A, F, B>(socket: TcpStream, listening: &Listening, drain: &Drain, answer: A) -> io::Result<()>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Outgoing,
{
    socket.set_nodelay(true)?;
    match &listening.certificate {
        None => talk(socket, false, &listening.terms, drain, answer).await,
        Some(certificate) => {
            // Boxed, since it is over soon.
            let encrypting =
                Box::pin(tokio::time::timeout(listening.terms.header_timeout, certificate.acceptor().accept(socket)));
            let socket = encrypting.await.map_err(|_| io::ErrorKind::TimedOut)??;
            // Boxed, so that a plain connection does not carry the size of an encrypted one.
            Box::pin(talk(socket, true, &listening.terms, drain, answer)).await;
        }
    }
    Ok(())
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // As `TcpListener::bind` does, so that a restart need not wait.
    socket.set_reuse_address(true)?;
    // Connections have it from their listener.
    #[cfg(target_os = "linux")]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket.into())
}

/// Binds a listener, with an error that names the address.
///
/// # Errors
/// When the address cannot be bound.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    match listen(address) {
        Ok(listener) => Ok(listener),
        Err(error) => {
            warn!(%address, %error, "cannot listen");
            Err(format!("cannot listen on {address}: {error}"))
        }
    }
}
