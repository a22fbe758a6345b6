//! What an operator says of traces: the collector, what it is told besides, and how much.

use std::net::IpAddr;
use std::sync::Arc;

use hyper::Uri;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use percent_encoding::percent_decode_str;

/// Where spans go under the base of a collector (<https://opentelemetry.io/docs/specs/otlp/#otlphttp-request>).
const PATH: &str = "/v1/traces";

/// Headers that are not for an operator to set.
const OURS: [&str; 5] = ["host", "content-length", "content-type", "transfer-encoding", "connection"];

/// Everything about traces.
#[derive(Debug, Clone)]
pub struct TraceConfig {
    /// The collector.
    pub endpoint: Endpoint,
    /// What it is sent with every request, such as a key.
    pub headers: TraceHeaders,
    /// How many of the requests without a trace of their own are recorded, from 0 to 1.
    pub sample: f64,
    /// Whether statements of recorded requests have a comment that names the trace.
    pub sql_comment: bool,
    /// What the process is called.
    pub service_name: Arc<str>,
}

/// The address of a collector's traces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(Uri);

/// Why there is no collector at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address such as http://collector:4318, without user, parameters and fragment")]
pub struct EndpointError;

impl Endpoint {
    /// Under the base URL of a collector, `http` or `https`.
    ///
    /// # Errors
    /// When it is none.
    pub fn under(base: &str) -> Result<Self, EndpointError> {
        let Self(uri) = Self::at(base)?;
        let mut parts = uri.into_parts();
        let base = parts.path_and_query.as_ref().map_or("", |path| path.path().trim_end_matches('/'));
        parts.path_and_query = Some(PathAndQuery::try_from(format!("{base}{PATH}")).map_err(|_| EndpointError)?);
        Uri::from_parts(parts).map(Self).map_err(|_| EndpointError)
    }

    /// At this URL, as it stands.
    ///
    /// # Errors
    /// When it is none.
    pub fn at(url: &str) -> Result<Self, EndpointError> {
        let uri: Uri = url.parse().map_err(|_| EndpointError)?;
        let authority = uri.authority().ok_or(EndpointError)?;
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        let plain = !authority.as_str().contains('@') && !authority.host().is_empty() && uri.query().is_none();
        let port = authority.as_str() == authority.host() || authority.port().is_some();
        if known && plain && port && !url.contains('#') { Ok(Self(uri)) } else { Err(EndpointError) }
    }

    /// The address.
    pub fn uri(&self) -> &Uri {
        &self.0
    }

    /// Whether what goes there is encrypted.
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    /// Whether it is on this machine.
    pub fn is_local(&self) -> bool {
        let host = self.0.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    }
}

/// Headers whose values are secrets. `Debug` shows how many there are.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TraceHeaders(HeaderMap);

impl std::fmt::Debug for TraceHeaders {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} headers", self.0.len())
    }
}

impl TraceHeaders {
    /// Of `name=value,name=value`, values percent-encoded where they need to be
    /// (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/#specifying-headers-via-environment-variables>).
    /// `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        let mut headers = HeaderMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=')?;
            let name: HeaderName = name.trim().to_ascii_lowercase().parse().ok()?;
            let value = percent_decode_str(value.trim()).collect::<Vec<u8>>();
            let mut value = HeaderValue::from_bytes(&value).ok()?;
            value.set_sensitive(true);
            if OURS.contains(&name.as_str()) || headers.insert(name, value).is_some() {
                return None;
            }
        }
        Some(Self(headers))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn map(&self) -> &HeaderMap {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::{Endpoint, TraceHeaders};

    #[test]
    fn spans_go_under_the_base() {
        for (base, expected) in [
            ("http://collector:4318", "http://collector:4318/v1/traces"),
            ("http://collector:4318/", "http://collector:4318/v1/traces"),
            ("https://example.com/otlp", "https://example.com/otlp/v1/traces"),
            ("https://example.com/otlp/", "https://example.com/otlp/v1/traces"),
            ("http://[::1]:4318", "http://[::1]:4318/v1/traces"),
        ] {
            assert_eq!(Endpoint::under(base).unwrap().uri().to_string(), expected);
        }
        assert_eq!(Endpoint::at("http://c/other").unwrap().uri().to_string(), "http://c/other");
        for wrong in ["", "collector:4318", "grpc://c:4317", "http://", "http://u:p@c", "http://c?key=1", "http://c#f"]
        {
            assert!(Endpoint::under(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_are_pairs() {
        let headers = TraceHeaders::parse(" Authorization=Bearer%20geheim, x-team = db ,").unwrap();
        assert_eq!(headers.map()["authorization"], "Bearer geheim");
        assert_eq!(headers.map()["x-team"], "db");
        assert_eq!(format!("{headers:?}"), "2 headers");
        assert!(!format!("{:?}", headers.map()).contains("geheim"));
        assert!(TraceHeaders::parse("").unwrap().is_empty());
        for wrong in ["authorization", "a b=c", "host=c", "a=b,a=c", "a=%0a", "=b"] {
            assert!(TraceHeaders::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn whatever_is_said_of_headers_is_taken_or_refused() {
        let mut dice = Dice::new();
        for number in 0..cases(20_000) {
            let mut text = b"authorization=Bearer%20x,x-team=db".to_vec();
            if number % 3 == 0 {
                text = dice.bytes(40);
            } else {
                dice.spoil(&mut text, &["=", ",", "%", "%0d", "\u{e9}", " ", "a=b,", "host="]);
            }
            let Ok(text) = String::from_utf8(text) else { continue };
            let _ = Endpoint::under(&text);
            if let Some(headers) = TraceHeaders::parse(&text) {
                assert!(headers.map().values().all(hyper::header::HeaderValue::is_sensitive));
            }
        }
    }
}
