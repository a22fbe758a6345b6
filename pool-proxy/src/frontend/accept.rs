//! From a listener to requests: accept, encrypt, speak HTTP/1.1 or HTTP/2, and end when asked to.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tracing::{debug, warn};

use super::reply::Reply;
use super::tls::Certificate;
use crate::drain::Drain;

/// How long a client may take to encrypt.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection may be without a whole request head: so long an idle one is kept, too.
const IDLE: Duration = Duration::from_secs(75);
/// The most connections at a time; one more waits in the listener's backlog.
const MOST_CONNECTIONS: usize = 50_000;

/// Serves a listener until the drain stops, and then finishes what runs.
pub async fn serve<A, F>(listener: TcpListener, certificate: Option<Arc<Certificate>>, drain: Drain, answer: A)
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // Never closed, so there is always a place in the end.
        let place = Arc::clone(&places).acquire_owned().await;
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
        let (certificate, answer, stopping) = (certificate.clone(), answer.clone(), drain.clone());
        drain.spawn("client connection", async move {
            let _place = place;
            if let Err(error) = connection(socket, certificate.as_deref(), &stopping, answer).await {
                debug!(%error, "connection ended");
            }
        });
    }
}

async fn connection<A, F>(
    socket: TcpStream,
    certificate: Option<&Certificate>,
    drain: &Drain,
    answer: A,
) -> io::Result<()>
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    socket.set_nodelay(true)?;
    match certificate {
        None => speak(socket, drain, answer).await,
        Some(certificate) => {
            let encrypting = tokio::time::timeout(PATIENCE, certificate.acceptor().accept(socket));
            speak(encrypting.await.map_err(|_| io::ErrorKind::TimedOut)??, drain, answer).await;
        }
    }
    Ok(())
}

async fn speak<S, A, F>(socket: S, drain: &Drain, answer: A)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let asked = Arc::new(AtomicBool::new(false));
    let asking = Arc::clone(&asked);
    let service = service_fn(move |request| {
        asking.store(true, Ordering::Relaxed);
        let answering = answer(request);
        async move { Ok::<_, Infallible>(answering.await) }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(IDLE).keep_alive(true);
    builder.http2().timer(TokioTimer::new()).keep_alive_interval(Some(Duration::from_secs(30)));
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(socket), service));
    let silent = async {
        // Before the first bytes nobody knows the protocol, and neither of them has its time-outs yet.
        tokio::time::sleep(IDLE).await;
        if asked.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = async { tokio::select! { () = drain.stopped() => {}, () = silent => {} } } => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        // A client that breaks off is everyday life.
        debug!(%error, "client connection ended");
    }
}

/// Binds a listener, with an error that names the address.
///
/// # Errors
/// When the address cannot be bound.
pub async fn bind(address: std::net::SocketAddr) -> Result<TcpListener, String> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) => {
            warn!(%address, %error, "cannot listen");
            Err(format!("cannot listen on {address}: {error}"))
        }
    }
}
