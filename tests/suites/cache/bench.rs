//! A proxy in front of a database with one table, and how to ask of the cache.

use harness::{Answer, Database, Proxy, ProxyBuilder, Request, eventually, fresh_database};
use serde_json::{Value, json};
use tokio_postgres::Client;

/// Reads what [`Bench::change`] writes.
pub(super) const QUERY: &str = "SELECT word FROM words";

/// Longer than any test.
pub(super) const LONG: &str = "max-age=600";

/// Stale at once, and of use to the end of the test.
pub(super) const STALE: &str = "max-age=0, stale-while-revalidate=600";

/// What an answer that was stored says.
pub(super) const STORED: &str = "pool-proxy; fwd=miss; stored";

/// A table `words` with one row, `old`, and a proxy in front of it.
pub(super) struct Bench {
    pub(super) proxy: Proxy,
    pub(super) database: Database,
}

impl Bench {
    pub(super) async fn start() -> Self {
        Self::with(|builder| builder).await
    }

    /// With other settings.
    pub(super) async fn with(settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        let database = fresh_database().await;
        database.batch("CREATE TABLE words (word text); INSERT INTO words VALUES ('old')").await;
        let proxy = settings(Proxy::builder().database(&database)).start().await;
        Self { proxy, database }
    }

    /// Past the proxy.
    pub(super) async fn change(&self, word: &str) {
        self.database.batch(&format!("UPDATE words SET word = '{word}'")).await;
    }

    pub(super) fn request(&self, query: &str, control: &str) -> Request {
        self.proxy.sql_request(&json!({ "query": query })).header("cache-control", control)
    }

    /// Asks for [`QUERY`].
    pub(super) async fn ask(&self, control: &str) -> Answer {
        self.request(QUERY, control).send().await.expect(200)
    }

    /// Asks for [`QUERY`] with tags.
    pub(super) async fn ask_tagged(&self, control: &str, tags: &str) -> Answer {
        self.request(QUERY, control).header("cache-tag", tags).send().await.expect(200)
    }

    /// Asks for [`QUERY`] so that it is on the shelf: as it is now, without an answer of the past.
    pub(super) async fn store(&self) {
        let answer = self.ask("no-cache, max-age=600").await;
        assert_eq!(status(&answer), "pool-proxy; fwd=request; stored");
    }

    pub(super) async fn invalidate(&self, tags: &Value) -> Answer {
        let request = self.proxy.request("POST", "/invalidate").bearer(self.proxy.key());
        request.json(&json!({ "tags": tags })).send().await
    }

    /// Nobody can read `words` until [`Lock::release`].
    pub(super) async fn lock(&self) -> Lock {
        let client = self.database.client().await;
        client.batch_execute("BEGIN; LOCK TABLE words IN ACCESS EXCLUSIVE MODE").await.unwrap();
        Lock { client, watch: self.database.client().await }
    }

    /// The value of a metric with these labels; 0 while nothing was counted.
    pub(super) async fn metric(&self, name: &str) -> i64 {
        let metrics = self.proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0, |value| value.parse().unwrap())
    }
}

/// Holds a lock on `words`.
pub(super) struct Lock {
    client: Client,
    watch: Client,
}

impl Lock {
    /// Waits until exactly so many of the proxy's connections wait for the lock.
    pub(super) async fn held_up(&self, expected: i64) {
        eventually(|| async {
            let found = self.waiting().await;
            if found == expected { Ok(()) } else { Err(found) }
        })
        .await;
    }

    /// How many of the proxy's connections wait for the lock.
    pub(super) async fn waiting(&self) -> i64 {
        let query = "SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
             WHERE datname = current_database() AND NOT granted";
        self.watch.query_one(query, &[]).await.unwrap().get(0)
    }

    /// Does something to the locked table.
    pub(super) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap();
    }

    pub(super) async fn release(self) {
        self.run("COMMIT").await;
    }
}

/// What the answer says of the cache.
pub(super) fn status(answer: &Answer) -> String {
    answer.header("cache-status")
}

/// The word it holds.
pub(super) fn word(answer: &Answer) -> &str {
    answer.body["rows"][0]["word"].as_str().unwrap_or_else(|| panic!("no word in {}", answer.text))
}

/// The `ttl` of a hit; `None` for any other answer.
pub(super) fn ttl(answer: &Answer) -> Option<i64> {
    status(answer).strip_prefix("pool-proxy; hit; ttl=")?.parse().ok()
}

/// The answer came from the cache and was still good.
#[track_caller]
pub(super) fn assert_hit(answer: &Answer) {
    assert!(ttl(answer).is_some_and(|ttl| ttl > 0), "{}", status(answer));
}
