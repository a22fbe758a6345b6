//! Floods: results far over the limit are refused while they come in, and the proxy never holds them.

use harness::{Answer, eventually};
use serde_json::json;

use super::served::{Served, batch};

/// 25 million rows.
const CROSS_JOIN: &str =
    "SELECT a.n AS a, b.n AS b FROM generate_series(1, 5000) a (n), generate_series(1, 5000) b (n)";

/// Longer than any answer may be, in one value.
const HUGE: &str = "SELECT repeat('x', 200000000) AS v";

/// The same in rows that begin well.
const HUGE_LATER: &str = "SELECT 1 AS n, repeat('x', 100000000) AS v FROM generate_series(1, 3)";

/// How much the proxy may take for answers of at most 10 MiB that it gives up.
const ROOM: u64 = 40 << 20;

impl Served {
    /// Refused as too large, with flat memory, on no more connections than there may be, and over.
    async fn check_flood(&self, before: u64, answer: Answer, what: &str) {
        let refused = answer.expect(507);
        assert_eq!(refused.body["committed"], false, "{what}: {}", refused.text);
        let grown = self.proxy.peak_memory().saturating_sub(before);
        assert!(grown < ROOM, "{what}: the proxy's memory grew by {grown} bytes");
        let own = "backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()";
        let count = self.postgres(&format!("SELECT count(*) FROM pg_stat_activity WHERE {own}")).await;
        assert!(count.parse::<u32>().unwrap() <= 2, "{what}: {count} connections");
        let running = format!("SELECT count(*) FROM pg_stat_activity WHERE {own} AND state = 'active'");
        eventually(|| async { self.postgres(&running).await == "0" }).await;
        assert_eq!(self.value("SELECT 1").await, 1, "{what}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn floods_are_507_with_flat_memory() {
    let config = "[limits]\nquery = \"60s\"\ntransaction = \"60s\"";
    let served = Served::with("CREATE TABLE t (a int)", |proxy| {
        proxy.config(config).env("POOL_PROXY_POOL_MAX", "2").env("POOL_PROXY_CACHE_BYTES", "64MiB")
    })
    .await;
    served.value("SELECT 1").await;
    let before = served.proxy.peak_memory();
    for time in 1..=2 {
        let answer = served.ask(CROSS_JOIN).await;
        served.check_flood(before, answer, &format!("alone, time {time}")).await;
        let answer = served.proxy.sql(json!({ "query": CROSS_JOIN, "arrayMode": true })).await;
        served.check_flood(before, answer, &format!("as arrays, time {time}")).await;
        let request = served.proxy.sql_request(&json!({ "query": CROSS_JOIN })).header("Cache-Control", "max-age=60");
        served.check_flood(before, request.send().await, &format!("to be cached, time {time}")).await;
        let queries = batch(&["INSERT INTO t VALUES (1)", CROSS_JOIN, "INSERT INTO t VALUES (2)"]);
        served.check_flood(before, served.proxy.sql(queries).await, &format!("in a batch, time {time}")).await;
        assert_eq!(served.value("SELECT count(*) FROM t").await, "0");
    }
    for (query, first, what) in
        [(HUGE, "INSERT INTO t VALUES (1)", "one value"), (HUGE_LATER, "SELECT 1", "one value in rows")]
    {
        served.check_flood(before, served.ask(query).await, what).await;
        served.check_flood(before, served.ask_batch(&[first, query]).await, &format!("{what} in a batch")).await;
        let request = served.proxy.sql_request(&json!({ "query": query })).header("Cache-Control", "max-age=60");
        served.check_flood(before, request.send().await, &format!("{what} to be cached")).await;
    }
    assert_eq!(served.value("SELECT count(*) FROM t").await, "0");
    let shown = served.proxy.ops_request("GET", "/cache").send().await.expect(200);
    assert!(shown.text.contains("\"entries\":0"), "{}", shown.text);
}
