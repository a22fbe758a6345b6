//! The client: who asks, which database, how patiently.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::json;

use crate::batch::Batch;
use crate::bookmark::{self, Bookmark, Latest};
use crate::cache;
use crate::call::{Patience, perform};
use crate::error::{Error, Kind, Safety};
use crate::query::{Query, QueryAs};
use crate::statement::Statement;
use crate::trace::{Trace, Traced};
use crate::transport::{Request, Response, Transport};

const JSON: &str = "application/json";

/// What the proxy says of itself while it serves.
const HEALTHY: &[u8] = br#"{"status":"ok"}"#;

/// A client of one proxy. It is cheap to clone, and clones share their connections.
#[derive(Clone)]
#[must_use = "a client does nothing until it is asked"]
pub struct Client {
    transport: Arc<dyn Transport>,
    key: Arc<str>,
    database: Option<Arc<str>>,
    request_id: Option<Arc<str>>,
    session: Option<Latest>,
    traced: Option<Traced>,
    patience: Patience,
}

impl Client {
    /// A client that shows `key`, an API key or a token, to the proxy behind `transport`.
    ///
    /// A call may take 20 seconds, and is repeated twice at most, where that is safe. By default the proxy lets a
    /// statement wait 5 seconds for a connection and run for 10: so it has said before what became of it.
    pub fn new(transport: impl Transport + 'static, key: impl Into<String>) -> Self {
        Self {
            transport: Arc::new(transport),
            key: key.into().into(),
            database: None,
            request_id: None,
            session: None,
            traced: None,
            patience: Patience { deadline: Duration::from_secs(20), end: None, retries: 2 },
        }
    }

    /// Asks for this one of the proxy's databases, instead of the key's only one or `default`. A session begins anew: the
    /// bookmarks of one database say nothing of another.
    pub fn with_database(mut self, name: impl Into<String>) -> Self {
        self.database = Some(name.into().into());
        self.session = self.session.map(|_| Latest::from(None));
        self
    }

    /// Makes of this client and its clones one session: it remembers the latest bookmark that the proxy has told it, and
    /// sends it with every query. So it is shown nothing older than what it has written or read itself, whichever of several
    /// proxies answers, and however the proxy keeps answers until they change.
    ///
    /// A session that goes on elsewhere, as with its user's next request, takes the [`bookmark`](Self::bookmark) along;
    /// `known` is the one that it comes with. A minute later it is of no more use.
    ///
    /// ```
    /// # fn of_this_request(client: &pool_client::Client, cookie: Option<&str>) -> pool_client::Client {
    /// // What is no bookmark is none: cookies come from outside.
    /// client.clone().with_session(cookie.and_then(|text| text.parse().ok()))
    /// # }
    /// # fn to_the_answer(client: &pool_client::Client) -> Option<String> {
    /// let cookie = client.bookmark().map(|bookmark| format!("bookmark={bookmark}; Max-Age=60; Path=/; Secure; HttpOnly"));
    /// # cookie
    /// # }
    /// ```
    pub fn with_session(mut self, known: Option<Bookmark>) -> Self {
        self.session = Some(Latest::from(known));
        self
    }

    /// The latest bookmark of the [session](Self::with_session). `None` outside of one, before the proxy has told any, and
    /// where it never does since it keeps no answers until they change.
    pub fn bookmark(&self) -> Option<Bookmark> {
        self.session.as_ref().and_then(Latest::get)
    }

