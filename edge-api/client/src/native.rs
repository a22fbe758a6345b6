//! The transport of native programs: hyper over tokio, HTTP/1.1 and HTTP/2, plain and over TLS.

use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::header::{HeaderName, HeaderValue};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::{CaptureConnection, HttpConnector, capture_connection};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::base_url::{BaseUrl, BaseUrlError};
use crate::transport::{BoxFuture, Request, Response, Transport, TransportError};

/// How long a connection may take to open; the call's deadline may be shorter.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a connection may be silent until it is asked for a sign of life. HTTP/2 shares one among all calls: over a
/// dead one each would wait in vain until its deadline.
const SILENCE: Duration = Duration::from_secs(10);

/// How long the sign of life may take before the connection is given up.
const SIGN_OF_LIFE: Duration = Duration::from_secs(5);

/// How long an idle connection is kept. The proxy keeps them for 75 seconds: so it is not the one that closes.
const IDLE: Duration = Duration::from_mins(1);

/// Why a transport cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum HyperTransportError {
    /// The URL is none of a proxy's.
    #[error(transparent)]
    BaseUrl(#[from] BaseUrlError),
    /// The PEM text holds no certificate, or one that cannot be read.
    #[error("the PEM text given as root holds no certificate that can be read")]
    RootPem,
    /// There is nothing to check the proxy's certificate against.
    #[error("no root certificate was found on this machine, and none was given")]
    NoRoots,
    /// The cryptography cannot do what TLS asks.
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// Requests by hyper, over connections that are kept and shared. It needs a tokio runtime with time and IO enabled.
///
/// ```no_run
/// use pool_client::{Client, native::HyperTransport};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new(HyperTransport::new("https://pool.example.com")?, std::env::var("POOL_PROXY_KEY")?);
/// # Ok(())
/// # }
/// ```
pub struct HyperTransport {
    base_url: BaseUrl,
    connections: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    born: Instant,
}

impl HyperTransport {
    /// A transport to the proxy at a URL such as `https://pool.example.com` or `http://127.0.0.1:8080`; a path is kept
    /// and stands before the proxy's own. Certificates are checked against the machine's roots.
    ///
    /// Over `http://` the key travels in the clear: keep to the loopback or a private network.
    ///
    /// # Errors
    /// If the URL is none, or the machine has no roots.
    pub fn new(base_url: &str) -> Result<Self, HyperTransportError> {
        Self::build(base_url, None)
    }

    /// As [`new`](Self::new), and trusts the certificates in a PEM text, too: those of a private authority.
    ///
    /// # Errors
    /// If the URL is none, or the text holds no certificate.
    pub fn with_root(base_url: &str, pem: impl AsRef<[u8]>) -> Result<Self, HyperTransportError> {
        Self::build(base_url, Some(pem.as_ref()))
    }

    fn build(base_url: &str, pem: Option<&[u8]>) -> Result<Self, HyperTransportError> {
        let base_url = BaseUrl::parse(base_url)?;
        let mut roots = RootCertStore::empty();
        if base_url.is_encrypted() {
            // Some of a machine's roots may be broken; the others will do.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
        if let Some(pem) = pem {
            add(&mut roots, pem)?;
        }
        if base_url.is_encrypted() && roots.is_empty() {
            return Err(HyperTransportError::NoRoots);
        }
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut tcp = HttpConnector::new();
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_connect_timeout(Some(CONNECT));
        // For HTTP/1.1, whose idle connections have no other sign of life.
        tcp.set_keepalive(Some(SILENCE));
        tcp.set_keepalive_interval(Some(SIGN_OF_LIFE));
        tcp.set_keepalive_retries(Some(2));
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http();
        let connector = connector.enable_http1().enable_http2().wrap_connector(tcp);
        let connections = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .timer(TokioTimer::new())
            .http2_keep_alive_interval(SILENCE)
            .http2_keep_alive_timeout(SIGN_OF_LIFE)
            .http2_keep_alive_while_idle(true)
            .build(connector);
        Ok(Self { base_url, connections, born: Instant::now() })
    }

    async fn ask(
        &self,
        request: hyper::Request<Full<Bytes>>,
        connection: &CaptureConnection,
    ) -> Result<Response, TransportError> {
        let lost = |error: &dyn Error| TransportError::Unknown(causes(error));
        let (head, body) = match self.connections.request(request).await {
            Ok(response) => response.into_parts(),
            Err(error) if error.is_connect() || is_unsent(connection) => {
                return Err(TransportError::NotSent(causes(&error)));
            }
            Err(error) => return Err(lost(&error)),
        };
        let body = body.collect().await.map_err(|error| lost(&error))?;
        let text = |(name, value): (&HeaderName, &HeaderValue)| {
            value.to_str().ok().map(|value| (name.as_str().to_owned(), value.to_owned()))
        };
        Ok(Response {
            status: head.status.as_u16(),
            headers: head.headers.iter().filter_map(text).collect(),
            body: body.to_bytes().into(),
        })
    }

    fn request(&self, request: &Request) -> Result<hyper::Request<Full<Bytes>>, TransportError> {
        let unfit = |_| TransportError::NotSent("it cannot be written as an HTTP request".to_owned());
        let mut builder = hyper::Request::builder().method(request.method).uri(self.base_url.join(request.path));
        for (name, value) in &request.headers {
            let mut value = HeaderValue::from_str(value).map_err(|error| unfit(error.into()))?;
            value.set_sensitive(*name == "authorization");
            builder = builder.header(*name, value);
        }
        builder.body(Full::from(request.body.clone())).map_err(unfit)
    }
}

impl Transport for HyperTransport {
    fn send<'a>(&'a self, request: &'a Request, timeout: Duration) -> BoxFuture<'a, Result<Response, TransportError>> {
        // A request that is dropped closes its connection or resets its stream, so that the proxy cancels the query.
        Box::pin(async move {
            let mut request = self.request(request)?;
            let connection = capture_connection(&mut request);
            let answer = tokio::time::timeout(timeout, self.ask(request, &connection)).await;
            answer.unwrap_or_else(|_| {
                Err(if is_unsent(&connection) { TransportError::NotSentInTime } else { TransportError::TimedOut })
            })
        })
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn now(&self) -> Duration {
        self.born.elapsed()
    }
}

impl fmt::Debug for HyperTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperTransport").field("base_url", &self.base_url).finish_non_exhaustive()
    }
}

/// Whether no connection was handed the request yet: it waits for one, or for the end of its handshake.
fn is_unsent(connection: &CaptureConnection) -> bool {
    connection.connection_metadata().is_none()
}

fn add(roots: &mut RootCertStore, pem: &[u8]) -> Result<(), HyperTransportError> {
    let mut count = 0;
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| HyperTransportError::RootPem)?;
        roots.add(certificate).map_err(|_| HyperTransportError::RootPem)?;
        count += 1;
    }
    if count == 0 { Err(HyperTransportError::RootPem) } else { Ok(()) }
}

/// hyper's errors say what happened only in their sources.
fn causes(error: &dyn Error) -> String {
    let mut words = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        words = format!("{words}: {cause}");
        source = cause.source();
    }
    words
}

#[cfg(test)]
mod tests;
