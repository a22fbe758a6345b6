//! Fetching an issuer's keys: one GET over HTTPS, bounded in time and size. Redirects are not followed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::header::{ACCEPT, HOST, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use tower_service::Service;

/// How long all of it may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The largest set of keys, in bytes.
const LARGEST: usize = 256 << 10;

/// Who fetches; some issuers answer nobody who does not say.
const AGENT: &str = concat!("pool-proxy/", env!("CARGO_PKG_VERSION"));

/// An address for logs: what stands behind the question mark may be a secret.
pub fn shown(url: &str) -> &str {
    url.split_once('?').map_or(url, |(shown, _)| shown)
}

/// Where to fetch from.
#[derive(Clone)]
pub struct Fetch {
    url: Arc<str>,
    uri: Uri,
    connector: HttpsConnector<HttpConnector>,
}

impl std::fmt::Debug for Fetch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fetch").field("url", &shown(&self.url)).finish_non_exhaustive()
    }
}

/// Why nothing was fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The address cannot be used.
    #[error("expected an https:// address, or http:// of this machine alone, without user and fragment")]
    Address,
    /// The machine has no root certificates.
    #[error("the system's root certificates cannot be read: {0}")]
    Roots(std::io::Error),
    /// No connection.
    #[error("no connection: {0}")]
    Connect(String),
    /// What came is no answer.
    #[error("{0}")]
    Broken(String),
    /// Another status.
    #[error("the answer was {0}")]
    Status(StatusCode),
    /// Too slow.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Slow,
}

impl Fetch {
    /// From this address: `https`, or `http` on the loopback, where nobody can put other keys into the answer.
    ///
    /// # Errors
    /// [`FetchError::Address`] for another; [`FetchError::Roots`] where the machine has no root certificates.
    pub fn new(url: &str) -> Result<Self, FetchError> {
        let uri: Uri = url.parse().map_err(|_| FetchError::Address)?;
        let host = uri.host().unwrap_or_default();
        let is_local = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        let authority = uri.authority().map(hyper::http::uri::Authority::as_str).unwrap_or_default();
        let sound = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => is_local,
            _ => false,
        };
        if !sound || host.is_empty() || authority.contains('@') || url.contains('#') {
            return Err(FetchError::Address);
        }
        let provider = rustls::crypto::ring::default_provider();
        let builder = HttpsConnectorBuilder::new();
        let connector = if uri.scheme_str() == Some("https") {
            let builder = builder.with_provider_and_native_roots(provider).map_err(FetchError::Roots)?;
            builder.https_only().enable_http1().build()
        } else {
            let config = rustls::ClientConfig::builder_with_provider(provider.into());
            let config = config.with_safe_default_protocol_versions().map_err(|_| FetchError::Address)?;
            let config = config.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth();
            builder.with_tls_config(config).https_or_http().enable_http1().build()
        };
        Ok(Self { url: url.into(), uri, connector })
    }

    /// The address.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What is there now.
    ///
    /// # Errors
    /// Why nothing could be fetched.
    pub async fn get(&self) -> Result<Bytes, FetchError> {
        tokio::time::timeout(PATIENCE, self.exchange()).await.map_err(|_| FetchError::Slow)?
    }

    async fn exchange(&self) -> Result<Bytes, FetchError> {
        let broken = |error: hyper::Error| FetchError::Broken(error.to_string());
        // A fresh connector is ready at once.
        let socket = self.connector.clone().call(self.uri.clone()).await;
        let socket = socket.map_err(|error| FetchError::Connect(error.to_string()))?;
        let (mut sender, connection) = http1::handshake(socket).await.map_err(broken)?;
        let path = self.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let host = self.uri.authority().map(hyper::http::uri::Authority::as_str).unwrap_or_default();
        let request = Request::get(path).header(HOST, host).header(USER_AGENT, AGENT);
        let request = request.header(ACCEPT, "application/json");
        let request = request.body(Empty::<Bytes>::new()).map_err(|_| FetchError::Address)?;
        let answer = async {
            let answer = sender.send_request(request).await.map_err(broken)?;
            if answer.status() != StatusCode::OK {
                return Err(FetchError::Status(answer.status()));
            }
            let body = Limited::new(answer.into_body(), LARGEST).collect().await;
            body.map(http_body_util::Collected::to_bytes).map_err(|error| FetchError::Broken(error.to_string()))
        };
        // The connection is driven by whoever waits for the answer.
        let mut connection = std::pin::pin!(connection);
        let mut answer = std::pin::pin!(answer);
        tokio::select! {
            biased;
            answer = &mut answer => answer,
            ended = &mut connection => match ended {
                // The last bytes may have come with the end.
                Ok(()) => answer.await,
                Err(error) => Err(broken(error)),
            },
        }
    }
}