    /// How long each call may take, with all repetitions and the pauses between them.
    ///
    /// One that is longer than the proxy's own limits (`queue` and `query`, of a batch `queue` and `transaction`) leaves
    /// the verdict to the proxy, which knows that it cancelled the statement; after a shorter one the outcome of a write
    /// is unknown.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.patience.deadline = deadline;
        self
    }

    /// How long all calls of this client and of its clones may take together, from now on: those made for one request
    /// of one's own, say, which has to be answered in time. A call's own deadline still holds where it is shorter. Of
    /// two totals the one that ends first counts.
    ///
    /// Once the time is up, calls fail without being sent, with an error that [`is_timeout`](Error::is_timeout), is not
    /// retryable, and leaves nothing unknown.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # fn of_this_request(client: &pool_client::Client) -> pool_client::Client {
    /// // No call takes more than three seconds, and all together no more than five.
    /// client.clone().with_deadline(Duration::from_secs(3)).with_total_deadline(Duration::from_secs(5))
    /// # }
    /// ```
    pub fn with_total_deadline(mut self, deadline: Duration) -> Self {
        let end = self.transport.now().saturating_add(deadline);
        self.patience.end = Some(self.patience.end.map_or(end, |earlier| earlier.min(end)));
        self
    }

    /// How often a call may be repeated; 0 for never. See the [crate's page](crate#what-is-repeated) for which are.
    pub fn with_retries(mut self, retries: u32) -> Self {
        self.patience.retries = retries;
        self
    }

    /// The id under which the proxy logs and answers the requests of this client, so that they can be found by that of
    /// the request they are made for. One that is not 1 to 128 characters of `[A-Za-z0-9._-]` is not sent: the proxy
    /// would not take it.
    pub fn with_request_id(mut self, id: impl Into<String>) -> Self {
        let id = id.into();
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        self.request_id = ((1..=128).contains(&id.len()) && id.bytes().all(letter)).then(|| id.into());
        self
    }

    /// Makes the requests of this client and of its clones a part of a trace: each has a `traceparent`, so that the proxy's spans
    /// are within it.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use pool_client::{Client, Trace};
    /// # fn of_this_request(client: &Client, traceparent: &str, now: Duration) -> Option<(Client, Trace)> {
    /// let trace = Trace::new(traceparent.parse().ok()?, now);
    /// let client = client.clone().with_trace(trace.clone());
    /// // Later: what was sent, for whoever records it.
    /// let spans = trace.calls();
    /// # Some((client, trace))
    /// # }
    /// ```
    pub fn with_trace(mut self, trace: Trace) -> Self {
        self.traced = Some(Traced::new(trace, &*self.transport));
        self
    }

    /// A statement whose rows are not wanted: `client.query("DELETE FROM posts WHERE id = $1").bind(7).execute()`.
    pub fn query(&self, statement: impl Into<Statement>) -> Query {
        Query::new(self.clone(), statement.into())
    }

    /// A query whose rows become `T`: a struct by column names, a tuple by positions, or else the value of the only
    /// column. The [crate's page](crate#types) says more.
    pub fn query_as<T: DeserializeOwned>(&self, statement: impl Into<Statement>) -> QueryAs<T> {
        QueryAs::rows(self.query(statement))
    }

    /// A query with one column, whose values become `T`.
    pub fn query_scalar<T: DeserializeOwned>(&self, statement: impl Into<Statement>) -> QueryAs<T> {
        QueryAs::scalars(self.query(statement))
    }

    /// Several statements in one transaction and one round trip: all or nothing.
    pub fn batch(&self) -> Batch {
        Batch::new(self.clone())
    }

    /// Forgets cached answers that carry one of 1 to 5 tags. They are gone when this returns.
    ///
    /// # Errors
    /// If a tag is none (see [`Cache::tag`](crate::Cache::tag)), the proxy refused or did not answer, or something else
    /// answered at its URL ([`Error::is_foreign`]), be it with success.
    pub async fn invalidate<T: Into<String>>(&self, tags: impl IntoIterator<Item = T>) -> Result<(), Error> {
        let tags: Vec<String> = tags.into_iter().map(Into::into).collect();
        cache::check(&tags)?;
        self.forget(&json!({ "tags": tags })).await
    }

    /// Forgets all cached answers of the database.
    ///
    /// # Errors
    /// As [`invalidate`](Self::invalidate).
    pub async fn invalidate_all(&self) -> Result<(), Error> {
        self.forget(&json!({ "tags": "all" })).await
    }

    async fn forget(&self, body: &serde_json::Value) -> Result<(), Error> {
        let mut request = self.request("/invalidate")?;
        request.body = body.to_string().into_bytes();
        let safety = Safety { idempotent: true, ..Safety::default() };
        let response = self.send(&request, None, safety).await?;
        // Anything else that says 200 has forgotten nothing.
        let empty = serde_json::from_slice::<serde_json::Map<_, _>>(&response.body).is_ok_and(|map| map.is_empty());
        self.own(&response, response.status == 200 && empty)
    }

    /// Asks whether the proxy serves, not whether its database does. No credential is sent.
    ///
    /// # Errors
    /// If it does not; or if something else answers at its URL ([`Error::is_foreign`]), be it with success.
    pub async fn health(&self) -> Result<(), Error> {
        let request = self.identified(Request::new("GET", "/health"));
        let safety = Safety { read: true, ..Safety::default() };
        let response = self.send(&request, None, safety).await?;
        // Others say so in the same words; the headers are those of all its answers.
        let headers = ["x-request-id", "server-timing"];
        let known = headers.iter().all(|name| response.header(name).is_some());
        self.own(&response, known && response.body.trim_ascii() == HEALTHY)
    }

    /// Takes an answer of success only from a proxy.
    fn own(&self, response: &Response, is_proxys: bool) -> Result<(), Error> {
        if is_proxys { Ok(()) } else { Err(Error::no_proxy(response).of_request(self.request_id())) }
    }

    /// The id that its requests are sent with.
    pub(crate) fn request_id(&self) -> Option<&str> {
        self.request_id.as_deref()
    }

    /// A `POST` that says who asks and where.
    pub(crate) fn request(&self, path: &'static str) -> Result<Request, Error> {
        // What a header carries from end to end.
        let printable = |byte: u8| byte == b' ' || byte.is_ascii_graphic();
        let visible = |text: &str| !text.is_empty() && text.trim() == text && text.bytes().all(printable);
        if !visible(&self.key) {
            let problem = "the key is empty, or not of printable ASCII without spaces around it";
            return Err(Kind::Invalid(problem.to_owned()).into());
        }
        let mut request = Request::new("POST", path)
            .with("content-type", JSON)
            .with("accept", JSON)
            .with("authorization", format!("Bearer {}", self.key));
        if let Some(database) = &self.database {
            if !visible(database) {
                let problem = "the database's name is empty, or not of printable ASCII without spaces around it";
                return Err(Kind::Invalid(problem.to_owned()).into());
            }
            request = request.with("pool-database", &**database);
        }
        Ok(self.identified(request))
    }

    fn identified(&self, request: Request) -> Request {
        match &self.request_id {
            Some(id) => request.with("x-request-id", &**id),
            None => request,
        }
    }

    pub(crate) async fn send(
        &self,
        request: &Request,
        deadline: Option<Duration>,
        safety: Safety,
    ) -> Result<Response, Error> {
        let patience = Patience { deadline: deadline.unwrap_or(self.patience.deadline), ..self.patience };
        let response = perform(&*self.transport, (request, self.traced.as_ref()), patience, safety).await?;
        if let (Some(session), Some(told)) = (&self.session, bookmark::of(&response)) {
            session.learn(told);
        }
        Ok(response)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("database", &self.database)
            .field("request_id", &self.request_id)
            .field("session", &self.session)
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
