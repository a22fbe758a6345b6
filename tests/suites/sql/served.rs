//! A proxy in front of a fresh database, and short ways to ask it.

use harness::{Answer, Database, Proxy, ProxyBuilder, fresh_database};
use serde_json::{Value, json};

/// How many advisory locks are held in this database; others of the cluster have theirs.
pub(crate) const ADVISORY_LOCKS: &str = "SELECT count(*) FROM pg_locks JOIN pg_database AS d ON d.oid = database \
    WHERE locktype = 'advisory' AND datname = current_database()";

/// Both live as long as this does.
pub(crate) struct Served {
    pub(crate) proxy: Proxy,
    pub(crate) database: Database,
}

impl Served {
    /// With every setting at its default.
    pub(crate) async fn plain() -> Self {
        Self::with("", |proxy| proxy).await
    }

    /// After `setup`, with every setting at its default.
    pub(crate) async fn after(setup: &str) -> Self {
        Self::with(setup, |proxy| proxy).await
    }

    /// After `setup`, with one connection, so that each request gets what the last one left.
    pub(crate) async fn on_one_connection(setup: &str) -> Self {
        Self::with(setup, |proxy| proxy.env("POOL_PROXY_POOL_MAX", "1")).await
    }

    /// After `setup`, with settings.
    pub(crate) async fn with(setup: &str, settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        let database = fresh_database().await;
        database.batch(setup).await;
        let proxy = settings(Proxy::builder().database(&database)).start().await;
        Self { proxy, database }
    }

    /// The answer to one statement.
    pub(crate) async fn ask(&self, query: &str) -> Answer {
        self.proxy.sql(json!({ "query": query })).await
    }

    /// The answer to statements in one transaction.
    pub(crate) async fn ask_batch(&self, queries: &[&str]) -> Answer {
        self.proxy.sql(batch(queries)).await
    }

    /// The body of the answer to a statement that works.
    pub(crate) async fn run(&self, query: &str) -> Value {
        self.must(json!({ "query": query })).await
    }

    /// The results of statements that work, in one transaction.
    pub(crate) async fn run_batch(&self, queries: &[&str]) -> Value {
        self.must(batch(queries)).await["results"].clone()
    }

    /// The first value of the first row.
    pub(crate) async fn value(&self, query: &str) -> Value {
        first_value(query, &self.proxy.sql(json!({ "query": query, "arrayMode": true })).await)
    }

    async fn must(&self, body: Value) -> Value {
        let answer = self.proxy.sql(body.clone()).await;
        assert_eq!(answer.status, 200, "{body}: {}", answer.text);
        answer.body
    }

    /// The sum of a metric over its labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let metrics = self.proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
        let value = |line: &str| {
            let rest = line.strip_prefix(name)?;
            (rest.starts_with([' ', '{'])).then(|| rest.rsplit(' ').next()?.parse::<f64>().ok())?
        };
        metrics.lines().filter_map(value).sum()
    }

    /// What Postgres itself says, past the proxy: the first value of the first row as text.
    pub(crate) async fn postgres(&self, query: &str) -> String {
        let client = self.database.client().await;
        let messages = client.simple_query(query).await.unwrap_or_else(|error| panic!("{query}: {error:?}"));
        let row = messages.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        row.unwrap_or_default()
    }
}

/// The first value of the first row of an answer as arrays, to a statement that works.
#[track_caller]
pub(crate) fn first_value(query: &str, answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{query}: {}", answer.text);
    answer.body["rows"][0][0].clone()
}

/// The body of statements in one transaction.
pub(crate) fn batch(queries: &[&str]) -> Value {
    let queries: Vec<Value> = queries.iter().map(|query| json!({ "query": query })).collect();
    json!({ "queries": queries })
}
