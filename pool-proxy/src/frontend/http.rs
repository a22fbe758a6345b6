//! The public listener: the one route table, and what every answer carries.

use std::future::Future;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS, ALLOW, CONNECTION,
    HeaderName, HeaderValue, VARY,
};
use hyper::http::request::Parts;
use hyper::{HeaderMap, Method, Request, StatusCode, Version};
use tokio::time::Instant;
use tracing::{debug, error, info};

use super::accelerate::route::{self, Act};
use super::body;
use super::errors;
use super::heads::{Heads, Name};
use super::public::Public;
use super::reply::{self, REQUEST_ID, Reply, SERVER_TIMING};
use super::serving::Serving;
use super::trace::{Mark, Trace};
use super::{accelerate, invalidate, sql};
use crate::error::Failure;

static EXPECT: Name = Name::of("expect");
static ORIGIN: Name = Name::of("origin");
static REGION: HeaderName = HeaderName::from_static("pool-region");
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "etag, cache-status, age, pool-bookmark, server-timing, x-request-id, pool-region, retry-after, www-authenticate, \
    prisma-transaction-id, accelerate-cache-status, accelerate-signature, last-modified, cf-ray, idempotency-replayed",
);

/// No route takes anything that would need more, in bytes.
const LONGEST_URI: usize = 8 << 10;

/// The routes: a name for metrics, a path, a method.
const ROUTES: [(&str, &str, Method); 6] = [
    ("sql", "/sql", Method::POST),
    ("query", "/query", Method::POST),
    ("transaction_start", "/transaction/start", Method::POST),
    ("invalidate", "/invalidate", Method::POST),
    ("connection_info", "/connection-info", Method::GET),
    ("health", "/health", Method::GET),
];

/// The route of an address, and its method.
fn known(path: &str) -> Option<(&'static str, Method)> {
    if let Some((route, _, method)) = ROUTES.iter().find(|(_, known, _)| *known == path) {
        return Some((route, method.clone()));
    }
    let (_, act) = route::transaction(path)?;
    let route = match act {
        Act::Query => "transaction_query",
        Act::Commit => "transaction_commit",
        Act::RollBack => "transaction_rollback",
    };
    Some((route, Method::POST))
}

/// The address of a route, as traces know it.
pub(super) fn template(path: &str) -> Option<&'static str> {
    if let Some((_, known, _)) = ROUTES.iter().find(|(_, known, _)| *known == path) {
        return Some(known);
    }
    Some(match route::transaction(path)?.1 {
        Act::Query => "/transaction/{id}/query",
        Act::Commit => "/transaction/{id}/commit",
        Act::RollBack => "/transaction/{id}/rollback",
    })
}

/// Whether failures are told as Prisma's clients read them.
fn speaks_prisma(route: &str) -> bool {
    !matches!(route, "sql" | "invalidate" | "health" | "none")
}

