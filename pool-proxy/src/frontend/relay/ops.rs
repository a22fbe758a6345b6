//! The operators' listener of a relay: is it well, and does it reach its upstream.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, StatusCode};
use serde_json::json;
use tokio::time::Instant;

use crate::auth::KeyHash;
use crate::error::Failure;
use crate::frontend::errors;
use crate::frontend::heads::Heads;
use crate::frontend::ops::{PATIENCE, authenticate, finish, metrics, misses, page};
use crate::frontend::reply::{self, Reply};
use crate::telemetry::Metrics;
use crate::upstream::Lanes;

/// Everything it needs.
pub struct RelayOps {
    /// The way to the upstream.
    pub lanes: Arc<Lanes>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// The bearer token that is asked for, if one is.
    pub token: Option<KeyHash>,
    /// Set when the process is about to stop.
    pub leaving: AtomicBool,
}

impl RelayOps {
    /// Answers a request. Never fails: a failure is an answer, too.
    pub async fn answer(&self, request: Request<Incoming>) -> Reply {
        let arrived = Instant::now();
        let id = reply::request_id(Heads::of(request.headers()));
        let reply = self.route(&request, &id).await.unwrap_or_else(|failure| errors::reply(&failure, &id));
        finish(reply, id, arrived)
    }

    async fn route(&self, request: &Request<Incoming>, id: &HeaderValue) -> Result<Reply, Failure> {
        let path = request.uri().path();
        if let Some(reply) = page::file(request.method(), path, page::Kind::Relay) {
            return Ok(reply);
        }
        if let Some(reply) = misses(request, &["/health", "/ready", "/metrics"], id) {
            return Ok(reply);
        }
        if path == "/health" {
            return Ok(reply::text(StatusCode::OK, "ok\n"));
        }
        authenticate(self.token.as_ref(), request.headers())?;
        Ok(if path == "/ready" { self.readiness().await } else { metrics(&self.metrics) })
    }

    /// 200 when the upstream answers, else 503 with the reason.
    async fn readiness(&self) -> Reply {
        let said = self.lanes.probe(PATIENCE).await;
        let leaving = self.leaving.load(Ordering::Acquire);
        let ready = !leaving && said.is_ok();
        let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        let said = said.err().unwrap_or_else(|| "ok".to_owned());
        let mut body = json!({ "ready": ready, "upstream": said });
        if leaving {
            body["reason"] = "the process is about to stop".into();
        }
        reply::json(status, body.to_string())
    }
}
