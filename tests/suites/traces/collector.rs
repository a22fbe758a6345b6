//! A collector: it takes OTLP's JSON over HTTP, keeps all of it, and answers as the test wants.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;

use harness::eventually;

/// What it says to a request: a status, after a while.
#[derive(Clone, Copy)]
pub(crate) struct Says(pub(crate) u16, pub(crate) Duration);

#[derive(Default)]
struct Heard {
    /// The requests it was sent.
    requests: Vec<(HeaderMap, String)>,
    /// Of those, what it has taken.
    spans: Vec<Span>,
    /// What it says first; then it takes everything.
    answers: VecDeque<Says>,
}

/// A collector on a port of its own.
#[derive(Clone)]
pub(crate) struct Collector {
    url: String,
    heard: Arc<Mutex<Heard>>,
}

/// A span, as it was told.
#[derive(Clone, Debug)]
pub(crate) struct Span {
    said: Value,
    /// The service that told it.
    pub(crate) service: String,
}

impl Collector {
    pub(crate) async fn start() -> Self {
        Self::saying(&[]).await
    }

    /// One that says this first.
    pub(crate) async fn saying(answers: &[Says]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Heard { answers: answers.iter().copied().collect(), ..Heard::default() };
        let collector = Self { url, heard: Arc::new(Mutex::new(heard)) };
        let served = collector.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let served = served.clone();
                let service = service_fn(move |request| served.clone().answer(request));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(socket), service));
            }
        });
        collector
    }

    /// Its base URL.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    async fn answer(self, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let text = String::from_utf8(body.to_vec()).unwrap();
        let is_known = head.method == "POST" && head.uri.path() == "/v1/traces";
        let is_json = head.headers.get("content-type").is_some_and(|kind| kind == "application/json");
        let answer = {
            let mut all = self.heard.lock().unwrap();
            all.requests.push((head.headers, text.clone()));
            all.answers.pop_front()
        };
        let Says(mut status, pause) = answer.unwrap_or(Says(200, Duration::ZERO));
        tokio::time::sleep(pause).await;
        match spans(&text) {
            Some(spans) if is_known && is_json => {
                if status == 200 {
                    self.heard.lock().unwrap().spans.extend(spans);
                }
            }
            _ => status = 400,
        }
        let answer = Response::builder().status(status).header("content-type", "application/json");
        Ok(answer.body(Full::new("{}".into())).unwrap())
    }

    /// What it has taken so far.
    pub(crate) fn spans(&self) -> Vec<Span> {
        self.heard.lock().unwrap().spans.clone()
    }

    /// The spans of a trace, once there are so many.
    #[track_caller]
    pub(crate) fn trace(&self, trace: &str, count: usize) -> impl Future<Output = Vec<Span>> {
        let (collector, trace) = (self.clone(), trace.to_owned());
        eventually(move || {
            let spans: Vec<Span> = collector.spans().into_iter().filter(|span| span.trace() == trace).collect();
            async move { if spans.len() >= count { Ok(spans) } else { Err(format!("{spans:#?}")) } }
        })
    }

    /// The bodies of all requests.
    pub(crate) fn bodies(&self) -> Vec<String> {
        self.heard.lock().unwrap().requests.iter().map(|(_, body)| body.clone()).collect()
    }

    /// The headers of all requests.
    pub(crate) fn headers(&self) -> Vec<HeaderMap> {
        self.heard.lock().unwrap().requests.iter().map(|(headers, _)| headers.clone()).collect()
    }
}

/// What is in an `ExportTraceServiceRequest`; nothing if it is none.
fn spans(text: &str) -> Option<Vec<Span>> {
    let request: Value = serde_json::from_str(text).ok()?;
    let mut spans = vec![];
    for of_resource in request["resourceSpans"].as_array()? {
        let service = attribute(&of_resource["resource"], "service.name")?.as_str()?.to_owned();
        for of_scope in of_resource["scopeSpans"].as_array()? {
            for said in of_scope["spans"].as_array()? {
                let hex = |name: &str, length: usize| {
                    let id = said[name].as_str().unwrap_or_default();
                    id.len() == length && id.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
                };
                let sound = hex("traceId", 32) && hex("spanId", 16);
                let has_parent = said["parentSpanId"].is_null() || hex("parentSpanId", 16);
                let time = |name: &str| said[name].as_str()?.parse::<u64>().ok();
                if !sound || !has_parent || time("endTimeUnixNano")? < time("startTimeUnixNano")? {
                    return None;
                }
                spans.push(Span { said: said.clone(), service: service.clone() });
            }
        }
    }
    Some(spans)
}

fn attribute<'v>(of: &'v Value, key: &str) -> Option<&'v Value> {
    let mut all = of["attributes"].as_array()?.iter().filter(|attribute| attribute["key"] == key);
    let value = all.next()?["value"].as_object()?;
    assert!(all.next().is_none(), "{key} twice: {of}");
    value.values().next()
}

impl Span {
    fn text(&self, name: &str) -> &str {
        self.said[name].as_str().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.text("name")
    }

    pub(crate) fn trace(&self) -> &str {
        self.text("traceId")
    }

    pub(crate) fn id(&self) -> &str {
        self.text("spanId")
    }

    /// Empty if there is none.
    pub(crate) fn parent(&self) -> &str {
        self.text("parentSpanId")
    }

    /// 1 within, 2 server, 3 client.
    pub(crate) fn kind(&self) -> u64 {
        self.said["kind"].as_u64().unwrap()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.said["status"]["code"] == 2
    }

    /// Its moments, in nanoseconds since 1970.
    pub(crate) fn moments(&self) -> (u64, u64) {
        (self.text("startTimeUnixNano").parse().unwrap(), self.text("endTimeUnixNano").parse().unwrap())
    }

    /// An attribute as text; empty if it is not there.
    pub(crate) fn told(&self, key: &str) -> &str {
        attribute(&self.said, key).and_then(Value::as_str).unwrap_or_default()
    }
}

/// The one with this name.
#[track_caller]
pub(crate) fn named<'s>(spans: &'s [Span], name: &str) -> &'s Span {
    let mut found = spans.iter().filter(|span| span.name() == name);
    let one = found.next().unwrap_or_else(|| panic!("no {name} in {spans:#?}"));
    assert!(found.next().is_none(), "{name} twice in {spans:#?}");
    one
}
