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
use crate::frontend::heads::{self, Heads, Name};
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
pub async fn handle(
    door: &Public,
    head: &mut Parts,
    incoming: &mut Incoming,
    mark: Mark<'_>,
) -> Result<Reply, Failure> {
    let asks = Asks::of(door, mark.names.over(&head.headers), mark).await?;
    let headers = heads::free(head);
    let Asks { guest, options, wish, within, key, packs, known } = asks;
    let (line, authenticated) = (Arc::clone(&guest.principal.line), mark.arrived.elapsed());
    let mut delivery = Delivery { door, line, packs, known, arrived: mark.arrived, authenticated, headers };

    let database = guest.database;
    let body = body::read(incoming, database.limits().request_bytes, &door.terms, guest.place()).await?;
    let mode = [u8::from(options.raw_text), u8::from(options.array_mode)];
    let cache = wish.map(|wish| wish.of(&database.name, &guest.principal, mode, &body));
    let mut is_repeated = false;
    let mut answer = if let Some(within) = within {
        within.step(door, &guest, (&body, options), mark.origin()).await?
    } else if key.is_none()
        && let Some(cache) = &cache
        && let Some(hit) = door.gateway.hit_soon(database, cache).await
    {
        hit
    } else {
        let work = decode(&body, options)?.into_work();
        let (principal, database) = (Arc::clone(&guest.principal), Arc::clone(database));
        let call = Call { principal, database, work, cache, origin: mark.origin() };
        // Boxed, so that a hit and an idle connection do not carry their size.
        if let Some(key) = key {
            let once = Once::new(&key, &options.bytes(), &body);
            let answer;
            (answer, is_repeated) = Box::pin(door.gateway.run_once(&call, &once)).await?;
            answer
        } else {
            Box::pin(door.gateway.run(call)).await?
        }
    };
    let mut reply = delivery.of(&mut answer).await;
    if is_repeated {
        idempotency::tell(reply.headers_mut());
    }
    Ok(reply)
}

/// What the head of a request asks for, and who it is that asks.
struct Asks<'d> {
    guest: Guest<'d>,
    options: Options,
    /// What it wants of the cache, which is not asked about steps of transactions.
    wish: Option<Wish>,
    within: Option<Within>,
    /// Its idempotency key.
    key: Option<Box<str>>,
    packs: bool,
    known: Known,
}

impl<'d> Asks<'d> {
    async fn of(door: &'d Public, heads: Heads<'_>, mark: Mark<'_>) -> Result<Self, Failure> {
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
        let wish = wish.filter(|_| within.is_none());
        let packs = door.terms.compression && gzip::is_wanted(heads);
        Ok(Self { guest, options, wish, within, key, packs, known: Known::from_headers(heads) })
    }
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
