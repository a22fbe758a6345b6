//! The proxy down, slow or saturated: a clear 503 with `Retry-After`, and never a wait past the deadline.

use std::time::Duration;

use harness::{Proxy, Signal, Wire, eventually, fresh_database};
use serde_json::json;
use tokio::net::TcpSocket;

use super::blog::{Blog, BlogBuilder, PASSWORD, assert_problem};

#[tokio::test]
async fn a_proxy_that_is_not_there_is_a_503() {
    check_a_proxy_that_is_not_there_is_a_503(Blog::builder()).await;
}

/// The same wherever the API runs.
pub(super) async fn check_a_proxy_that_is_not_there_is_a_503(builder: BlogBuilder) {
    // Bound, so that nobody else gets it, and not listening.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = socket.local_addr().unwrap();
    let blog = builder.set("POOL_PROXY_URL", format!("http://{free}")).set("POOL_PROXY_KEY", "0123456789abcdef");
    let blog = blog.serve().await;
    for path in ["/health", "/api/v1/blog/bulk", "/api/v1/blog/00000000-0000-4000-8000-000000000001"] {
        let answer = assert_problem(blog.get(path).await, 503, "database_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
        assert!(!answer.text.contains(&free.to_string()), "{}", answer.text);
    }
    let body = json!({ "email": "ada@example.com", "name": "Ada", "password": PASSWORD });
    // A Worker's fetch cannot tell whether what failed had been sent.
    let code = if blog.workerd.is_some() { "outcome_unknown" } else { "database_unavailable" };
    assert_problem(blog.post("/api/v1/user/signup", &body).await, 503, code);
    assert!(!blog.log().is_empty());
    assert!(!blog.log().join("\n").contains("0123456789abcdef"));
}

#[tokio::test]
async fn a_proxy_that_does_not_answer_is_a_503_within_the_deadline() {
    check_a_proxy_that_does_not_answer_is_a_503_within_the_deadline(Blog::builder()).await;
}

/// The same wherever the API runs.
pub(super) async fn check_a_proxy_that_does_not_answer_is_a_503_within_the_deadline(builder: BlogBuilder) {
    let mut blog = builder.set("PROXY_DEADLINE_MS", "2500").start().await;
    let ada = blog.sign_up("Ada").await;
    blog.proxy.as_mut().unwrap().signal(Signal::Stop);
    let answer = assert_problem(blog.get("/api/v1/blog/bulk").await, 503, "database_timeout");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
    // What only reads has nothing to look for, whoever asks and however it is cached.
    for path in ["/api/v1/user/me", "/api/v1/user/me/posts"] {
        assert_problem(blog.by(&ada, "GET", path).send().await, 503, "database_timeout");
    }
    let body = json!({ "email": ada.email, "password": PASSWORD });
    assert_problem(blog.post("/api/v1/user/signin", &body).await, 503, "database_timeout");
    // A write that was sent may have been made, for all we know.
    let post = json!({ "title": "Lost?", "content": "Perhaps." });
    let answer = blog.by(&ada, "POST", "/api/v1/blog").json(&post).send().await;
    assert_problem(answer, 503, "outcome_unknown");
    blog.proxy.as_mut().unwrap().signal(Signal::Continue);
    eventually(async || blog.get("/api/v1/blog/bulk").await.status == 200).await;
}

/// The time that counts is the proxy's, not that of whoever sends slowly.
#[tokio::test]
async fn a_slow_sender_has_all_of_the_deadline_left() {
    let blog = Blog::builder().set("PROXY_DEADLINE_MS", "3000").start().await;
    let ada = blog.sign_up("Ada").await;
    let body = json!({ "title": "Slowly", "content": "Sent.", "published": true }).to_string();
    let head = format!(
        "POST /api/v1/blog HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        ada.token,
        body.len()
    );
    let mut wire = Wire::to(blog.url()).await;
    wire.write(head).await;
    tokio::time::sleep(Duration::from_millis(3500)).await;
    wire.write(body).await;
    wire.answer().await.expect(201);
}

#[tokio::test]
async fn a_saturated_pool_is_a_503() {
    check_a_saturated_pool_is_a_503(Blog::builder()).await;
}

/// The same wherever the API runs.
pub(super) async fn check_a_saturated_pool_is_a_503(builder: BlogBuilder) {
    let database = fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    let proxy =
        Proxy::builder().database(&database).env("POOL_PROXY_POOL_MAX", "1").env("POOL_PROXY_POOL_MIN_IDLE", "0");
    let proxy = proxy.config("[limits]\nqueue = \"200ms\"\n").start().await;
    let mut blog = builder.in_front_of(proxy).await;
    blog.database = Some(database);
    let proxy = blog.proxy.as_ref().unwrap();
    // Opening the connection may take longer than the queue's patience.
    eventually(async || proxy.sql(json!({ "query": "SELECT 1" })).await.status == 200).await;
    let sleep = proxy.sql(json!({ "query": "SELECT pg_sleep(600)" }));
    let ask = async {
        let asleep = "FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'SELECT pg_sleep%' AND state = 'active'";
        eventually(async || blog.row(&format!("SELECT count(*)::text {asleep}")).await == ["1"]).await;
        let answer = assert_problem(blog.get("/api/v1/blog/bulk").await, 503, "database_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() >= 1);
        blog.row(&format!("SELECT pg_cancel_backend(pid)::text {asleep}")).await;
    };
    let (slept, ()) = tokio::join!(sleep, ask);
    slept.expect(400);
    blog.get("/api/v1/blog/bulk").await.expect(200);
}

#[tokio::test]
async fn a_key_that_the_proxy_refuses_is_our_fault() {
    check_a_key_that_the_proxy_refuses_is_our_fault(Blog::builder()).await;
}

/// The same wherever the API runs.
pub(super) async fn check_a_key_that_the_proxy_refuses_is_our_fault(builder: BlogBuilder) {
    let blog = Blog::start().await;
    let wrong = builder.set("POOL_PROXY_URL", blog.proxy.as_ref().unwrap().url());
    let wrong = wrong.set("POOL_PROXY_KEY", "not the key of this proxy").serve().await;
    let answer = assert_problem(wrong.get("/api/v1/blog/bulk").await, 500, "misconfigured");
    assert!(!answer.text.contains("not the key of this proxy"), "{}", answer.text);
}
