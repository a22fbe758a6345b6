//! `POST /transaction/start` and the two ways in which a transaction ends.

use std::time::Duration;

use hyper::StatusCode;
use hyper::body::Incoming;
use hyper::header::{HeaderName, HeaderValue};
use hyper::http::request::Parts;
use serde::Deserialize;

use super::decode;
use super::errors::bad_transaction;
use super::route::Act;
use super::telemetry;
use crate::error::Failure;
use crate::frontend::body;
use crate::frontend::cache_control;
use crate::frontend::guest::Guest;
use crate::frontend::heads::{self, Name};
use crate::frontend::public::Public;
use crate::frontend::reply::{self, Reply};
use crate::frontend::sql::sequence;
use crate::frontend::trace::Mark;
use crate::gateway::call::{Isolation, Mode};
use crate::gateway::transactions::{Beginning, Numbered, Step};
use crate::plan::log::Started;
use crate::postgres::Settings;

static ID: HeaderName = HeaderName::from_static("prisma-transaction-id");
/// Sent by Prisma's clients with every request.
static ENGINE: Name = Name::of("prisma-engine-hash");

/// Two numbers and two words are much smaller.
const LARGEST: u64 = 64 << 10;

/// Nobody waits longer for a connection.
const LONGEST_WAIT: Duration = Duration::from_secs(90);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "an object")]
struct Options {
    #[serde(default)]
    max_wait: Option<f64>,
    #[serde(default)]
    timeout: Option<f64>,
    #[serde(default)]
    isolation_level: Option<String>,
    #[serde(default)]
    new_tx_id: Option<String>,
}

/// Opens a transaction, or a savepoint in one that is open.
///
/// # Errors
/// Why it was not opened.
pub async fn start(door: &Public, head: &mut Parts, incoming: &mut Incoming, mark: Mark<'_>) -> Result<Reply, Failure> {
    let heads = mark.names.over(&head.headers);
    let guest = Guest::enter(door, heads).await?;
    mark.is_of(&guest.principal.name, &guest.database.name);
    let number = sequence(heads)?.map(|number| Numbered::new(number, ()));
    let settings = if heads.has(&ENGINE) { Settings::Fixed } else { Settings::Own };
    drop(heads::free(head));
    let body = body::read(incoming, LARGEST, &door.terms, guest.place()).await?;
    let options: Options = decode::options(&body)?;
    let transactions = &door.gateway.transactions;
    if let Some(id) = options.new_tx_id {
        Box::pin(transactions.step(&guest.principal, guest.database, &id, Step::Nested, number)).await?;
        return Ok(begun(&id));
    }
    let isolation = options.isolation_level.as_deref().map(isolation).transpose()?;
    let mode = Mode { isolation, ..Mode::default() };
    let timeout = match options.timeout {
        // Its own limit holds then.
        None => door_limit(&guest),
        Some(timeout) => millis("timeout", Some(timeout))?,
    };
    let max_wait = millis("maxWait", options.max_wait)?.min(LONGEST_WAIT);
    let beginning = Beginning { mode, max_wait, timeout, settings, origin: mark.origin() };
    let id = Box::pin(transactions.begin(&guest.principal, guest.database, beginning)).await?;
    Ok(begun(&id))
}

fn door_limit(guest: &Guest<'_>) -> Duration {
    guest.database.limits().transaction
}

fn begun(id: &str) -> Reply {
    let body = serde_json::json!({ "id": id });
    let mut reply = reply::json(StatusCode::OK, body.to_string());
    if let Ok(id) = HeaderValue::from_str(id) {
        reply.headers_mut().insert(ID.clone(), id);
    }
    reply
}

/// A number of milliseconds that is more than none.
fn millis(name: &str, number: Option<f64>) -> Result<Duration, Failure> {
    match number {
        Some(number) if number > 0.0 => Ok(Duration::try_from_secs_f64(number / 1000.0).unwrap_or(Duration::MAX)),
        None | Some(0.0) => Err(bad_transaction(&format!("{name} is required"), None)),
        Some(_) => Err(Failure::BadRequest(format!("{name} is a number of milliseconds, not negative"))),
    }
}

