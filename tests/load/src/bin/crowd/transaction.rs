//! An interactive transaction over HTTP, as Prisma's client runs it: start, its queries one after another, commit. The id
//! that the start is answered with is part of the other addresses.

use load::Outcome;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::http::Http;
use crate::line::Said;

/// In milliseconds: longer than the queue for a connection takes, so that what is measured is work and not refusals.
const OPTIONS: &str = r#"{"maxWait":60000,"timeout":60000}"#;

#[derive(Deserialize)]
struct Begun {
    id: String,
}

/// Runs it; what fails is rolled back, and an error.
pub(crate) async fn run(http: &mut Http, head: &str, queries: &[Box<RawValue>]) -> Outcome<Said> {
    let answer = http.post("/transaction/start", head, OPTIONS).await?;
    match answer.status {
        200 => {}
        status @ (429 | 503) => return Ok(Said::Refused { status, retry_after: answer.retry_after }),
        status => return Err(format!("start: status {status}").into()),
    }
    let Begun { id } = serde_json::from_slice(http.body(&answer))?;
    for query in queries {
        let answer = http.post(&format!("/transaction/{id}/query"), head, query.get()).await?;
        if answer.status != 200 {
            http.post(&format!("/transaction/{id}/rollback"), head, "").await?;
            return Err(format!("query: status {}", answer.status).into());
        }
    }
    let answer = http.post(&format!("/transaction/{id}/commit"), head, "").await?;
    match answer.status {
        200 => Ok(Said::Done { hit: false }),
        status => Err(format!("commit: status {status}").into()),
    }
}
