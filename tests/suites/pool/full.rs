//! Several proxies under one limit of Postgres's: full is not down, and nobody goes away empty-handed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use harness::{Database, Proxy, eventually, fresh_database};
use serde_json::{Value, json};

/// A database, and a login of its own that may have only so many connections.
struct Limited {
    database: Database,
    role: String,
}

impl Limited {
    async fn to(connections: usize) -> Self {
        let database = fresh_database().await;
        let role = format!("{}_login", database.name());
        let setup = format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'secret' CONNECTION LIMIT {connections};
             GRANT ALL ON SCHEMA public TO {role};
             CREATE TABLE t (a int); GRANT ALL ON t TO {role}"
        );
        database.batch(&setup).await;
        Self { database, role }
    }

    async fn proxy(&self, max: &str, min_idle: &str) -> Proxy {
        let url = self.database.url_as(&self.role, "secret");
        // A busy machine needs more than the five seconds by default.
        let proxy = Proxy::builder().database_url(url).config("[limits]\nqueue = \"20s\"\n");
        proxy.env("POOL_PROXY_POOL_MAX", max).env("POOL_PROXY_POOL_MIN_IDLE", min_idle).start().await
    }

    async fn connections(&self) -> i64 {
        let client = self.database.client().await;
        let count = "SELECT count(*) FROM pg_stat_activity WHERE usename = $1";
        client.query_one(count, &[&self.role]).await.unwrap().get(0)
    }

    /// The proxies are to be gone by then.
    async fn end(self) {
        eventually(|| async { self.connections().await == 0 }).await;
        self.database.batch(&format!("DROP OWNED BY {0}; DROP ROLE {0}", self.role)).await;
    }
}

fn bodies() -> [Value; 7] {
    [
        json!({ "query": "SELECT $1::int AS n", "params": [1] }),
        json!({ "query": "INSERT INTO t VALUES ($1)", "params": [1] }),
        json!({ "query": "SELECT pg_sleep(0.02)" }),
        json!({ "queries": [{ "query": "SELECT 1" }, { "query": "SELECT count(*) FROM t" }] }),
        json!({ "query": "SELECT set_config('app.a', 'b', false)" }),
        json!({ "query": "PREPARE p AS SELECT 1" }),
        json!({ "query": "SELECT pg_sleep(0.01), count(*) FROM t" }),
    ]
}

#[tokio::test]
async fn two_proxies_share_what_one_role_may_have() {
    let limited = Limited::to(5).await;
    let proxies = [limited.proxy("4", "2").await, limited.proxy("4", "2").await];
    for round in 0..3 {
        let requests = (0..300).map(|number| {
            let body = &bodies()[number % 7];
            let request = proxies[number % 2].sql_request(body);
            let body = body.clone();
            async move { (body, request.send().await) }
        });
        for (body, answer) in join_all(requests).await {
            assert_eq!(answer.status, 200, "round {round}, {body}: {}", answer.text);
        }
    }
    drop(proxies);
    limited.end().await;
}

/// Keeps all connections of a proxy busy until told otherwise; says how many requests that took.
fn keep_busy(proxy: &Arc<Proxy>, over: &Arc<AtomicBool>, count: usize) -> Vec<tokio::task::JoinHandle<usize>> {
    let busy = |_| {
        let (proxy, over) = (Arc::clone(proxy), Arc::clone(over));
        tokio::spawn(async move {
            let mut asked = 0;
            while !over.load(Ordering::Relaxed) {
                proxy.sql(json!({ "query": "SELECT pg_sleep(0.01)" })).await.expect(200);
                asked += 1;
            }
            asked
        })
    };
    (0..count).map(busy).collect()
}

#[tokio::test]
async fn a_proxy_that_comes_late_gets_its_share() {
    let limited = Limited::to(3).await;
    let greedy = Arc::new(limited.proxy("3", "3").await);
    eventually(|| async { limited.connections().await == 3 }).await;
    // Whether those connections are idle or at work.
    for busy in [0, 12] {
        let over = Arc::new(AtomicBool::new(false));
        let asking = keep_busy(&greedy, &over, busy);
        let late = limited.proxy("3", "0").await;
        for number in 0..5 {
            let answer = late.sql(json!({ "query": "SELECT 1" })).await;
            assert_eq!(answer.status, 200, "{busy} requests at a time, request {number}: {}", answer.text);
        }
        over.store(true, Ordering::Relaxed);
        for asked in join_all(asking).await {
            assert!(asked.unwrap() > 0, "the others were served, too");
        }
        drop(late);
        // The place that it leaves is taken again.
        eventually(|| async { limited.connections().await == 3 }).await;
    }
    drop(greedy);
    limited.end().await;
}

#[tokio::test]
async fn what_stays_full_is_503_when_the_time_to_wait_is_over() {
    let limited = Limited::to(1).await;
    let (client, connection) =
        tokio_postgres::connect(&limited.database.url_as(&limited.role, "secret"), tokio_postgres::NoTls)
            .await
            .unwrap();
    let other = tokio::spawn(connection);
    let url = limited.database.url_as(&limited.role, "secret");
    let proxy = Proxy::builder().database_url(url).config("[limits]\nqueue = \"500ms\"").start().await;
    let refused = proxy.sql(json!({ "query": "SELECT 1" })).await.expect(503);
    assert!(refused.text.contains("no connection to spare"), "{}", refused.text);
    assert_ne!(refused.header("retry-after"), "");
    let ready = proxy.ops_request("GET", "/ready").send().await.expect(503);
    assert!(ready.text.contains("no connection to spare"), "{}", ready.text);
    drop(client);
    other.await.unwrap().unwrap();
    eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
    drop(proxy);
    limited.end().await;
}
