//! How a careful operator decides: everything comes from the database, and is compared with what would have been given.

use harness::{Proxy, eventually};
use serde_json::json;

use super::bench::{Bench, auto, status, value};

const SETUP: &str = "CREATE TABLE counter (id int PRIMARY KEY, n int); INSERT INTO counter VALUES (1, 0), (2, 0);
    CREATE FUNCTION liar() RETURNS int LANGUAGE sql STABLE AS 'SELECT n FROM counter WHERE id = 2'";
const READ: &str = "SELECT n FROM counter WHERE id = 1";
const OBSERVED: &str = "pool-proxy; fwd=request; detail=observed";

async fn observer(bench: &Bench, config: &str) -> Proxy {
    auto(&bench.postgres).env("POOL_PROXY_CACHE_MODE", "observe").config(config).start().await
}

async fn ask(proxy: &Proxy, query: &str) -> harness::Answer {
    proxy.sql(json!({ "query": query, "arrayMode": true })).await.expect(200)
}

async fn is_observed(proxy: &Proxy, query: &str) {
    eventually(|| async {
        let told = status(&ask(proxy, query).await);
        if told == OBSERVED { Ok(()) } else { Err((told, proxy.stderr())) }
    })
    .await;
}

async fn counted(proxy: &Proxy, result: &str) -> u64 {
    let metrics = proxy.ops_request("GET", "/metrics").send().await.expect(200).text;
    let label = format!("pool_proxy_cache_requests_total{{database=\"default\",result=\"{result}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&*label)).map_or(0, |count| count.parse().unwrap())
}

#[tokio::test]
async fn nothing_comes_from_the_cache_and_nothing_would_have_been_stale() {
    let bench = Bench::after(SETUP).await;
    let proxy = observer(&bench, "").await;
    is_observed(&proxy, READ).await;
    for n in 1..=50 {
        bench.run(&format!("UPDATE counter SET n = {n} WHERE id = 1")).await;
        for _ in 0..4 {
            let answer = ask(&proxy, READ).await;
            assert_eq!(value(&answer), n, "{}", status(&answer));
        }
    }
    assert!(counted(&proxy, "observed_hit").await > 0);
    assert!(counted(&proxy, "observed_miss").await > 0);
    assert_eq!(counted(&proxy, "hit").await, 0);
    assert_eq!(counted(&proxy, "observed_stale").await, 0, "{}", proxy.stderr());
}

#[tokio::test]
async fn a_function_that_was_vouched_for_wrongly_is_found() {
    let bench = Bench::after(SETUP).await;
    let proxy = observer(&bench, "[cache]\nsafe_functions = [\"public.liar\"]").await;
    is_observed(&proxy, "SELECT liar()").await;
    bench.run("UPDATE counter SET n = 7 WHERE id = 2").await;
    assert_eq!(value(&ask(&proxy, "SELECT liar()").await), 7);
    eventually(|| async { counted(&proxy, "observed_stale").await > 0 }).await;
    assert!(proxy.stderr().contains("SELECT liar()"), "{}", proxy.stderr());
}