fn isolation(text: &str) -> Result<Isolation, Failure> {
    Ok(match text {
        "READ UNCOMMITTED" => Isolation::ReadUncommitted,
        "READ COMMITTED" => Isolation::ReadCommitted,
        "REPEATABLE READ" => Isolation::RepeatableRead,
        "SERIALIZABLE" => Isolation::Serializable,
        "SNAPSHOT" => {
            let meta = serde_json::json!({ "isolationLevel": text });
            return Err(bad_transaction(&format!("Invalid isolation level: {text}"), Some(meta)));
        }
        _ => {
            let message = "isolationLevel must be READ UNCOMMITTED, READ COMMITTED, REPEATABLE READ or SERIALIZABLE";
            return Err(Failure::BadRequest(message.to_owned()));
        }
    })
}

/// Ends what was begun last: the transaction, or a savepoint in it.
///
/// # Errors
/// Why it did not end so.
pub async fn end(door: &Public, head: &Parts, id: &str, act: Act, mark: Mark<'_>) -> Result<Reply, Failure> {
    let heads = mark.names.over(&head.headers);
    let guest = Guest::enter(door, heads).await?;
    mark.is_of(&guest.principal.name, &guest.database.name);
    let number = sequence(heads)?.map(|number| Numbered::new(number, ()));
    let wants_statements = telemetry::wants_statements(heads)?;
    let origin = mark.origin();
    let step = if act == Act::Commit { Step::Commit(origin) } else { Step::RollBack(origin) };
    let started = Started::now();
    let transactions = &door.gateway.transactions;
    let done = Box::pin(transactions.step(&guest.principal, guest.database, id, step, number)).await?;
    let mut body = b"{}".to_vec();
    if wants_statements {
        body = telemetry::extend(body, &[started.told(&String::from_utf8_lossy(&done.body))]);
    }
    let mut reply = reply::json(StatusCode::OK, body);
    cache_control::mark(reply.headers_mut(), done.bookmark);
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use harness::{Dice, cases};

    use super::{Options, decode, isolation, millis};
    use crate::error::Failure;

    #[test]
    fn whatever_opens_a_transaction_is_read_or_refused() {
        const PIECES: &[&str] = &[
            "{",
            "}",
            "\"timeout\":",
            "\"max_wait\":",
            "\"maxWait\":",
            "\"isolationLevel\":",
            "\"newTxId\":",
            ",",
            "5000",
            "-1",
            "1e308",
            "0.0",
            "1e-320",
            "null",
            "\"SERIALIZABLE\"",
            "\"SNAPSHOT\"",
            "\"x\"",
            "[",
            "]",
            "é",
        ];
        let mut dice = Dice::new();
        let mut read = 0;
        for number in 0..cases(20_000) {
            let mut body = br#"{"maxWait":2000,"timeout":5000,"isolationLevel":"READ COMMITTED"}"#.to_vec();
            match number % 3 {
                0 => body = dice.bytes(60),
                1 => body = dice.pieces(PIECES, 10).into_bytes(),
                _ => dice.spoil(&mut body, PIECES),
            }
            let refused = |failure: Failure| {
                let is_typed = matches!(failure, Failure::BadRequest(_) | Failure::Plan(_));
                assert!(is_typed, "{failure:?}: {}", String::from_utf8_lossy(&body));
            };
            match decode::options::<Options>(&body) {
                Ok(options) => {
                    read += 1;
                    let _ = millis("timeout", options.timeout).map_err(refused);
                    let _ = millis("maxWait", options.max_wait).map_err(refused);
                    let _ = options.isolation_level.as_deref().map(isolation).transpose().map_err(refused);
                }
                Err(failure) => refused(failure),
            }
        }
        assert!(read > cases(20_000) / 100, "{read}");
    }
}
