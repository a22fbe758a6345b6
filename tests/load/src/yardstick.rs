//! The smallest hyper server: on loopback, `TCP_NODELAY`, one task per connection; HTTP/1.1, or over TLS what the client
//! chose of HTTP/1.1 and HTTP/2.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::Ipv4Addr;
use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::{TcpListener, TcpStream};

use crate::tls::Acceptor;

/// Why a yardstick ended: text for a person, nothing handles it.
pub type Failure = Box<dyn Error + Send + Sync>;
/// A result whose error only gets printed.
pub type Outcome<T> = Result<T, Failure>;

/// Binds a free port of 127.0.0.1, writes `{"listen":"127.0.0.1:PORT"}` to `ready_file`, then serves for ever.
///
/// # Errors
/// When it cannot bind, accept, or write the file.
pub async fn serve<H, F>(ready_file: &Path, acceptor: Option<Acceptor>, handle: H) -> Outcome<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let ready = serde_json::json!({ "listen": listener.local_addr()?.to_string() });
    std::fs::write(ready_file, ready.to_string())?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let (acceptor, handle) = (acceptor.clone(), handle.clone());
        // A client that goes away ends its own connection and nothing else.
        tokio::spawn(async move { connection(socket, acceptor, handle).await.ok() });
    }
}

async fn connection<H, F>(socket: TcpStream, acceptor: Option<Acceptor>, handle: H) -> Outcome<()>
where
    H: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = handle(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let Some(Acceptor(acceptor)) = acceptor else {
        return Ok(http1::Builder::new().serve_connection(TokioIo::new(socket), service).await?);
    };
    let socket = acceptor.accept(socket).await?;
    if socket.get_ref().1.alpn_protocol() == Some(b"h2") {
        http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(socket), service).await?;
    } else {
        http1::Builder::new().serve_connection(TokioIo::new(socket), service).await?;
    }
    Ok(())
}

/// An answer of `body` under `content_type`.
pub fn answer_json(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
