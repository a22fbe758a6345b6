//! Where the upstream is, and how its certificate is held against whom.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::http::uri::{Authority, Scheme};
use rustls::ClientConfig;

use super::lanes::Lanes;
use crate::drain::Drain;
use crate::trust::{Checks, TrustError, client_config};

/// The address of a proxy, and how to speak TLS with it.
#[derive(Clone)]
pub struct Upstream {
    scheme: Scheme,
    authority: Authority,
    origin: Arc<str>,
    pub(super) tls: ClientConfig,
}

/// Why there is no upstream at an address.
#[derive(Debug, thiserror::Error)]
pub enum AddressError {
    /// It is none of a proxy's.
    #[error("expected an address such as https://proxy.example.com, without user, path and parameters")]
    Url,
    /// Nothing to check its certificate against.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl Upstream {
    /// At this `http` or `https` URL. `root` is PEM text or a path and takes the place of the system's roots.
    ///
    /// # Errors
    /// When the URL is more than an origin, or the roots cannot be used.
    pub fn new(url: &str, root: Option<&str>) -> Result<Self, AddressError> {
        let uri: Uri = url.parse().map_err(|_| AddressError::Url)?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else { return Err(AddressError::Url) };
        let bare = parts.path_and_query.is_none_or(|path| path == "/") && !url.contains('#');
        let known = scheme == Scheme::HTTP || scheme == Scheme::HTTPS;
        let (host, port) = (authority.host(), authority.port());
        let plain = !authority.as_str().contains('@') && (authority.as_str() == host || port.is_some());
        if !known || !bare || !plain || host.is_empty() {
            return Err(AddressError::Url);
        }
        // In the clear nothing is verified, so a machine without roots will do.
        let checks = if scheme == Scheme::HTTPS { Checks::ChainAndName } else { Checks::ChainIfGiven };
        let tls = client_config(checks, root.filter(|root| *root != "system"))?;
        let origin = format!("{scheme}://{authority}").into();
        Ok(Self { scheme, authority, origin, tls })
    }

    /// Scheme, host and port, as they were given.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Whether what goes there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        let host = self.authority.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }

    /// The port, also where the URL names none.
    pub fn port(&self) -> u16 {
        self.authority.port_u16().unwrap_or(if self.is_encrypted() { 443 } else { 80 })
    }

    /// Connections to it, opened as they are needed, in tasks of this drain.
    pub fn connect(&self, drain: &Drain) -> Lanes {
        Lanes::new(self, drain)
    }

    /// The address of something there.
    pub(super) fn uri(&self, of: &Uri) -> Result<Uri, hyper::http::Error> {
        let path = of.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
        Uri::builder().scheme(self.scheme.clone()).authority(self.authority.clone()).path_and_query(path).build()
    }
}

impl std::fmt::Debug for Upstream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upstream").field("origin", &self.origin).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    #[test]
    fn an_address_is_an_origin_and_nothing_more() {
        for (url, local, port) in [
            ("http://127.0.0.1:8080", true, 8080),
            ("http://localhost/", true, 80),
            ("http://[::1]:8080", true, 8080),
            ("http://10.0.0.1:8080", false, 8080),
            ("http://localhost.example.com", false, 80),
        ] {
            let upstream = Upstream::new(url, None).unwrap();
            assert_eq!((upstream.is_local(), upstream.port(), upstream.is_encrypted()), (local, port, false), "{url}");
            assert_eq!(upstream.origin(), url.trim_end_matches('/'));
        }
        for url in [
            "",
            "proxy.example.com",
            "proxy.example.com:8080",
            "ftp://proxy.example.com",
            "prisma://proxy.example.com",
            "https://",
            "https://proxy.example.com/base",
            "https://proxy.example.com/?api_key=geheim",
            "https://proxy.example.com?api_key=geheim",
            "https://proxy.example.com#geheim",
            "https://app:geheim@proxy.example.com",
            "https://proxy.example.com:port",
        ] {
            let said = Upstream::new(url, None).err().unwrap_or_else(|| panic!("{url}")).to_string();
            assert!(!said.contains("geheim"), "{said}");
        }
    }
}
