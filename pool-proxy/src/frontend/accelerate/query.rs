//! `POST /query` and `POST /transaction/{id}/query`: a plan is run, or its answer is there already.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Parts;
use serde_json::value::RawValue;

use super::decode::{self, Asked, Rest};
use super::{cache, telemetry};
use crate::error::Failure;
use crate::frontend::body;
use crate::frontend::conditional::Known;
use crate::frontend::delivery::Delivery;
use crate::frontend::guest::Guest;
use crate::frontend::heads;
use crate::frontend::public::Public;
use crate::frontend::reply::Reply;
use crate::frontend::sql::sequence;
use crate::frontend::trace::Mark;
use crate::frontend::{gzip, idempotency};
use crate::gateway::Call;
use crate::gateway::call::Work;
use crate::gateway::transactions::{Numbered, Step};
use crate::plan::log::Log;
use crate::plan::{Plan, Run};

/// Answers of this door are none of `/sql`.
const MODE: [u8; 2] = [2, 0];

/// Writes of many rows come in one body: so many bytes are taken, also where the database's limit is lower.
const LARGEST: u64 = 32 << 20;

/// Runs a plan, in a transaction if one is named.
///
/// # Errors
/// Why there is no answer; [`errors`](super::errors) writes it.
pub async fn query(
    door: &Public,
    head: &mut Parts,
    incoming: &mut Incoming,
    transaction: Option<&str>,
    mark: Mark<'_>,
) -> Result<Reply, Failure> {
    let heads = mark.names.over(&head.headers);
    let guest = Guest::enter(door, heads).await?;
    mark.is_of(&guest.principal.name, &guest.database.name);
    decode::must_be_json(&head.headers)?;
    idempotency::refuse(heads)?;
    // What is read in a transaction is for that one alone.
    let by_itself = guest.database.keeping.is_some();
    let wish = if transaction.is_none() { cache::wish(heads, by_itself)? } else { None };
    let is_extended = cache::is_extended(heads);
    let log = telemetry::wants_statements(heads)?.then(Log::default);
    let sequence = sequence(heads)?;
    let packs = door.terms.compression && gzip::is_wanted(heads);
    let known = Known::from_headers(heads);
    let headers = heads::free(head);
    let (line, authenticated) = (Arc::clone(&guest.principal.line), mark.arrived.elapsed());
    let mut delivery = Delivery { door, line, packs, known, arrived: mark.arrived, authenticated, headers };

    let (database, principal) = (guest.database, Arc::clone(&guest.principal));
    let limit = database.limits().request_bytes.max(LARGEST);
    let body = body::read(incoming, limit, &door.terms, guest.place()).await?;
    let signature = if is_extended { cache::signature(&body) } else { 0 };
    let cache = wish.map(|wish| wish.of(&database.name, &principal, MODE, &body));
    let mut answer = if let Some(cache) = &cache
        && let Some(hit) = door.gateway.hit_soon(database, cache).await
    {
        hit
    } else {
        let run = Arc::new(read(door, &body, log.clone())?);
        if let Some(id) = transaction {
            let transactions = &door.gateway.transactions;
            let number = sequence.map(|number| Numbered::new(number, &*body));
            Box::pin(transactions.step(&principal, database, id, Step::Script(run, mark.origin()), number))
                .await?
                .into()
        } else {
            // A text that is generated would be the same for everybody who is given the stored answer.
            let cache = cache.filter(|_| !run.is_volatile());
            let call = Call {
                principal,
                database: Arc::clone(database),
                work: Work::Script(run),
                cache,
                origin: mark.origin(),
            };
            // Boxed, so that a hit and an idle connection do not carry its size.
            Box::pin(door.gateway.run(call)).await?
        }
    };
    if let Some(log) = log {
        let events = log.take();
        if !events.is_empty() {
            // These are of this request alone, so the body is, too.
            answer.body = telemetry::extend(answer.body.to_vec(), &events).into();
            answer.entry = None;
        }
    }
    let (status, age) = (answer.cache, answer.age);
    let mut reply = delivery.of(&mut answer).await;
    if is_extended {
        cache::tell(reply.headers_mut(), status, age, signature);
    }
    Ok(reply)
}

/// The plan of a body, with what it is to be run with.
fn read(door: &Public, body: &Bytes, log: Option<Log>) -> Result<Run, Failure> {
    let text = decode::text(body)?;
    read_text(door, text, log.clone()).or_else(|failure| match decode::with_whole_characters(text) {
        Some(text) => read_text(door, &text, log),
        None => Err(failure),
    })
}

fn read_text(door: &Public, text: &str, log: Option<Log>) -> Result<Run, Failure> {
    // Most bodies are a plan that came before, with a little around it. That one need not be read again.
    if let Some(place) = decode::usual_place(text)
        && let Some(plan) = text.get(place.clone()).and_then(|plan| door.plans.known(plan))
        && let Some(rest) = Rest::of(text, &place)
        && let Some(asked) = rest.decode()
    {
        return run(plan, &asked, log);
    }
    let asked = decode::decode(text)?;
    let plan = asked.plan.map(RawValue::get).unwrap_or_default();
    let plan = door.plans.get(plan).map_err(Box::new).map_err(Failure::Plan)?;
    run(plan, &asked, log)
}

fn run(plan: Arc<Plan>, asked: &Asked<'_>, log: Option<Log>) -> Result<Run, Failure> {
    let params = asked.params.map(RawValue::get).unwrap_or_default();
    Run::new(plan, params, asked.comments.as_ref(), log).map_err(Box::new).map_err(Failure::Plan)
}
