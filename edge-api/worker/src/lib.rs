//! The shell that runs the blog API as a Cloudflare Worker: it reads what the Worker is told from outside, and hands
//! requests to the router of `edge-app` and its answers to the runtime. Nothing of a request outlives it here.

mod report;
mod runtime;
mod site;

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http;
use edge_app::TraceReport;
use http_body_util::BodyExt;
use tower::ServiceExt;
use worker::{Context, Env, Error, Headers, HttpRequest, Response, ResponseBody, Result, event};

/// Answers a request.
///
/// # Errors
/// If an answer cannot be handed to the runtime; it is answered with status 500 and logged.
#[event(fetch)]
pub async fn fetch(mut request: HttpRequest, env: Env, context: Context) -> Result<Response> {
    // The routes are the same for every request; what differs comes with the request.
    static ROUTER: OnceLock<Router> = OnceLock::new();
    let router = ROUTER.get_or_init(edge_app::router).clone();
    match site::of(&env) {
        Ok(site) => request.extensions_mut().insert(site).map(drop),
        Err(wrong) => {
            worker::console_error!("{wrong}");
            request.extensions_mut().insert(wrong).map(drop)
        }
    };
    let mut answer = match router.oneshot(request).await {
        Ok(answer) => answer,
        Err(never) => match never {},
    };
    if let Some(report) = answer.extensions_mut().remove::<TraceReport>() {
        // Behind the answer: nobody waits for it.
        context.wait_until(report::send(report));
    }
    whole(answer).await
}

/// The answer in one piece: a stream would go out without its length, and slower.
async fn whole(answer: http::Response<Body>) -> Result<Response> {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.map_err(|error| Error::RustError(error.to_string()))?.to_bytes();
    let headers = Headers::new();
    for (name, value) in &head.headers {
        if let Ok(value) = value.to_str() {
            headers.append(name.as_str(), value)?;
        }
    }
    // Where there is no body there must not be an empty one either: 204, 304.
    let body = if body.is_empty() { ResponseBody::Empty } else { ResponseBody::Body(body.into()) };
    Ok(Response::builder().with_status(head.status.as_u16()).with_headers(headers).body(body))
}