impl Public {
    /// Answers a request. Never fails: a failure is an answer, too.
    // No async function, which would hold the request twice: as it came, and in its parts.
    pub fn answer(self: Arc<Self>, request: Request<Incoming>) -> impl Future<Output = Reply> + Send + 'static {
        let (mut head, mut body) = request.into_parts();
        async move { self.answer_to(&mut head, &mut body).await }
    }

    async fn answer_to(&self, head: &mut Parts, body: &mut Incoming) -> Reply {
        let arrived = Instant::now();
        let version = head.version;
        let heads = Heads::of(&head.headers);
        let (id, origin, trace) = (reply::request_id(heads), self.allowed_origin(heads), Trace::of(heads));
        // Such a client has not sent its body yet, and does not if it is told why.
        let waits = heads.has(&EXPECT);
        let serving = Serving::of(&self.tracer, trace.as_ref(), (&head.method, &head.uri), arrived);
        let recording = serving.as_ref().map(|serving| serving.recording());
        let trace = trace.as_ref().map(Trace::id).or(recording.map(|recording| recording.trace_id()));
        let mark = Mark { arrived, names: heads.marks(), id: &id, trace, recording };
        let (route, outcome) = self.route(head, body, origin.is_some(), mark).await;
        let refused = outcome.as_ref().map_or(true, |reply| reply.status().as_u16() >= 400);
        if refused && !waits {
            // Boxed, so that other requests do not carry its size.
            Box::pin(body::discard(body)).await;
        }
        let is_read = body::is_read(body, waits);
        let mut reply = match outcome {
            Ok(reply) => reply,
            Err(failure) => {
                self.log(&failure, route, &id, trace);
                mark.failed(&failure);
                if speaks_prisma(route) { accelerate::errors::reply(&failure) } else { errors::reply(&failure, &id) }
            }
        };
        let took = arrived.elapsed();
        let status = reply.status().as_u16();
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        debug!(
            request_id = id.to_str().unwrap_or_default(),
            trace_id = trace,
            region = self.region_name(),
            route,
            status,
            ms,
            "answered"
        );
        self.metrics.request(route, status, took);
        if let Some(serving) = serving {
            serving.end(&reply, &id);
        }
        let headers = reply.headers_mut();
        headers.insert(&*REQUEST_ID, id);
        if !is_read && version <= Version::HTTP_11 {
            // What is left of the request may still come: hyper closes behind the answer, and whoever shares the connection is to
            // know (RFC 9112, 9.6).
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        if !headers.contains_key(&SERVER_TIMING) {
            headers.insert(SERVER_TIMING.clone(), reply::timing([("total", took)]));
        }
        if let Some(region) = &self.region {
            headers.insert(REGION.clone(), region.clone());
        }
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
            headers.append(VARY, HeaderValue::from_static("origin"));
        }
        reply
    }

    /// The route, and what came of it.
    async fn route(
        &self,
        head: &mut Parts,
        body: &mut Incoming,
        cors: bool,
        mark: Mark<'_>,
    ) -> (&'static str, Result<Reply, Failure>) {
        let (route, reply) = find(head, cors, mark.id);
        if let Some(reply) = reply {
            return (route, Ok(reply));
        }
        let outcome = match route {
            "sql" => sql::handle(self, head, body, mark).await,
            "health" => Ok(reply::json(StatusCode::OK, "{\"status\":\"ok\"}")),
            // Boxed, so that the others do not carry its size.
            route => Box::pin(self.other(route, head, body, mark)).await,
        };
        (route, outcome)
    }

    async fn other(
        &self,
        route: &'static str,
        head: &mut Parts,
        body: &mut Incoming,
        mark: Mark<'_>,
    ) -> Result<Reply, Failure> {
        let path = head.uri.path().to_owned();
        let transaction = route::transaction(&path);
        let mut reply = match (route, transaction) {
            ("query", _) => accelerate::query(self, head, body, None, mark).await?,
            (_, Some((transaction, Act::Query))) => {
                accelerate::query(self, head, body, Some(transaction), mark).await?
            }
            (_, Some((transaction, act))) => accelerate::end(self, head, transaction, act, mark).await?,
            ("transaction_start", _) => accelerate::start(self, head, body, mark).await?,
            ("connection_info", _) => accelerate::info(self, head).await?,
            ("older_client", _) => return Err(accelerate::refuse()),
            _ => invalidate::invalidate(self, head, body).await?,
        };
        let (name, value) = accelerate::ray(mark.id, self.region.as_ref());
        reply.headers_mut().insert(name, value);
        Ok(reply)
    }

    fn allowed_origin(&self, headers: Heads<'_>) -> Option<HeaderValue> {
        if self.cors_origins.is_empty() {
            return None;
        }
        let origin = headers.get(&ORIGIN)?;
        let allowed = |known: &String| known == "*" || known.as_bytes() == origin.as_bytes();
        self.cors_origins.iter().any(allowed).then(|| origin.clone())
    }

    fn region_name(&self) -> &str {
        self.region.as_ref().and_then(|region| region.to_str().ok()).unwrap_or_default()
    }

    fn log(&self, failure: &Failure, route: &str, id: &HeaderValue, trace_id: Option<&str>) {
        let status = errors::status(failure).as_u16();
        let (id, region, code) = (id.to_str().unwrap_or_default(), self.region_name(), failure.code());
        match failure {
            Failure::Internal => error!(request_id = id, trace_id, region, route, status, "internal error"),
            // Postgres's message may quote a value, so its code has to do.
            Failure::Database { .. } | Failure::Plan(_) => {
                debug!(request_id = id, trace_id, region, route, status, code, "refused by postgres");
            }
            Failure::BadRequest(_)
            | Failure::Unauthorized { .. }
            | Failure::Forbidden(_)
            | Failure::UnknownDatabase(_)
            | Failure::TooSlow(_) => {
                debug!(request_id = id, trace_id, region, route, status, "refused");
            }
            failure => info!(request_id = id, trace_id, region, route, status, reason = %failure, "not answered"),
        }
    }
}

/// The route of a request, and the answer where that needs no more than the head.
fn find(head: &Parts, cors: bool, id: &HeaderValue) -> (&'static str, Option<Reply>) {
    let path = head.uri.path();
    if path.len() + head.uri.query().map_or(0, str::len) > LONGEST_URI {
        return ("none", Some(errors::refusal(StatusCode::URI_TOO_LONG, "the address is too long", id)));
    }
    if route::is_of_older_clients(path) {
        return ("older_client", None);
    }
    let Some((route, method)) = known(path) else {
        let message = "no such path; SQL goes to POST /sql";
        return ("none", Some(errors::refusal(StatusCode::NOT_FOUND, message, id)));
    };
    if head.method == Method::OPTIONS {
        return (route, Some(preflight(&head.headers, &method, cors)));
    }
    if head.method != method && !(head.method == Method::HEAD && method == Method::GET) {
        return (route, Some(wrong_method(&method, id)));
    }
    (route, None)
}

fn wrong_method(allowed: &Method, id: &HeaderValue) -> Reply {
    let message = format!("the method here is {allowed}");
    let mut reply = errors::refusal(StatusCode::METHOD_NOT_ALLOWED, &message, id);
    reply.headers_mut().insert(ALLOW, allow(allowed));
    reply
}

fn allow(method: &Method) -> HeaderValue {
    if *method == Method::GET {
        HeaderValue::from_static("GET, HEAD, OPTIONS")
    } else {
        HeaderValue::from_static("POST, OPTIONS")
    }
}

/// A browser's question before the request itself (<https://fetch.spec.whatwg.org/#http-cors-protocol>).
fn preflight(asked: &HeaderMap, method: &Method, allowed: bool) -> Reply {
    let mut reply = reply::text(StatusCode::NO_CONTENT, "");
    let headers = reply.headers_mut();
    headers.insert(ALLOW, allow(method));
    if allowed {
        headers.insert(ACCESS_CONTROL_ALLOW_METHODS, allow(method));
        if let Some(wanted) = asked.get(ACCESS_CONTROL_REQUEST_HEADERS) {
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, wanted.clone());
        }
        headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    }
    reply
}
