//! One trace from the API's caller through the Worker and the proxy into Postgres's log.

use harness::{Postgres, Proxy, eventually};
use serde_json::json;

use super::blog::{Blog, BlogBuilder, PASSWORD};
use crate::traces::{Collector, Span, named};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

async fn check_one_trace_goes_all_the_way(builder: BlogBuilder) {
    let (postgres, collector) = (Postgres::start(&mut |_| {}).unwrap(), Collector::start().await);
    edge_migrations::apply(&postgres.url()).await.unwrap();
    let proxy = Proxy::builder().database_url(postgres.url()).env("POOL_PROXY_TRACE_ENDPOINT", collector.url());
    let proxy = proxy.config("[trace]\nsample = 0\nsql_comment = true\n").start().await;
    proxy.sql(json!({ "query": "ALTER SYSTEM SET log_statement = 'all'" })).await.expect(200);
    proxy.sql(json!({ "query": "SELECT pg_reload_conf()" })).await.expect(200);
    let builder = builder.set("OTLP_ENDPOINT", collector.url()).set("OTLP_HEADERS", "authorization=Bearer%20geheim");
    let blog = builder.set("TRACE_SAMPLE", "0").in_front_of(proxy).await;
    // A trace of its own would be one too many.
    blog.get("/api/v1/blog/bulk").await.expect(200);
    let given = format!("00-{TRACE}-{PARENT}-01");
    let body = json!({ "email": "ada@example.com", "name": "Ada", "password": PASSWORD });
    let answer = blog.request("POST", "/api/v1/user/signup").header("traceparent", &given).json(&body).send().await;
    answer.expect(201);
    let is_whole = |spans: &[Span]| spans.iter().any(|span| span.service == "edge-api") && spans.len() >= 5;
    let spans = eventually(|| async {
        let spans = collector.spans();
        if is_whole(&spans) { Ok(spans) } else { Err(format!("{spans:#?}\n{}", blog.log().join("\n"))) }
    })
    .await;
    assert!(spans.iter().all(|span| span.trace() == TRACE), "{spans:#?}");
    let of = |service: &str| -> Vec<Span> { spans.iter().filter(|span| span.service == service).cloned().collect() };
    let (edge, behind) = (of("edge-api"), of("pool-proxy"));
    let whole = named(&edge, "POST /api/v1/user/signup");
    assert_eq!(
        (whole.parent(), whole.kind(), whole.told("http.response.status_code")),
        (PARENT, 2, "201"),
        "{spans:#?}"
    );
    let call = named(&edge, "POST /sql");
    assert_eq!((call.parent(), call.kind()), (whole.id(), 3), "{spans:#?}");
    let asked = named(&behind, "POST /sql");
    assert_eq!((asked.parent(), asked.kind()), (call.id(), 2), "{spans:#?}");
    assert_eq!(asked.told("pool_proxy.request_id"), whole.told("pool_proxy.request_id"));
    let statement = behind.iter().find(|span| span.kind() == 3).unwrap();
    assert_eq!(statement.parent(), asked.id(), "{spans:#?}");
    let comment = format!("/*traceparent='00-{TRACE}-{}-01'*/", statement.id());
    eventually(|| async { postgres.log().contains(&comment) }).await;
    assert!(!postgres.log().replace(&comment, "").contains("traceparent"), "what is not sampled has none");
    let secrets = ["geheim", "ada@example.com", "Ada", PASSWORD, blog.proxy.as_ref().unwrap().key()];
    for secret in secrets {
        assert!(!collector.bodies().concat().contains(secret), "{secret} is told");
    }
    let headers = collector.headers();
    assert!(headers.iter().any(|headers| headers.get("authorization").is_some_and(|key| key == "Bearer geheim")));
}

#[tokio::test]
async fn one_trace_goes_from_the_worker_into_postgress_log() {
    check_one_trace_goes_all_the_way(Blog::builder().in_workerd()).await;
}

#[tokio::test]
async fn a_collector_that_is_not_there_holds_nobody_up() {
    let blog = Blog::builder().in_workerd().set("OTLP_ENDPOINT", "http://127.0.0.1:9").start().await;
    blog.sign_up("Ada").await;
    eventually(|| async { blog.log().iter().any(|line| line.contains("a trace is lost")) }).await;
}

#[tokio::test]
async fn what_begins_here_is_sampled_as_the_worker_says() {
    let collector = Collector::start().await;
    let database = harness::fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    for (sample, recorded) in [("0", false), ("1", true)] {
        // The proxy alone would record everything.
        let proxy =
            Proxy::builder().database(&database).env("POOL_PROXY_TRACE_ENDPOINT", collector.url()).start().await;
        let blog = Blog::builder().set("TRACE_SAMPLE", sample).in_front_of(proxy).await;
        blog.get("/api/v1/blog/bulk").await.expect(200);
        let mut proxy = blog.proxy.unwrap();
        assert!(proxy.terminate().await.success());
        assert_eq!(!collector.spans().is_empty(), recorded, "{sample}");
    }
}

#[tokio::test]
async fn where_the_worker_tells_nobody_the_proxys_spans_are_within_the_callers() {
    let collector = Collector::start().await;
    let database = harness::fresh_database().await;
    edge_migrations::apply(&database.url()).await.unwrap();
    let proxy = Proxy::builder().database(&database).env("POOL_PROXY_TRACE_ENDPOINT", collector.url()).start().await;
    let blog = Blog::builder().in_front_of(proxy).await;
    let given = format!("00-{TRACE}-{PARENT}-01");
    blog.request("GET", "/api/v1/blog/bulk").header("traceparent", &given).send().await.expect(200);
    let mut proxy = blog.proxy.unwrap();
    assert!(proxy.terminate().await.success());
    let spans = collector.spans();
    let served: Vec<_> = spans.iter().filter(|span| span.kind() == 2).collect();
    assert!(!served.is_empty() && served.iter().all(|span| span.parent() == PARENT), "{spans:#?}");
}
