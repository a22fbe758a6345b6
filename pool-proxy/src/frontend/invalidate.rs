//! `POST /invalidate`: cached answers are gone before the answer is sent.

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde::Deserialize;

use super::body;
use super::guest::Guest;
use super::public::Public;
use super::reply::{self, Reply};
use crate::cache::{TagSet, Tags};
use crate::error::Failure;

/// A list of five tags of 64 characters is much smaller.
const LARGEST: u64 = 64 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with \"tags\"")]
struct Body {
    tags: Wanted,
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "\"tags\" must be \"all\" or a list of 1 to 5 strings")]
enum Wanted {
    Word(String),
    List(Vec<String>),
}

/// `{"tags": ["a", "b"]}` or `{"tags": "all"}`, for one database.
///
/// # Errors
/// Why nothing was invalidated.
pub(super) async fn invalidate(door: &Public, head: Parts, incoming: &mut Incoming) -> Result<Reply, Failure> {
    let guest = Guest::enter(door, &head.headers).await?;
    if !guest.principal.may_invalidate {
        return Err(Failure::Forbidden("tokens of this issuer may not invalidate cached answers".to_owned()));
    }
    let body = body::read(incoming, LARGEST, &door.terms, guest.place()).await?;
    let bad = |message: String| Failure::BadRequest(message);
    let body: Body = serde_json::from_slice(&body).map_err(|error| bad(format!("the request body: {error}")))?;
    let what = match body.tags {
        Wanted::Word(word) if word == "all" => Tags::All,
        Wanted::Word(_) => return Err(bad("\"tags\" must be \"all\" or a list of 1 to 5 strings".to_owned())),
        Wanted::List(tags) => {
            Tags::Some(TagSet::parse(tags.iter().map(String::as_str)).map_err(|error| bad(error.to_string()))?)
        }
    };
    door.gateway.invalidate(&guest.principal, guest.database, &what).await?;
    Ok(reply::json(StatusCode::OK, "{}"))
}
