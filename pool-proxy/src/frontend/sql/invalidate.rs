//! `POST /invalidate`: cached answers are gone before the answer is sent.

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde::Deserialize;

use crate::cache::{TagSet, Tags};
use crate::error::Failure;
use crate::frontend::body;
use crate::frontend::credentials::Credentials;
use crate::frontend::public::Public;
use crate::frontend::reply::{self, Reply};

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
pub async fn invalidate(door: &Public, head: Parts, incoming: &mut Incoming) -> Result<Reply, Failure> {
    let credentials = Credentials::from_headers(&head.headers)?;
    let principal = door.auth.authenticate(credentials.secret.as_deref()).await?;
    let _admission = door.gateway.admit(&principal)?;
    if !principal.may_invalidate {
        return Err(Failure::Forbidden("tokens of this issuer may not invalidate cached answers".to_owned()));
    }
    let database = door.gateway.database(&principal, credentials.database.as_deref())?;
    let body = body::read(incoming, LARGEST, &door.terms, door.ledger.open(&principal.line)).await?;
    let bad = |message: String| Failure::BadRequest(message);
    let body: Body = serde_json::from_slice(&body).map_err(|error| bad(format!("the request body: {error}")))?;
    let what = match body.tags {
        Wanted::Word(word) if word == "all" => Tags::All,
        Wanted::Word(_) => return Err(bad("\"tags\" must be \"all\" or a list of 1 to 5 strings".to_owned())),
        Wanted::List(tags) => {
            Tags::Some(TagSet::parse(tags.iter().map(String::as_str)).map_err(|error| bad(error.to_string()))?)
        }
    };
    door.gateway.invalidate(database, &what);
    Ok(reply::json(StatusCode::OK, "{}"))
}
