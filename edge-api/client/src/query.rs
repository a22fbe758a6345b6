//! One statement, asked on its own.

use std::fmt;
use std::marker::PhantomData;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::ser::{Serialize, SerializeStruct, Serializer};

use crate::answer::{self, Done, Rows, only, some};
use crate::bookmark;
use crate::cache::Cache;
use crate::client::Client;
use crate::decode::Shape;
use crate::error::{Error, Kind, Safety};
use crate::kept::Kept;
use crate::param::Param;
use crate::statement::Statement;
use crate::transport::{Request, Response};

/// A statement whose rows are not wanted; made by [`Client::query`].
#[derive(Debug, Clone)]
#[must_use = "a query does nothing until it is executed"]
pub struct Query {
    client: Client,
    statement: Statement,
    cache: Option<Cache>,
    deadline: Option<Duration>,
    /// The caller vouches that it changes nothing.
    read: bool,
    idempotent: bool,
    key: Option<String>,
}

impl Query {
    pub(crate) fn new(client: Client, statement: Statement) -> Self {
        Self { client, statement, cache: None, deadline: None, read: false, idempotent: false, key: None }
    }

    /// The next parameter: `$1` first.
    pub fn bind(mut self, value: impl Into<Param>) -> Self {
        self.statement = self.statement.bind(value);
        self
    }

    /// How long this call may take, instead of the client's deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// Says that doing it twice is as good as once, so that it may be repeated when its outcome is unknown.
    pub fn idempotent(mut self) -> Self {
        self.idempotent = true;
        self
    }

    /// Has the proxy do it once for this key, however often it is sent: a repetition within 24 hours gets the answer of the
    /// first, also after that was lost, and [`Error::outcome_unknown`] is told by asking again. So it is repeated as one that
    /// is [`idempotent`](Self::idempotent). Of 1 to 255 visible ASCII characters; a new one, such as a UUID, for each thing that
    /// is to be done. The same key with another statement is refused (422).
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Runs the statement.
    ///
    /// # Errors
    /// If Postgres or the proxy refused, or there was no answer within the deadline.
    pub async fn execute(self) -> Result<Done, Error> {
        answer::done(&self.send(|request| request).await?).map_err(|error| error.of_request(self.client.request_id()))
    }

    /// Whether the caller takes it for a read, in words or by its hints.
    fn is_read(&self) -> bool {
        self.read || self.cache.as_ref().is_some_and(Cache::is_of_a_read)
    }

    /// Sends it, as `complete` makes it.
    async fn send(&self, complete: impl FnOnce(Request) -> Request) -> Result<Response, Error> {
        let mut request = complete(sql_request(&self.client, std::slice::from_ref(&self.statement))?);
        if let Some(cache) = &self.cache {
            request = request.with("cache-control", cache.control());
            if let Some(tags) = cache.tag_list()? {
                request = request.with("cache-tag", tags);
            }
        }
        let body = serde_json::to_vec(&AsJson(&self.statement));
        request.body = body.map_err(|_| Kind::Invalid("it cannot be written as JSON".to_owned()))?;
        let request = keyed(request, self.key.as_deref())?;
        let is_keyed = self.key.is_some();
        let safety = Safety {
            read: self.is_read(),
            idempotent: self.idempotent || is_keyed,
            // With a key it runs in a transaction.
            atomic: is_keyed || self.statement.is_atomic(),
        };
        self.client.send(&request, self.deadline, safety).await
    }
}

/// A query whose rows become `T`; made by [`Client::query_as`] and [`Client::query_scalar`].
#[must_use = "a query does nothing until it is asked for its rows"]
pub struct QueryAs<T> {
    query: Query,
    shape: Shape,
    row: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> QueryAs<T> {
    pub(crate) fn rows(query: Query) -> Self {
        Self { query, shape: Shape::Row, row: PhantomData }
    }

    pub(crate) fn scalars(query: Query) -> Self {
        Self { query, shape: Shape::Scalar, row: PhantomData }
    }

    /// The next parameter: `$1` first.
    pub fn bind(mut self, value: impl Into<Param>) -> Self {
        self.query = self.query.bind(value);
        self
    }

    /// Says that the statement only reads, whatever its cache hints: a lost read is repeated, and one without an answer
    /// leaves nothing unknown ([`Error::outcome_unknown`] is false).
    ///
    /// The caller vouches for it. Neither the client nor the proxy looks, and nothing keeps the statement from writing:
    /// it is not for `INSERT ... RETURNING`, a function that writes, or `nextval`. To have Postgres refuse changes of
    /// tables, send a [read-only batch](crate::Batch::read_only), which says what that leaves to you.
    pub fn read_only(mut self) -> Self {
        self.query.read = true;
        self
    }

    /// Asks the proxy's cache first. Only a read should: with hints other than [`Cache::no_store`] the client takes
    /// the query for one and repeats it, as after [`read_only`](Self::read_only), and the caller vouches for it
    /// likewise. The proxy stores no answer to a statement that it sees writing, but runs it.
    pub fn cache(mut self, hints: Cache) -> Self {
        self.query.cache = Some(hints);
        self
    }

    /// How long this call may take, instead of the client's deadline.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.query = self.query.deadline(deadline);
        self
    }

