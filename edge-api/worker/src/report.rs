//! Takes what a collector is to be told there, behind the answer.

use std::time::Duration;

use edge_app::TraceReport;
use futures_util::future::{Either, select};
use worker::{
    AbortController, AbortSignal, Delay, Fetch, Headers, Method, Request, RequestInit, RequestRedirect, Result,
    console_error,
};

/// How long the collector may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends it once. What is not taken is lost, and the log says so.
pub(crate) async fn send(report: TraceReport) {
    let abort = AbortController::default();
    let answered = Box::pin(post(&report, abort.signal()));
    match select(answered, Box::pin(Delay::from(PATIENCE))).await {
        Either::Left((Ok(200..=299), _)) => {}
        Either::Left((Ok(status), _)) => console_error!("a trace is lost: the collector answers {status}"),
        Either::Left((Err(error), _)) => console_error!("a trace is lost: {error}"),
        Either::Right(_) => {
            abort.abort();
            console_error!("a trace is lost: the collector does not answer");
        }
    }
}

/// The status of the answer.
async fn post(report: &TraceReport, signal: AbortSignal) -> Result<u16> {
    let headers = Headers::new();
    for (name, value) in &report.collector.headers {
        headers.set(name, value.reveal())?;
    }
    headers.set("content-type", "application/json")?;
    let mut init = RequestInit::new();
    init.with_headers(headers).with_method(Method::Post).with_redirect(RequestRedirect::Manual);
    init.with_body(Some(report.body.as_str().into()));
    let request = Request::new_with_init(&report.collector.url, &init)?;
    let mut answer = Fetch::Request(request).send_with_signal(&signal).await?;
    // Read to its end, so that the connection is free.
    let _ = answer.bytes().await;
    Ok(answer.status_code())
}
