//! Keys, databases and request ids.

use super::bench::{Bench, client};

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_repeated() {
    let bench = Bench::after("").await;
    let url = bench.served.proxy.url();
    let wrong = client(url, "not-the-key-of-anybody");
    let error = wrong.query("SELECT 1").execute().await.unwrap_err();
    assert_eq!(error.status(), Some(401));
    assert!(!error.is_retryable() && !error.is_unavailable() && !error.outcome_unknown());
    assert!(!format!("{error} {error:?} {wrong:?}").contains("not-the-key"));
    assert_eq!(wrong.invalidate_all().await.unwrap_err().status(), Some(401));
    // Whether it serves is told to everybody.
    wrong.health().await.unwrap();
}

#[tokio::test]
async fn a_path_before_the_proxys_own_is_kept() {
    let bench = Bench::after("").await;
    let url = format!("{}/prefix/", bench.served.proxy.url());
    let error = client(&url, bench.served.proxy.key()).query("SELECT 1").execute().await.unwrap_err();
    assert_eq!(error.status(), Some(404));
    assert!(error.message().contains("no such path"), "{error}");
}

#[tokio::test]
async fn the_database_is_the_one_named() {
    let bench = Bench::after("").await;
    assert_eq!(bench.client.clone().with_database("default").query_scalar::<i32>("SELECT 1").one().await.unwrap(), 1);
    let error = bench.client.with_database("other").query("SELECT 1").execute().await.unwrap_err();
    assert_eq!(error.status(), Some(404));
}

#[tokio::test]
async fn what_a_key_may_not_do_is_told() {
    let config = harness::key_entry("reader", "a key that reads alone", "read_only = true");
    let bench = Bench::with("CREATE TABLE t (a int)", |proxy| proxy.config(config)).await;
    let reader = client(bench.served.proxy.url(), "a key that reads alone");
    assert_eq!(reader.query_scalar::<i64>("SELECT count(*) FROM t").one().await.unwrap(), 0);
    let error = reader.query("INSERT INTO t VALUES (1)").execute().await.unwrap_err();
    assert!(matches!(error.status(), Some(400 | 403)) && !error.is_retryable(), "{error}");
}

#[tokio::test]
async fn request_ids_go_there_and_back() {
    let bench = Bench::with("", |proxy| proxy.env("POOL_PROXY_LOG", "text,debug")).await;
    let client = bench.client.with_request_id("from-the-edge.1");
    let done = client.query("SELECT 1").execute().await.unwrap();
    assert_eq!(done.request_id.as_deref(), Some("from-the-edge.1"));
    let error = client.query("SELEC 1").execute().await.unwrap_err();
    assert_eq!(error.request_id(), Some("from-the-edge.1"));
    assert_eq!(client.batch().add("SELECT 1").run().await.unwrap().request_id(), Some("from-the-edge.1"));
    assert!(bench.served.proxy.stderr().contains("from-the-edge.1"));
}
