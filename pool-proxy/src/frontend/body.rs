//! Reading a request's body, within its limit and in time.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};

use crate::error::Failure;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(30);

/// Reads it whole.
///
/// # Errors
/// [`Failure::RequestTooLarge`] as soon as its length is known to be over the limit.
pub async fn read(body: Incoming, limit: u64) -> Result<Bytes, Failure> {
    if body.size_hint().lower() > limit {
        return Err(Failure::RequestTooLarge(limit));
    }
    let limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
    match tokio::time::timeout(PATIENCE, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Failure::RequestTooLarge(limit)),
        Ok(Err(_)) => Err(Failure::BadRequest("the request body ended early".to_owned())),
        Err(_) => Err(Failure::BadRequest("the request body did not arrive in time".to_owned())),
    }
}
