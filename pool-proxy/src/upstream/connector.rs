//! Opening a connection to the upstream, TLS included, within its time.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use rustls::ClientConfig;
use tower_service::Service;

/// How long a connection may take to open.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection may be silent until the system asks for a sign of life, and how long that may take. HTTP/1.1
/// has none of its own.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

type Connection = <HttpsConnector<HttpConnector> as Service<Uri>>::Response;
type Failure = Box<dyn Error + Send + Sync>;

/// Opens connections; ALPN says which HTTP is spoken on them.
#[derive(Clone)]
pub(super) struct Connector(HttpsConnector<HttpConnector>);

impl Connector {
    pub(super) fn new(tls: ClientConfig) -> Self {
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        tcp.set_keepalive(Some(SILENCE));
        tcp.set_keepalive_interval(Some(SIGN_OF_LIFE));
        tcp.set_keepalive_retries(Some(2));
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        Self(https.enable_http1().enable_http2().wrap_connector(tcp))
    }
}

impl Service<Uri> for Connector {
    type Response = Connection;
    type Error = Failure;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, Failure>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        // The connector's own limit ends with TCP; a server that takes connections and says nothing would hold them up.
        let opening = tokio::time::timeout(CONNECT, self.0.call(uri));
        Box::pin(async { opening.await.map_err(|_| format!("no connection within {} s", CONNECT.as_secs()))? })
    }
}
