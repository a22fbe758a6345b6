//! A cluster of one's own, as a managed provider gives it: a role that may replicate and owns its database, and is no
//! superuser. Proxies that keep its answers until they change.

use harness::{Answer, Postgres, Proxy, ProxyBuilder, Request, eventually_within};
use serde_json::{Value, json};
use std::time::Duration;
use tokio_postgres::{Client, NoTls, SimpleQueryMessage};

/// What an answer says that was kept.
pub(super) const HIT: &str = "pool-proxy; hit";
/// And one that is kept from now on.
pub(super) const STORED: &str = "pool-proxy; fwd=miss; stored";

/// The cluster and the first proxy.
pub(super) struct Bench {
    pub(super) postgres: Postgres,
    pub(super) proxy: Proxy,
    pub(super) client: Client,
}

impl Bench {
    /// After `setup`, which the role runs that owns the database. Every table of it with a primary key is published.
    pub(super) async fn with(setup: &str, settings: impl FnOnce(ProxyBuilder) -> ProxyBuilder) -> Self {
        let postgres = cluster().await;
        let client = connect(&url(&postgres)).await;
        client.batch_execute(setup).await.unwrap();
        publish(&client).await;
        let proxy = settings(auto(&postgres)).start().await;
        let bench = Self { postgres, proxy, client };
        bench.is_followed(&bench.proxy).await;
        bench
    }

    pub(super) async fn after(setup: &str) -> Self {
        Self::with(setup, |proxy| proxy).await
    }

    /// Another proxy on the same database.
    pub(super) async fn another(&self) -> Proxy {
        let proxy = auto(&self.postgres).start().await;
        self.is_followed(&proxy).await;
        proxy
    }

    /// Waits until a proxy keeps answers.
    pub(super) async fn is_followed(&self, proxy: &Proxy) {
        let query = json!({ "query": "SELECT 'is it kept?'" });
        eventually_within(Duration::from_secs(30), || async {
            let answer = proxy.sql(query.clone()).await;
            if status(&answer) == HIT { Ok(()) } else { Err((status(&answer), proxy.stderr())) }
        })
        .await;
    }

    pub(super) fn request(&self, query: &str) -> Request {
        self.proxy.sql_request(&json!({ "query": query, "arrayMode": true }))
    }

    pub(super) async fn ask(&self, query: &str) -> Answer {
        self.request(query).send().await.expect(200)
    }

    /// The first value.
    pub(super) async fn value(&self, query: &str) -> Value {
        value(&self.ask(query).await)
    }

    /// Asks until the answer is kept.
    pub(super) async fn keep(&self, query: &str) -> Answer {
        eventually_within(Duration::from_secs(10), || async {
            let answer = self.ask(query).await;
            if status(&answer) == HIT { Ok(answer) } else { Err(status(&answer)) }
        })
        .await
    }

    /// Past the proxy.
    pub(super) async fn run(&self, sql: &str) {
        self.client.batch_execute(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// As the cluster's superuser, in the same database.
    pub(super) async fn root(&self) -> Client {
        connect(&root_url(&self.postgres)).await
    }

    /// The first value of the first row, past the proxy.
    pub(super) async fn postgres(&self, sql: &str) -> String {
        let messages = self.client.simple_query(sql).await.unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let row = messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        row.unwrap_or_default()
    }
}

/// With a database and the role that owns it, and nothing in it.
pub(super) async fn cluster() -> Postgres {
    // A slot waits for every transaction of the cluster that has written, so it must be one's own.
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    let root = connect(&postgres.url()).await;
    let create = "CREATE ROLE app LOGIN REPLICATION PASSWORD 'app'; GRANT pg_read_all_stats TO app";
    root.batch_execute(create).await.unwrap();
    root.batch_execute("CREATE DATABASE app OWNER app").await.unwrap();
    postgres
}

/// The same database's URL as the cluster's superuser.
pub(super) fn root_url(postgres: &Postgres) -> String {
    let url = postgres.url();
    let (server, _) = url.rsplit_once('/').unwrap();
    format!("{server}/app")
}

/// Tables that have a primary key, partitions by their root.
pub(super) async fn publish(client: &Client) {
    client
        .batch_execute(
            "DO $$ DECLARE tables text; BEGIN
               SELECT string_agg(c.oid::regclass::text, ', ') INTO tables FROM pg_class c JOIN pg_index i ON i.indrelid = c.oid
                 WHERE i.indisprimary AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
                   AND c.relnamespace = 'public'::regnamespace;
               EXECUTE 'CREATE PUBLICATION pool_proxy ' || coalesce('FOR TABLE ' || tables, '')
                 || ' WITH (publish_via_partition_root = true)';
             END $$",
        )
        .await
        .unwrap();
}

/// A proxy that keeps answers, to be started.
pub(super) fn auto(postgres: &Postgres) -> ProxyBuilder {
    Proxy::builder().database_url(url(postgres)).env("POOL_PROXY_CACHE_MODE", "auto")
}

/// The database's URL as its owner.
pub(super) fn url(postgres: &Postgres) -> String {
    format!("postgres://app:app@127.0.0.1:{}/app", postgres.port())
}

pub(super) async fn connect(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The same, if the server is there.
pub(super) async fn try_connect(url: &str) -> Option<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.ok()?;
    tokio::spawn(connection);
    Some(client)
}

/// What the answer says of the cache.
pub(super) fn status(answer: &Answer) -> String {
    answer.header("cache-status")
}

/// The first value of an answer as arrays.
#[track_caller]
pub(super) fn value(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["rows"][0][0].clone()
}
