//! `GET /connection-info`: what a client's query compiler has to know of the database.

use hyper::StatusCode;
use hyper::http::request::Parts;
use serde::Serialize;

use super::telemetry;
use crate::error::Failure;
use crate::frontend::guest::Guest;
use crate::frontend::heads::Heads;
use crate::frontend::public::Public;
use crate::frontend::reply::{self, Reply};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    provider: &'static str,
    connection_info: Connection<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Connection<'a> {
    supports_relation_joins: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    schema_name: Option<&'a str>,
}

/// From the configuration alone: a client starts, and reads what is cached, also while the database is down.
///
/// # Errors
/// When the client may not ask, or wants to hear what there is not.
pub async fn info(door: &Public, head: &Parts) -> Result<Reply, Failure> {
    let heads = Heads::of(&head.headers);
    let guest = Guest::enter(door, heads).await?;
    telemetry::wants_statements(heads)?;
    let connection_info =
        Connection { supports_relation_joins: true, schema_name: guest.database.schema_name.as_deref() };
    let body = Body { provider: "postgres", connection_info };
    Ok(reply::json(StatusCode::OK, serde_json::to_vec(&body).unwrap_or_default()))
}
