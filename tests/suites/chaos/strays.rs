//! Cancels that are held up on their way: whoever has the connection by then is not hit.

use std::time::Duration;

use harness::{Database, Proxy, Relay, eventually, eventually_within, fresh_database};
use serde_json::json;
use tokio_postgres::Client;

use crate::sql::served::batch;

const CONFIG: &str = "[limits]\nquery = \"3s\"\ntransaction = \"3s\"\nqueue = \"60s\"\n[pool]\nmax = 1";

/// A proxy of one connection, and a session past it.
struct Bench {
    database: Database,
    relay: Relay,
    proxy: Proxy,
    other: Client,
}

impl Bench {
    async fn start() -> Self {
        let database = fresh_database().await;
        database.batch("CREATE TABLE t (a int)").await;
        let relay = Relay::to(&database.url()).await;
        let proxy = Proxy::builder().through(&relay, &database).config(CONFIG).start().await;
        eventually(|| async { proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200 }).await;
        let other = database.client().await;
        Self { database, relay, proxy, other }
    }

    async fn count(&self) -> i64 {
        self.other.query_one("SELECT count(*) FROM t", &[]).await.unwrap().get(0)
    }
}

#[tokio::test]
async fn the_next_borrower_is_not_hit() {
    check_the_next_borrower(false).await;
}

#[tokio::test]
async fn the_next_borrower_is_not_hit_though_the_client_has_left() {
    check_the_next_borrower(true).await;
}

/// Whether or not the client of the one to be cancelled `leaves`.
async fn check_the_next_borrower(leaves: bool) {
    let Bench { database, relay, proxy, other } = &Bench::start().await;
    other.batch_execute("SELECT pg_advisory_lock(1)").await.unwrap();
    let before = relay.opened();
    relay.hold();
    let first = tokio::spawn(proxy.sql_request(&json!({ "query": "SELECT pg_advisory_xact_lock(1)::text" })).send());
    // Its time is over, and the cancel on its way.
    eventually(|| async { relay.opened() > before }).await;
    // It ends by itself, and nothing but the cancel is waited for.
    other.batch_execute("SELECT pg_advisory_unlock(1)").await.unwrap();
    let ended = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle' \
        AND application_name = 'pool-proxy'";
    eventually(|| async { other.query(ended, &[]).await.unwrap().len() == 1 }).await;
    if leaves {
        first.abort();
    }
    let next = tokio::spawn(proxy.sql_request(&batch(&["INSERT INTO t VALUES (1)", "SELECT pg_sleep(1)"])).send());
    // Either it is at work on the connection that was to be cancelled, or another one is opened for it.
    let served = || async { database.sleeping().await == 1 || relay.opened() > before + 1 };
    eventually_within(Duration::from_secs(30), served).await;
    relay.forward();
    let answer = next.await.unwrap();
    assert_eq!(answer.status, 200, "{leaves}: {}", answer.text);
    if !leaves {
        first.await.unwrap().expect(200);
    }
}

#[tokio::test]
async fn a_batch_whose_time_ends_while_it_is_prepared_is_not_sent() {
    let bench = Bench::start().await;
    bench.other.batch_execute("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE").await.unwrap();
    let before = bench.relay.opened();
    bench.relay.hold();
    // To learn what a statement is, its table must be free.
    let body = batch(&["INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (2)"]);
    let request = tokio::spawn(bench.proxy.sql_request(&body).send());
    eventually(|| async { bench.relay.opened() > before }).await;
    // It is prepared now. The cancel could hit its BEGIN, and would let the rest run outside of it.
    bench.other.batch_execute("ROLLBACK").await.unwrap();
    request.await.unwrap().expect(504);
    assert_eq!(bench.count().await, 0);
    bench.relay.forward();
    bench.proxy.sql(body).await.expect(200);
    assert_eq!(bench.count().await, 2);
}
