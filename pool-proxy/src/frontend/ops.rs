//! The operators' listener: is it well, and what does it hold.

mod keys;
pub(super) mod page;
mod statements;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE, HOST, HeaderValue};
use hyper::http::uri::Authority;
use hyper::{HeaderMap, Method, Request, StatusCode};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::time::Instant;

use super::credentials::Credentials;
use super::errors;
use super::heads::Heads;
use super::ledger::Ledger;
use super::reply::{self, REQUEST_ID, Reply, SERVER_TIMING};
use crate::auth::{Auth, KeyHash};
use crate::error::Failure;
use crate::gateway::Gateway;
use crate::telemetry::Metrics;

/// How long a database, or the upstream of a relay, may take to show that it is there.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// What there is.
const PATHS: [&str; 7] = ["/health", "/ready", "/metrics", "/pools", "/cache", "/keys", "/statements"];

/// Everything the operators' listener needs.
pub struct Ops {
    /// Has the databases and the cache.
    pub gateway: Arc<Gateway>,
    /// Knows the keys.
    pub auth: Arc<Auth>,
    /// What clients make the process hold.
    pub ledger: Ledger,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The bearer token that is asked for, if one is.
    pub token: Option<KeyHash>,
    /// Set when the process is about to stop.
    pub leaving: AtomicBool,
}

impl Ops {
    /// Answers a request. Never fails: a failure is an answer, too.
    pub async fn answer(&self, request: Request<Incoming>) -> Reply {
        let arrived = Instant::now();
        let id = reply::request_id(Heads::of(request.headers()));
        let reply = match self.route(&request, &id).await {
            Ok(reply) => reply,
            Err(failure) => errors::reply(&failure, &id),
        };
        finish(reply, id, arrived)
    }

    async fn route(&self, request: &Request<Incoming>, id: &HeaderValue) -> Result<Reply, Failure> {
        let path = request.uri().path();
        if let Some(reply) = page::file(request.method(), path, page::Kind::Proxy) {
            return Ok(reply);
        }
        let is_reset = path == "/statements" && request.method() == Method::DELETE;
        if let Some(reply) = misses(request, &PATHS, id).filter(|_| !is_reset) {
            return Ok(reply);
        }
        // Whether the process serves is no secret, and probes carry none.
        if path == "/health" {
            return Ok(reply::json(StatusCode::OK, "{\"status\":\"ok\"}"));
        }
        authenticate(self.token.as_ref(), request.headers())?;
        if matches!(path, "/keys" | "/statements") {
            refuse_foreign_name(self.token.as_ref(), request.headers())?;
        }
        Ok(match path {
            "/ready" => self.readiness().await,
            "/metrics" => self.metrics(),
            "/statements" if is_reset => statements::reset(&self.gateway),
            "/statements" => statements::list(&self.gateway, request.uri().query())?,
            "/keys" => keys::list(&self.auth),
            "/pools" => reply::json(StatusCode::OK, self.pools().to_string()),
            _ => reply::json(StatusCode::OK, self.cache().to_string()),
        })
    }

    /// 200 when every database has a connection to give, else 503 with the reason.
    async fn readiness(&self) -> Reply {
        let probes = self.gateway.databases().map(|database| async move {
            let outcome = database.probe(PATIENCE).await;
            (database.name.to_string(), outcome.map_or_else(|failure| failure.to_string(), |()| "ok".to_owned()))
        });
        let databases: Vec<(String, String)> = join_all(probes).await;
        let leaving = self.leaving.load(Ordering::Acquire);
        let ready = !leaving && databases.iter().all(|(_, said)| said == "ok");
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let databases: serde_json::Map<_, _> = databases.into_iter().map(|(name, said)| (name, said.into())).collect();
        let mut body = json!({ "ready": ready, "databases": databases });
        if leaving {
            body["reason"] = "the process is about to stop".into();
        }
        reply::json(status, body.to_string())
    }

