//! A transport for tests: answers from a list, a clock that only moves when it is told to, and a record of all that was
//! asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use crate::client::Client;
use crate::transport::{BoxFuture, Request, Response, Transport, TransportError};

/// What a request meets: how long it takes, then what comes of it.
pub(crate) type Step = (Duration, Result<Response, TransportError>);

#[derive(Default)]
pub(crate) struct Record {
    pub(crate) requests: Vec<(Request, Duration)>,
    pub(crate) pauses: Vec<Duration>,
    dice: u64,
    clock: Duration,
    steps: VecDeque<Step>,
}

/// The transport, and the view a test keeps of it.
#[derive(Clone, Default)]
pub(crate) struct Scripted(Arc<Mutex<Record>>);

impl Scripted {
    pub(crate) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        let steps = steps.into_iter().collect();
        Self(Arc::new(Mutex::new(Record { steps, ..Record::default() })))
    }

    /// The same, with the one number that is thrown.
    pub(crate) fn throwing(self, dice: u64) -> Self {
        self.0.lock().unwrap().dice = dice;
        self
    }

    /// Lets time pass outside of calls.
    pub(crate) fn pass(&self, time: Duration) {
        self.0.lock().unwrap().clock += time;
    }

    pub(crate) fn client(&self) -> Client {
        Client::new(self.clone(), "secret-key")
    }

    pub(crate) fn record<T>(&self, look: impl FnOnce(&Record) -> T) -> T {
        look(&self.0.lock().unwrap())
    }

    /// How many requests were sent.
    pub(crate) fn count(&self) -> usize {
        self.record(|record| record.requests.len())
    }

    /// The only request's header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        self.record(|record| record.requests[0].0.header(name).map(str::to_owned))
    }

    /// The only request's body.
    pub(crate) fn body(&self) -> Value {
        self.record(|record| serde_json::from_slice(&record.requests[0].0.body).unwrap())
    }
}

impl Transport for Scripted {
    fn send<'a>(&'a self, request: &'a Request, timeout: Duration) -> BoxFuture<'a, Result<Response, TransportError>> {
        let mut record = self.0.lock().unwrap();
        record.requests.push((request.clone(), timeout));
        let (takes, outcome) = record.steps.pop_front().expect("a request that the script does not know");
        record.clock += takes.min(timeout);
        let outcome = match outcome {
            // It never came so far that the time could pass on it.
            Err(TransportError::NotSentInTime) => outcome,
            _ if takes >= timeout => Err(TransportError::TimedOut),
            _ => outcome,
        };
        Box::pin(std::future::ready(outcome))
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        let mut record = self.0.lock().unwrap();
        record.pauses.push(duration);
        record.clock += duration;
        Box::pin(std::future::ready(()))
    }

    fn now(&self) -> Duration {
        self.record(|record| record.clock)
    }

    fn random(&self) -> u64 {
        self.record(|record| record.dice)
    }
}

/// At once.
pub(crate) fn step(outcome: Result<Response, TransportError>) -> Step {
    (Duration::ZERO, outcome)
}

/// What the proxy answers to `GET /health`.
pub(crate) fn healthy() -> Response {
    let headers = [("X-Request-Id", "r-1"), ("Server-Timing", "total;dur=0.012")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Response { status: 200, headers, body: br#"{"status":"ok"}"#.to_vec() }
}

/// What the proxy answers to `POST /invalidate`.
pub(crate) fn forgotten() -> Response {
    answer(200, &json!({}))
}

pub(crate) fn answer(status: u16, body: &Value) -> Response {
    Response { status, headers: vec![], body: body.to_string().into_bytes() }
}

/// A result with columns of these names and types.
pub(crate) fn result(columns: &[(&str, u32)], rows: &Value) -> Response {
    answer(200, &table(columns, rows))
}

pub(crate) fn table(columns: &[(&str, u32)], rows: &Value) -> Value {
    let fields: Vec<Value> = columns.iter().map(|(name, oid)| json!({ "name": name, "dataTypeID": oid })).collect();
    let count = rows.as_array().map_or(0, Vec::len);
    json!({ "fields": fields, "rows": rows, "command": "SELECT", "rowCount": count, "rowAsArray": true })
}

/// The proxy's own refusal.
pub(crate) fn refusal(status: u16, more: &Value) -> Response {
    let mut body = json!({ "message": "no", "requestId": "r-1" });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    answer(status, &body)
}

/// Postgres's refusal.
pub(crate) fn refused(code: &str) -> Response {
    refusal(400, &json!({ "code": code, "severity": "ERROR" }))
}

pub(crate) fn after(mut response: Response, seconds: &str) -> Response {
    response.headers.push(("Retry-After".to_owned(), seconds.to_owned()));
    response
}
