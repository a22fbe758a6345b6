//! The smallest hyper server: HTTP/1.1 on loopback, `TCP_NODELAY`, one task per connection.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::net::Ipv4Addr;
use std::path::Path;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// Why a yardstick ended: text for a person, nothing handles it.
pub type Failure = Box<dyn Error + Send + Sync>;
/// A result whose error only gets printed.
pub type Outcome<T> = Result<T, Failure>;

/// Binds a free port of 127.0.0.1, writes `{"listen":"127.0.0.1:PORT"}` to `ready_file`, then serves for ever.
///
/// # Errors
/// When it cannot bind, accept, or write the file.
pub async fn serve<H, F>(ready_file: &Path, handle: H) -> Outcome<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<Full<Bytes>>> + Send,
{
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let ready = serde_json::json!({ "listen": listener.local_addr()?.to_string() });
    std::fs::write(ready_file, ready.to_string())?;
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let handle = handle.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| {
                let answer = handle(request);
                async move { Ok::<_, Infallible>(answer.await) }
            });
            // A client that goes away ends its own connection and nothing else.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(socket), service).await;
        });
    }
}

/// An answer of `body` under `content_type`.
pub fn answer_json(status: StatusCode, content_type: HeaderValue, body: Bytes) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::new(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}
