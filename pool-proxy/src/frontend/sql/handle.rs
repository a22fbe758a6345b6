//! The life of a request of this door.

use std::sync::Arc;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::http::request::Parts;

use super::decode::{Asked, Options, decode};
use crate::error::Failure;
use crate::frontend::body;
use crate::frontend::cache_control::{SQL, Wish};
use crate::frontend::conditional::Known;
use crate::frontend::credentials::Credentials;
use crate::frontend::delivery::Delivery;
use crate::frontend::guest::Guest;
use crate::frontend::heads::{Heads, Name};
use crate::frontend::public::Public;
use crate::frontend::reply::Reply;
use crate::frontend::trace::Mark;
use crate::frontend::{gzip, idempotency};
use crate::gateway::call::{Answer, Origin};
use crate::gateway::transactions::{Numbered, Step};
use crate::gateway::{Call, Once};

static TRANSACTION: Name = Name::of("pool-transaction");
static SEQUENCE: Name = Name::of("pool-sequence");

/// `POST /sql`.
///
/// # Errors
/// Why there is no answer; [`errors`](crate::frontend::errors) writes it.
pub async fn handle(door: &Public, head: Parts, incoming: &mut Incoming, mark: Mark<'_>) -> Result<Reply, Failure> {
    let heads = mark.names.over(&head.headers);
    let credentials = Credentials::from_headers(heads)?;
    let guest = Guest::enter_with(door, &credentials).await?;
    mark.is_of(&guest.principal.name, &guest.database.name);
    let options = Options::from_headers(heads)?;
    let wish = Wish::from_request(heads, &credentials, &SQL, guest.database.keeping.is_some())?;
    let within = Within::from_headers(heads)?;
    let key = idempotency::key(heads)?;
    if within.is_some() && key.is_some() {
        let message =
            "Idempotency-Key is for what commits by itself; a step of a transaction is numbered by Pool-Sequence";
        return Err(Failure::BadRequest(message.to_owned()));
    }
    let packs = door.terms.compression && gzip::is_wanted(heads);
    let known = Known::from_headers(heads);
    // A request that waits holds no more than it needs.
    drop(head);
    let (line, authenticated) = (Arc::clone(&guest.principal.line), mark.arrived.elapsed());
    let delivery = Delivery { door, line, packs, known, arrived: mark.arrived, authenticated };

    let (database, principal) = (guest.database, Arc::clone(&guest.principal));
    let body = body::read(incoming, database.limits().request_bytes, &door.terms, guest.place()).await?;
    if let Some(within) = within {
        return Ok(delivery.of(within.step(door, &guest, (&body, options), mark.origin()).await?).await);
    }
    let mode = [u8::from(options.raw_text), u8::from(options.array_mode)];
    let cache = wish.map(|wish| wish.of(&database.name, &principal, mode, &body));
    if let Some(key) = key {
        let once = Once::new(&key, &options.bytes(), &body);
        let (work, database) = (decode(&body, options)?.into_work(), Arc::clone(database));
        // Boxed, so that others do not carry its size.
        let (answer, is_repeated) =
            Box::pin(door.gateway.run_once(&Call { principal, database, work, cache, origin: mark.origin() }, &once))
                .await?;
        let mut reply = delivery.of(answer).await;
        if is_repeated {
            idempotency::tell(reply.headers_mut());
        }
        return Ok(reply);
    }
    let answer = if let Some(cache) = &cache
        && let Some(hit) = door.gateway.hit_soon(database, cache).await
    {
        hit
    } else {
        let work = decode(&body, options)?.into_work();
        let database = Arc::clone(database);
        let call = Call { principal, database, work, cache, origin: mark.origin() };
        // Boxed, so that a hit and an idle connection do not carry its size.
        Box::pin(door.gateway.run(call)).await?
    };
    Ok(delivery.of(answer).await)
}

/// A step of an open transaction.
struct Within {
    transaction: String,
    sequence: Option<u64>,
}

impl Within {
    fn from_headers(headers: Heads<'_>) -> Result<Option<Self>, Failure> {
        let Some(transaction) = headers.get(&TRANSACTION) else { return Ok(None) };
        let text = |value: &hyper::header::HeaderValue| value.to_str().map(str::to_owned);
        let transaction =
            text(transaction).map_err(|_| Failure::BadRequest("Pool-Transaction is not text".to_owned()))?;
        Ok(Some(Self { transaction, sequence: sequence(headers)? }))
    }

    async fn step(
        self,
        door: &Public,
        guest: &Guest<'_>,
        (body, options): (&Bytes, Options),
        origin: Origin,
    ) -> Result<Answer, Failure> {
        let Asked::One(query, layout) = decode(body, options)? else {
            let message = "a transaction that is open takes one \"query\" at a time, not \"queries\"";
            return Err(Failure::BadRequest(message.to_owned()));
        };
        let step = Step::Query(Arc::new(query), Arc::new(layout), origin);
        let request = (body, options.raw_text, options.array_mode);
        let number = self.sequence.map(|number| Numbered::new(number, request));
        let transactions = &door.gateway.transactions;
        let (principal, database) = (&guest.principal, guest.database);
        let done = transactions.step(principal, database, &self.transaction, step, number);
        Ok(Box::pin(done).await?.into())
    }
}

/// The step's number in its transaction, from 1.
///
/// # Errors
/// When it is none.
pub fn sequence(headers: Heads<'_>) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get(&SEQUENCE) else { return Ok(None) };
    let number = value.to_str().ok().and_then(|text| text.parse().ok()).filter(|number| *number > 0);
    number.map(Some).ok_or_else(|| Failure::BadRequest("Pool-Sequence is a number from 1 on".to_owned()))
}
