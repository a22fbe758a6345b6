//! Never more connections than allowed, whatever clients do.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use harness::{Answer, Database, Wire, eventually};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::sql::served::Served;

/// Counts, again and again, how many connections the proxy has, until told to tell the most it saw.
pub(crate) struct Census {
    over: Arc<AtomicBool>,
    most: JoinHandle<i64>,
}

impl Census {
    pub(crate) async fn of(database: &Database) -> Self {
        let client = database.client().await;
        let over = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&over);
        let count = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' \
            AND datname = current_database() AND application_name = 'pool-proxy'";
        let most = tokio::spawn(async move {
            let mut most = 0;
            while !seen.load(Ordering::Relaxed) {
                most = most.max(client.query_one(count, &[]).await.unwrap().get(0));
            }
            most
        });
        Self { over, most }
    }

    pub(crate) async fn most(self) -> i64 {
        self.over.store(true, Ordering::Relaxed);
        self.most.await.unwrap()
    }
}

fn bodies() -> Vec<Value> {
    vec![
        json!({ "query": "SELECT $1::int AS n", "params": [1] }),
        json!({ "query": "INSERT INTO t VALUES ($1)", "params": [1] }),
        json!({ "query": "SELECT pg_sleep(30)" }),
        json!({ "queries": [{ "query": "SELECT 1" }, { "query": "SELECT count(*) FROM t" }] }),
        json!({ "query": "SELECT set_config('app.a', 'b', false)" }),
        json!({ "query": "SELECT 1 / 0" }),
        json!({ "query": "PREPARE p AS SELECT 1" }),
    ]
}

#[tokio::test]
async fn two_thousand_clients_share_four_connections() {
    let config = "[limits]\nquery = \"1s\"\nqueue = \"60s\"\ntransaction = \"20s\"";
    let served = Served::with("CREATE TABLE t (a int)", |proxy| {
        proxy.config(config).env("POOL_PROXY_POOL_MAX", "4").env("POOL_PROXY_POOL_MIN_IDLE", "4")
    });
    let served = Arc::new(served.await);
    let census = Census::of(&served.database).await;
    let bodies = Arc::new(bodies());
    // Every one has a connection of its own to the proxy, and all are open at once.
    let open = Arc::new(tokio::sync::Barrier::new(2000));
    let clients: Vec<JoinHandle<()>> = (0..2000)
        .map(|number: usize| {
            let (served, bodies, open) = (Arc::clone(&served), Arc::clone(&bodies), Arc::clone(&open));
            tokio::spawn(async move {
                let mut client = Wire::open(&served.proxy).await;
                open.wait().await;
                // One in a hundred sleeps until it is cancelled; one in a hundred leaves in the middle.
                let body = match number % 100 {
                    0 | 1 => &bodies[2],
                    2 => &bodies[6],
                    other => &bodies[[0, 1, 3, 4, 5][other % 5]],
                };
                client.send(body).await;
                if number % 100 == 1 {
                    return client.finish().await.unwrap();
                }
                let answer = client.answer().await;
                let expected = if *body == bodies[2] {
                    504
                } else if *body == bodies[5] {
                    400
                } else {
                    200
                };
                assert_eq!(answer.status, expected, "{body}: {}", answer.text);
            })
        })
        .collect();
    for client in clients {
        client.await.unwrap();
    }
    let most = census.most().await;
    assert!((1..=4).contains(&most), "{most} connections");
    assert_eq!(served.value("SELECT 1").await, 1);
}

#[tokio::test]
async fn connections_that_are_given_up_still_count() {
    let config = "[limits]\nquery = \"60s\"\nqueue = \"60s\"\nresponse_bytes = \"1MiB\"";
    let served = Served::with("", |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "3")).await;
    let served = Arc::new(served);
    let census = Census::of(&served.database).await;
    let workers: Vec<JoinHandle<()>> = (0..12)
        .map(|number: usize| {
            let served = Arc::clone(&served);
            tokio::spawn(async move {
                for turn in 0..8 {
                    let (query, status) = [
                        ("PREPARE p AS SELECT 1", 200),
                        ("SELECT repeat('x', 100000000)", 507),
                        ("SELECT pg_terminate_backend(pg_backend_pid())", 0),
                        ("SELECT 1", 200),
                    ][(number + turn) % 4];
                    let answer = served.ask(query).await;
                    assert!(status == 0 || answer.status == status, "{query}: {} {}", answer.status, answer.text);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
    let most = census.most().await;
    assert!((1..=3).contains(&most), "{most} connections");
}

#[tokio::test]
async fn one_that_ended_at_a_row_over_the_limit_is_gone_before_another_is_opened() {
    let config = "[limits]\nresponse_bytes = \"16KiB\"";
    let served =
        Served::with("CREATE TABLE t (a int)", |proxy| proxy.config(config).env("POOL_PROXY_POOL_MAX", "1")).await;
    let census = Census::of(&served.database).await;
    // The backend has sent its first row and does not look at its socket while it sleeps.
    let query = "SELECT repeat('x', 40000) UNION ALL SELECT pg_sleep(8)::text";
    for time in 1..=3 {
        let answer = served.ask(query).await;
        assert_eq!(answer.status, 507, "time {time}: {}", answer.text);
        assert_eq!(served.value("SELECT 1").await, 1);
        assert_eq!(served.database.sleeping().await, 0, "time {time}");
        let answer = served.ask_batch(&["INSERT INTO t VALUES (1)", query]).await;
        assert_eq!(answer.status, 507, "time {time}: {}", answer.text);
        assert_eq!(served.value("SELECT count(*) FROM t").await, "0", "time {time}");
    }
    assert_eq!(census.most().await, 1);
}

#[tokio::test]
async fn one_connection_is_enough_for_everything() {
    let served = Served::on_one_connection("CREATE TABLE t (a int); INSERT INTO t VALUES (1)").await;
    let served = Arc::new(served);
    let census = Census::of(&served.database).await;
    let cached = async |query: &str| -> Answer {
        let request = served.proxy.sql_request(&json!({ "query": query }));
        request.header("cache-control", "max-age=60, stale-while-revalidate=60").header("cache-tag", "a").send().await
    };
    let queries: Vec<String> = (0..20).map(|number| format!("SELECT {number}, a FROM t")).collect();
    for round in 0..3 {
        let answers =
            futures_util::future::join_all(queries.iter().flat_map(|query| [cached(query), cached(query)])).await;
        for answer in answers {
            assert_eq!(answer.status, 200, "round {round}: {}", answer.text);
        }
        served
            .proxy
            .request("POST", "/invalidate")
            .bearer(served.proxy.key())
            .json(&json!({ "tags": "all" }))
            .send()
            .await;
        cached("SELECT random()").await.expect(200);
        cached("INSERT INTO t VALUES (2)").await.expect(200);
        served.run_batch(&["SELECT 1", "SET app.a = 'b'", "SELECT 2"]).await;
        served.proxy.ops_request("GET", "/ready").send().await.expect(200);
    }
    assert_eq!(census.most().await, 1);
}

#[tokio::test]
async fn readiness_takes_no_connection_from_anybody() {
    let served = Arc::new(Served::on_one_connection("").await);
    let asked = futures_util::future::join_all((0..50).map(|number| {
        let served = Arc::clone(&served);
        async move {
            if number % 2 == 0 {
                served.proxy.ops_request("GET", "/ready").send().await
            } else {
                served.ask("SELECT pg_sleep(0.02)").await
            }
        }
    }));
    for answer in asked.await {
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    eventually(|| async { served.metric("pool_proxy_pool_waiting").await < 1.0 }).await;
}