    fn metrics(&self) -> Reply {
        for database in self.gateway.databases() {
            self.metrics.pool(&database.name, database.gauges());
            if let Some(gauges) = database.stream_gauges() {
                self.metrics.stream(&database.name, gauges);
            }
        }
        let (entries, bytes) = self.gateway.shelf().size();
        self.metrics.cache(entries, bytes);
        self.metrics.bodies(self.ledger.held());
        metrics(&self.metrics)
    }

    fn pools(&self) -> Value {
        let pools = self.gateway.databases().map(|database| {
            let gauges = database.gauges();
            json!({
                "database": &*database.name,
                "idle": gauges.idle,
                "active": gauges.active,
                "max": gauges.max,
                "waiting": gauges.waiting,
                "transactions": gauges.transactions,
            })
        });
        json!({ "pools": pools.collect::<Vec<_>>() })
    }

    fn cache(&self) -> Value {
        let (entries, bytes) = self.gateway.shelf().size();
        let streams = self.gateway.databases().filter_map(|database| {
            let gauges = database.stream_gauges()?;
            Some(json!({
                "database": &*database.name,
                "proven": gauges.is_proven,
                "age": gauges.age.map(|age| age.as_secs_f64()),
                "relations": gauges.relations,
                "dependents": gauges.dependents,
            }))
        });
        let streams: Vec<_> = streams.collect();
        json!({ "on": self.gateway.shelf().is_on(), "entries": entries, "bytes": bytes, "streams": streams })
    }
}

/// The answer to what is not there, or may only be read.
pub(super) fn misses(request: &Request<Incoming>, paths: &[&str], id: &HeaderValue) -> Option<Reply> {
    if !paths.contains(&request.uri().path()) {
        let (last, others) = paths.split_last()?;
        let message = format!("no such path; there are {} and {last}", others.join(", "));
        return Some(errors::refusal(StatusCode::NOT_FOUND, &message, id));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let (message, allowed) = match request.uri().path() {
            "/statements" => ("the methods here are GET and DELETE", "GET, HEAD, DELETE"),
            _ => ("the method here is GET", "GET, HEAD"),
        };
        let mut reply = errors::refusal(StatusCode::METHOD_NOT_ALLOWED, message, id);
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
        return Some(reply);
    }
    None
}

/// Lets pass whoever knows the token, if there is one.
pub(super) fn authenticate(token: Option<&KeyHash>, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(token) = token else { return Ok(()) };
    let credentials = Credentials::from_headers(Heads::of(headers))?;
    let presented = KeyHash::of(credentials.secret.as_deref().unwrap_or_default());
    if bool::from(token.ct_eq(&presented)) {
        Ok(())
    } else {
        let reason = "the operators' token is required: Authorization: Bearer <token>";
        Err(Failure::Unauthorized { reason, presented: credentials.secret.is_some() })
    }
}

/// Without a token everything on this machine may look, but no page of somewhere else that has its own name lead to this
/// machine, for a browser to read what is behind it.
///
/// # Errors
/// [`Failure::Forbidden`] for a name that is not this machine's.
pub(super) fn refuse_foreign_name(token: Option<&KeyHash>, headers: &HeaderMap) -> Result<(), Failure> {
    let Some(host) = headers.get(HOST).filter(|_| token.is_none()) else { return Ok(()) };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let name = authority.as_ref().map(Authority::host).unwrap_or_default();
    let is_address = name.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
    if is_address || name == "localhost" || name.ends_with(".localhost") {
        return Ok(());
    }
    Err(Failure::Forbidden("under another name than localhost this needs ops.token".to_owned()))
}

/// All metrics.
pub(super) fn metrics(metrics: &Metrics) -> Reply {
    let mut reply = reply::text(StatusCode::OK, metrics.encode());
    let format = HeaderValue::from_static("application/openmetrics-text; version=1.0.0; charset=utf-8");
    reply.headers_mut().insert(CONTENT_TYPE, format);
    reply
}

/// What every answer carries.
pub(super) fn finish(mut reply: Reply, id: HeaderValue, arrived: Instant) -> Reply {
    reply.headers_mut().insert(REQUEST_ID.clone(), id);
    reply.headers_mut().insert(SERVER_TIMING.clone(), reply::timing([("total", arrived.elapsed())]));
    reply
}
