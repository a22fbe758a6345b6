//! The way to the collector: one connection, kept while it lasts, driven by whoever waits for an answer.

use std::future::Future;
use std::pin::{Pin, pin};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue, RETRY_AFTER, USER_AGENT};
use hyper::{Request, StatusCode, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde::Deserialize;
use tower_service::Service;

use super::settings::TraceConfig;

/// How long one attempt may take, all of it.
const PATIENCE: Duration = Duration::from_secs(5);
/// What is read of an answer, in bytes.
const LARGEST: usize = 64 << 10;

const AGENT: &str = concat!("pool-proxy/", env!("CARGO_PKG_VERSION"));

/// What came of one attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// The collector took them, but for so many.
    Taken {
        /// That it refused.
        rejected: u64,
    },
    /// It may be tried again, after what the collector asks for.
    Again(String, Option<Duration>),
    /// That would be no use.
    Refused(String),
}

/// The collector, and the connection to it if there is one.
pub(super) struct Line {
    uri: Uri,
    headers: HeaderMap,
    connector: HttpsConnector<HttpConnector>,
    open: Option<Open>,
}

/// Why there was no answer.
struct Lost {
    problem: String,
    /// There may be one after all, but later.
    is_late: bool,
}

/// An open connection.
struct Open {
    sender: SendRequest<Full<Bytes>>,
    connection: Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>,
}

impl Line {
    pub(super) fn new(config: &TraceConfig, tls: rustls::ClientConfig) -> Self {
        let uri = config.endpoint.uri().clone();
        let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let mut headers = config.headers.map().clone();
        let host = uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
        headers.extend(host.map(|host| (HOST, host)));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(AGENT));
        Self { uri, headers, connector, open: None }
    }

    /// Sends a request's body.
    pub(super) async fn send(&mut self, body: Bytes) -> Sent {
        let was_open = self.open.is_some();
        let sent = self.attempt(body.clone()).await;
        match sent {
            // The collector may have closed it while nobody looked.
            Err(Lost { is_late: false, .. }) if was_open => self.attempt(body).await,
            sent => sent,
        }
        .unwrap_or_else(|Lost { problem, .. }| Sent::Again(problem, None))
    }

    async fn attempt(&mut self, body: Bytes) -> Result<Sent, Lost> {
        // Taken out: a connection on which something went wrong is not used again.
        let open = self.open.take();
        let (sent, open) = tokio::time::timeout(PATIENCE, self.exchange(open, body))
            .await
            .map_err(|_| Lost { problem: format!("no answer within {} s", PATIENCE.as_secs()), is_late: true })?
            .map_err(|problem| Lost { problem, is_late: false })?;
        self.open = open;
        Ok(sent)
    }

    async fn exchange(&mut self, open: Option<Open>, body: Bytes) -> Result<(Sent, Option<Open>), String> {
        let Open { mut sender, mut connection } = match open {
            Some(open) => open,
            None => self.connect().await?,
        };
        let path = self.uri.path_and_query().map_or("/", hyper::http::uri::PathAndQuery::as_str);
        let mut request = Request::post(path).body(Full::new(body)).map_err(|error| error.to_string())?;
        *request.headers_mut() = self.headers.clone();
        let broken = |error: hyper::Error| format!("the connection was lost: {error}");
        let (head, body, has_ended) = {
            let mut answer = pin!(async {
                sender.ready().await?;
                let (head, body) = sender.send_request(request).await?.into_parts();
                // One that says more is not read to its end.
                let body = Limited::new(body, LARGEST).collect().await.ok().map(http_body_util::Collected::to_bytes);
                Ok((head, body))
            });
            tokio::select! {
                biased;
                answer = &mut answer => answer.map(|(head, body)| (head, body, false)),
                ended = &mut connection => match ended {
                    // The last bytes may have come with the end.
                    Ok(()) => answer.await.map(|(head, body)| (head, body, true)),
                    Err(error) => Err(error),
                },
            }
        }
        .map_err(broken)?;
        let is_kept = body.is_some() && !has_ended;
        Ok((said(head.status, &head.headers, body.as_deref()), is_kept.then_some(Open { sender, connection })))
    }

    async fn connect(&mut self) -> Result<Open, String> {
        // A fresh connector is ready at once.
        let socket = self.connector.clone().call(self.uri.clone()).await;
        let socket = socket.map_err(|error| format!("no connection: {error}"))?;
        let (sender, connection) = http1::handshake(socket).await.map_err(|error| error.to_string())?;
        Ok(Open { sender, connection: Box::pin(connection) })
    }
}

/// What an answer means (<https://opentelemetry.io/docs/specs/otlp/#otlphttp-response>).
fn said(status: StatusCode, headers: &HeaderMap, body: Option<&[u8]>) -> Sent {
    if status.is_success() {
        return Sent::Taken { rejected: body.map_or(0, rejected) };
    }
    let problem = format!("it answers {status}");
    if !matches!(status.as_u16(), 429 | 502 | 503 | 504) {
        return Sent::Refused(problem);
    }
    let seconds = headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    Sent::Again(problem, seconds.map(Duration::from_secs))
}

/// How many spans a collector that took a request has refused. It may answer in protobuf all the same: then nobody knows.
fn rejected(body: &[u8]) -> u64 {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Answer {
        partial_success: Option<Partial>,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Partial {
        rejected_spans: Option<Number>,
    }
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Number {
        Text(String),
        Plain(u64),
    }
    let answer = serde_json::from_slice::<Answer>(body).ok();
    match answer.and_then(|answer| answer.partial_success?.rejected_spans) {
        Some(Number::Plain(count)) => count,
        Some(Number::Text(count)) => count.parse().unwrap_or(0),
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use harness::{Dice, cases};
    use hyper::StatusCode;
    use hyper::header::{HeaderMap, RETRY_AFTER};

    use super::{Sent, rejected, said};

    #[test]
    fn an_answer_is_understood() {
        for (body, expected) in [
            ("{}", 0),
            ("", 0),
            ("{\"partialSuccess\":{}}", 0),
            ("{\"partialSuccess\":{\"rejectedSpans\":\"3\",\"errorMessage\":\"no\"}}", 3),
            ("{\"partialSuccess\":{\"rejectedSpans\":4}}", 4),
        ] {
            let sent = said(StatusCode::OK, &HeaderMap::new(), Some(body.as_bytes()));
            assert_eq!(sent, Sent::Taken { rejected: expected }, "{body}");
        }
        for (status, again) in
            [(429, true), (502, true), (503, true), (504, true), (400, false), (500, false), (301, false)]
        {
            let headers: HeaderMap = [(RETRY_AFTER, "7".parse().unwrap())].into_iter().collect();
            match said(StatusCode::from_u16(status).unwrap(), &headers, None) {
                Sent::Again(_, pause) => assert!(again && pause == Some(Duration::from_secs(7)), "{status}"),
                Sent::Refused(_) => assert!(!again, "{status}"),
                Sent::Taken { .. } => panic!("{status}"),
            }
        }
    }

    #[test]
    fn whatever_a_collector_answers_is_read() {
        let mut dice = Dice::new();
        for number in 0..cases(20_000) {
            let mut body = br#"{"partialSuccess":{"rejectedSpans":"12"}}"#.to_vec();
            if number % 4 == 0 {
                body = dice.bytes(60);
            } else {
                dice.spoil(&mut body, &["\"", "{", "}", ":", "9", "-", "null", "[", "e9"]);
            }
            let _ = rejected(&body);
        }
    }
}