    /// Says that doing it twice is as good as once, as it is of every pure read, so that it may be repeated when its
    /// outcome is unknown.
    pub fn idempotent(mut self) -> Self {
        self.query = self.query.idempotent();
        self
    }

    /// Has the proxy do it once for this key, however often it is sent; see [`Query::idempotency_key`].
    pub fn idempotency_key(mut self, key: impl Into<String>) -> Self {
        self.query = self.query.idempotency_key(key);
        self
    }

    /// The one row.
    ///
    /// # Errors
    /// [`Error::is_not_found`] if there is none; also if there is more than one, or as [`fetch`](Self::fetch).
    pub async fn one(self) -> Result<T, Error> {
        self.read(|rows| only(rows.rows).and_then(some)).await
    }

    /// The row, if there is one.
    ///
    /// # Errors
    /// If there is more than one, or as [`fetch`](Self::fetch).
    pub async fn optional(self) -> Result<Option<T>, Error> {
        self.read(|rows| only(rows.rows)).await
    }

    /// All rows.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn all(self) -> Result<Vec<T>, Error> {
        self.read(|rows| Ok(rows.rows)).await
    }

    /// All rows, with what the proxy says of how it answered.
    ///
    /// # Errors
    /// If Postgres or the proxy refused, there was no answer within the deadline, or the rows do not fit `T`; in the
    /// last case the statement has run.
    pub async fn fetch(self) -> Result<Rows<T>, Error> {
        self.read(Ok).await
    }

    /// All rows, which are sent only if they are others than those of the copy that the caller has kept; without one, or where
    /// the proxy keeps no answer, as always. What is asked, and how old the answer may be, is the query's own affair: the
    /// proxy settles first what it would answer.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use pool_client::{Cache, Client, Error, Kept};
    /// # async fn page(client: &Client, copy: &mut Option<Kept<String>>) -> Result<usize, Error> {
    /// // `copy: &mut Option<Kept<String>>` is of this place alone, and lives as long as its owner wants it to.
    /// let titles = client.query_scalar("SELECT title FROM posts ORDER BY id").cache(Cache::ttl(Duration::from_mins(1)));
    /// let titles = copy.insert(titles.revalidate(copy.as_ref()).await?);
    /// println!("{} titles, sent again: {}", titles.rows.len(), !titles.unchanged);
    /// # Ok(titles.rows.len())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub async fn revalidate(self, copy: Option<&Kept<T>>) -> Result<Kept<T>, Error> {
        let ask = |request| match copy {
            Some(copy) => copy.ask(request, self.shape),
            None => request,
        };
        let response = self.query.send(ask).await?;
        let kept = match copy.filter(|_| response.status == 304) {
            Some(copy) => copy.again(&response),
            None => answer::rows(&response, self.shape).map(|rows| Kept::new(rows, &response, self.shape)),
        };
        kept.map_err(|error| self.error(error, &response))
    }

    /// What `select` makes of the rows.
    async fn read<R>(self, select: impl FnOnce(Rows<T>) -> Result<R, Error>) -> Result<R, Error> {
        let response = self.query.send(|request| request).await?;
        answer::rows(&response, self.shape).and_then(select).map_err(|error| self.error(error, &response))
    }

    /// An error that knows of which request it is.
    fn error(&self, error: Error, response: &Response) -> Error {
        let error = error.unless_read(self.query.is_read()).of_request(response.header("x-request-id"));
        error.of_request(self.query.client.request_id())
    }
}

impl<T> fmt::Debug for QueryAs<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("QueryAs").field(&self.query).finish()
    }
}

/// A request to `/sql` for these statements, without its body.
pub(crate) fn sql_request(client: &Client, statements: &[Statement]) -> Result<Request, Error> {
    for (index, statement) in statements.iter().enumerate() {
        if let Some(param) = statement.params.iter().position(|param| !param.is_valid()) {
            let problem = format!("the value of ${} cannot be written as JSON", param + 1);
            let error = Error::from(Kind::Invalid(problem));
            return Err(if statements.len() > 1 { error.of_query(index) } else { error });
        }
    }
    let mut request = client.request("/sql")?;
    if let Some(known) = client.bookmark() {
        request = request.with(bookmark::HEADER, known.to_string());
    }
    Ok(request.with("neon-raw-text-output", "true").with("neon-array-mode", "true"))
}

/// The request with its key, if it has one.
pub(crate) fn keyed(request: Request, key: Option<&str>) -> Result<Request, Error> {
    let Some(key) = key else { return Ok(request) };
    if (1..=255).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(request.with("idempotency-key", key));
    }
    Err(Kind::Invalid("an idempotency key is of 1 to 255 visible ASCII characters".to_owned()).into())
}

/// A statement in the words of the Neon contract.
pub(crate) struct AsJson<'s>(pub(crate) &'s Statement);

impl Serialize for AsJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(statement) = self;
        let mut object = serializer.serialize_struct("Query", 2)?;
        object.serialize_field("query", &statement.text)?;
        object.serialize_field("params", &statement.params)?;
        object.end()
    }
}
