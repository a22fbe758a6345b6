//! A proxy alone: what is told of each kind of request, and of which nothing is.

use harness::{Proxy, eventually, fresh_database};
use serde_json::{Value, json};

use super::collector::named;
use super::{Collector, PARENT, Span, TRACE, sampled, told};
use crate::sql::served::{Served, batch};
use crate::transactions::open::Open;
use crate::transactions::plan;

/// A proxy that tells a collector.
async fn traced(setup: &str) -> (Served, Collector) {
    let collector = Collector::start().await;
    (Served::with(setup, |proxy| told(proxy, &collector)).await, collector)
}

/// The answer to a statement of a trace of its own, and that trace.
async fn ask(served: &Served, trace: u32, body: &Value, headers: &[(&str, &str)]) -> (u16, String) {
    let trace = format!("{trace:032x}");
    let request = served.proxy.sql_request(body).header("traceparent", format!("00-{trace}-{PARENT}-01"));
    let request = headers.iter().fold(request, |request, (name, value)| request.header(name, value));
    (request.send().await.status.as_u16(), trace)
}

fn within(outer: &Span, inner: &Span) -> bool {
    let ((from, until), (begins, ends)) = (outer.moments(), inner.moments());
    inner.parent() == outer.id() && from <= begins && ends <= until
}

#[tokio::test]
async fn a_statement_is_told_with_its_wait_and_nothing_of_its_values() {
    let (served, collector) = traced("").await;
    let body = json!({ "query": "SELECT 'herring' AS fish, $1::text", "params": ["mackerel"] });
    let request = served.proxy.sql_request(&body).header("traceparent", sampled()).header("x-request-id", "r-1");
    request.send().await.expect(200);
    let spans = collector.trace(TRACE, 3).await;
    assert_eq!(spans.len(), 3, "{spans:#?}");
    let whole = named(&spans, "POST /sql");
    assert_eq!((whole.parent(), whole.kind(), whole.has_failed()), (PARENT, 2, false));
    assert_eq!(whole.service, "pool-proxy");
    for (key, value) in [
        ("http.request.method", "POST"),
        ("http.route", "/sql"),
        ("http.response.status_code", "200"),
        ("pool_proxy.request_id", "r-1"),
        ("pool_proxy.key", "env"),
        ("db.namespace", "default"),
        ("error.type", ""),
        ("pool_proxy.cache", ""),
    ] {
        assert_eq!(whole.told(key), value, "{key}: {whole:#?}");
    }
    let wait = named(&spans, "pool_proxy.wait");
    assert_eq!((wait.kind(), within(whole, wait)), (1, true), "{spans:#?}");
    let statement = named(&spans, "SELECT default");
    assert_eq!((statement.kind(), within(whole, statement)), (3, true), "{spans:#?}");
    assert!(wait.moments().1 <= statement.moments().0, "{spans:#?}");
    let shown = served.proxy.ops_request("GET", "/statements").send().await.expect(200).body["statements"][0].clone();
    for (key, value) in [
        ("db.system.name", "postgresql"),
        ("db.namespace", "default"),
        ("db.operation.name", "SELECT"),
        ("db.query.text", shown["text"].as_str().unwrap()),
        ("pool_proxy.fingerprint", shown["fingerprint"].as_str().unwrap()),
        ("db.response.returned_rows", "1"),
        ("error.type", ""),
    ] {
        assert_eq!(statement.told(key), value, "{key}: {statement:#?}");
    }
    for secret in ["herring", "mackerel", served.proxy.key()] {
        assert!(!collector.bodies().concat().contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn a_kept_answer_is_told_as_one() {
    let (served, collector) = traced("").await;
    let body = json!({ "query": "SELECT 7" });
    let cached = [("cache-control", "max-age=600")];
    for (trace, count, expected) in [(1, 3, "miss"), (2, 1, "hit")] {
        let (status, trace) = ask(&served, trace, &body, &cached).await;
        assert_eq!(status, 200);
        let spans = collector.trace(&trace, count).await;
        assert_eq!(spans.len(), count, "{spans:#?}");
        assert_eq!(named(&spans, "POST /sql").told("pool_proxy.cache"), expected);
    }
    let (_, trace) = ask(&served, 3, &body, &[("cache-control", "no-store")]).await;
    assert_eq!(named(&collector.trace(&trace, 3).await, "POST /sql").told("pool_proxy.cache"), "bypass");
}

#[tokio::test]
async fn what_has_failed_says_why() {
    let collector = Collector::start().await;
    let limits = "[limits]\nquery = \"300ms\"\nqueue = \"300ms\"\n[pool]\nmax = 1\nmin_idle = 0\n";
    let served = Served::with("", |proxy| told(proxy, &collector).config(limits)).await;
    // Postgres never takes it for a statement, so nothing of it is shown.
    let (status, trace) = ask(&served, 1, &json!({ "query": "SELECT herring FROM mackerel" }), &[]).await;
    let spans = collector.trace(&trace, 3).await;
    let (whole, statement) = (named(&spans, "POST /sql"), named(&spans, "postgresql"));
    assert_eq!((status, whole.told("error.type"), whole.has_failed()), (400, "42P01", false), "{spans:#?}");
    assert_eq!((statement.told("error.type"), statement.has_failed()), ("42P01", true), "{spans:#?}");
    assert_eq!(statement.told("db.query.text"), "");
    // It is one, and fails as it runs: its message quotes a value.
    let (_, trace) = ask(&served, 2, &json!({ "query": "SELECT $1::text::int", "params": ["herring"] }), &[]).await;
    let spans = collector.trace(&trace, 3).await;
    assert_eq!(named(&spans, "SELECT default").told("error.type"), "22P02", "{spans:#?}");
    let (status, trace) = ask(&served, 3, &json!({ "query": "SELECT pg_sleep(20)" }), &[]).await;
    let spans = collector.trace(&trace, 3).await;
    let (whole, statement) = (named(&spans, "POST /sql"), named(&spans, "SELECT default"));
    assert_eq!((status, whole.told("error.type"), whole.has_failed()), (504, "504", true), "{spans:#?}");
    assert_eq!((statement.told("error.type"), statement.has_failed()), ("timeout", true), "{spans:#?}");
    // Nobody gets a connection while this transaction has the only one.
    let open = Open::with(&served.proxy, json!({ "maxWait": 5000, "timeout": 15000 })).await;
    let (status, trace) = ask(&served, 4, &json!({ "query": "SELECT 1" }), &[]).await;
    let spans = collector.trace(&trace, 2).await;
    let (whole, wait) = (named(&spans, "POST /sql"), named(&spans, "pool_proxy.wait"));
    assert_eq!((status, whole.told("error.type"), whole.has_failed()), (503, "503", true), "{spans:#?}");
    assert_eq!((wait.told("error.type"), wait.has_failed(), spans.len()), ("unavailable", true, 2), "{spans:#?}");
    open.end("rollback").await.expect(200);
    assert!(!collector.bodies().concat().contains("herring"));
}

#[tokio::test]
async fn a_client_that_leaves_is_told_of() {
    let (served, collector) = traced("").await;
    let request = served.proxy.sql_request(&json!({ "query": "SELECT pg_sleep(20)" }));
    let asked = tokio::spawn(request.header("traceparent", sampled()).send());
    eventually(|| async { served.database.sleeping().await == 1 }).await;
    asked.abort();
    let spans = collector.trace(TRACE, 3).await;
    for name in ["POST /sql", "SELECT default"] {
        let span = named(&spans, name);
        assert_eq!((span.told("error.type"), span.has_failed()), ("abandoned", true), "{spans:#?}");
    }
}

#[tokio::test]
async fn statements_of_one_request_are_told_each() {
    let (served, collector) = traced("CREATE TABLE fish (n int PRIMARY KEY)").await;
    let statements = ["INSERT INTO fish VALUES (1)", "WITH x AS (SELECT 2) SELECT * FROM x", "DELETE FROM fish"];
    let (_, trace) = ask(&served, 1, &batch(&statements), &[]).await;
    let spans = collector.trace(&trace, 5).await;
    let whole = named(&spans, "POST /sql");
    // What a WITH does is not said by its first word.
    for name in ["INSERT default", "postgresql", "DELETE default"] {
        assert!(within(whole, named(&spans, name)), "{spans:#?}");
    }
    // The second is refused, and the third is not run.
    let (_, trace) = ask(&served, 2, &batch(&["INSERT INTO fish VALUES (1)", "SELECT 1/0", "SELECT 3"]), &[]).await;
    let spans = collector.trace(&trace, 4).await;
    assert_eq!(spans.len(), 4, "{spans:#?}");
    assert_eq!(named(&spans, "SELECT default").told("error.type"), "22012", "{spans:#?}");
    assert!(!named(&spans, "INSERT default").has_failed(), "{spans:#?}");
    let keyed = json!({ "query": "INSERT INTO fish VALUES (7)" });
    let (status, trace) = ask(&served, 3, &keyed, &[("idempotency-key", "k-1")]).await;
    let spans = collector.trace(&trace, 3).await;
    assert_eq!((status, spans.len()), (200, 3), "{spans:#?}");
    assert!(within(named(&spans, "POST /sql"), named(&spans, "INSERT default")), "{spans:#?}");
}

#[tokio::test]
async fn a_request_of_many_statements_leaves_room_for_others() {
    let (served, collector) = traced("").await;
    served.proxy.request("GET", "/health").send().await.expect(200);
    let statements: Vec<_> = (0..200).map(|number| format!("SELECT {number}")).collect();
    let statements: Vec<_> = statements.iter().map(String::as_str).collect();
    let (status, trace) = ask(&served, 1, &batch(&statements), &[]).await;
    let spans = collector.trace(&trace, 129).await;
    assert_eq!((status, spans.len()), (200, 129));
    // One is the wait for a connection.
    assert_eq!(named(&spans, "POST /sql").told("pool_proxy.spans_dropped"), "73");
    assert!(collector.spans().iter().all(|span| span.trace() == trace), "nobody asked for what is alive to be told");
}

#[tokio::test]
async fn a_transaction_is_told_step_by_step() {
    let (served, collector) = traced("CREATE TABLE fish (n int)").await;
    let proxy = &served.proxy;
    let start = proxy.request("POST", "/transaction/start").bearer(proxy.key()).header("traceparent", sampled());
    let begun = start.json(&json!({ "maxWait": 5000, "timeout": 15000 })).send().await.expect(200);
    let open = Open { proxy, id: begun.body["id"].as_str().unwrap().to_owned() };
    open.request("INSERT INTO fish VALUES (1)").header("traceparent", sampled()).send().await.expect(200);
    let select = open.plan_request(&plan("SELECT n FROM fish"));
    select.header("traceparent", sampled()).send().await.expect(200);
    open.end_request("commit").header("traceparent", sampled()).send().await.expect(200);
    let spans = collector.trace(TRACE, 8).await;
    for (whole, part) in [
        ("POST /transaction/start", Some("pool_proxy.wait")),
        ("POST /sql", Some("INSERT default")),
        ("POST /transaction/{id}/query", Some("SELECT default")),
        ("POST /transaction/{id}/commit", Some("COMMIT")),
    ] {
        let whole = named(&spans, whole);
        assert_eq!((whole.parent(), whole.told("pool_proxy.key")), (PARENT, "env"), "{spans:#?}");
        let parts: Vec<&str> = spans.iter().filter(|span| span.parent() == whole.id()).map(Span::name).collect();
        assert_eq!(parts, part.into_iter().collect::<Vec<_>>(), "{spans:#?}");
    }
    assert!(!collector.bodies().concat().contains(&open.id), "whoever has it and the key can go on");
    let open = Open::begin(proxy).await;
    let trace = "1".repeat(32);
    let end = open.end_request("rollback").header("traceparent", format!("00-{trace}-{PARENT}-01"));
    end.send().await.expect(200);
    assert_eq!(named(&collector.trace(&trace, 2).await, "ROLLBACK").kind(), 3);
}

#[tokio::test]
async fn plans_of_prismas_clients_are_told_with_their_statements() {
    let (served, collector) = traced("").await;
    let proxy = &served.proxy;
    let ask = proxy.request("POST", "/query").bearer(proxy.key()).header("traceparent", sampled());
    ask.json(&plan("SELECT 'herring'")).send().await.expect(200);
    let spans = collector.trace(TRACE, 3).await;
    let whole = named(&spans, "POST /query");
    assert!(within(whole, named(&spans, "SELECT default")), "{spans:#?}");
    assert_eq!(named(&spans, "SELECT default").told("db.query.text"), "SELECT $1");
    // What is no query has its own span, and so has what is refused at the door.
    let forget = proxy.request("POST", "/invalidate").bearer(proxy.key()).json(&json!({ "tags": "all" }));
    forget.header("traceparent", format!("00-{}-{PARENT}-01", "2".repeat(32))).send().await.expect(200);
    let stranger = proxy.request("POST", "/sql").bearer("herring-mackerel");
    stranger.header("traceparent", format!("00-{}-{PARENT}-01", "3".repeat(32))).send().await.expect(401);
    let lost = proxy.request("GET", "/herring").bearer("mackerel");
    lost.header("traceparent", format!("00-{}-{PARENT}-01", "4".repeat(32))).send().await.expect(404);
    for (trace, name, status) in [("2", "POST /invalidate", "200"), ("3", "POST /sql", "401"), ("4", "GET", "404")] {
        let spans = collector.trace(&trace.repeat(32), 1).await;
        assert_eq!((spans[0].name(), spans[0].told("http.response.status_code")), (name, status), "{spans:#?}");
    }
    for secret in ["herring", "mackerel"] {
        assert!(!collector.bodies().concat().contains(secret), "{secret} is told");
    }
}

#[tokio::test]
async fn the_caller_decides_for_its_trace_and_the_sample_for_the_others() {
    let database = fresh_database().await;
    for sample in ["0", "1"] {
        let collector = Collector::start().await;
        let proxy = told(Proxy::builder().database(&database), &collector).env("POOL_PROXY_LOG", "json,debug");
        let proxy = proxy.env("POOL_PROXY_TRACE_SAMPLE", sample).start().await;
        let ask = |traceparent: Option<String>, id: &str| {
            let request = proxy.sql_request(&json!({ "query": "SELECT 1" })).header("x-request-id", id);
            traceparent.into_iter().fold(request, |request, text| request.header("traceparent", text)).send()
        };
        ask(Some(format!("00-{TRACE}-{PARENT}-00")), "not-sampled").await.expect(200);
        ask(None, "without").await.expect(200);
        ask(Some(format!("00-{TRACE}-{PARENT}-01-more")), "malformed").await.expect(200);
        ask(Some(sampled()), "sampled").await.expect(200);
        ask(Some(format!("00-{}-{PARENT}-03", "5".repeat(32))), "random").await.expect(200);
        let count = if sample == "0" { 6 } else { 12 };
        let spans = eventually(|| async {
            let spans = collector.spans();
            if spans.len() >= count { Ok(spans) } else { Err(format!("{spans:#?}")) }
        });
        let spans = spans.await;
        assert_eq!(spans.len(), count, "{spans:#?}");
        let of = |id: &str| {
            spans.iter().find(|span| span.told("pool_proxy.request_id") == id).map(|span| (span.trace(), span.parent()))
        };
        assert_eq!(of("not-sampled"), None);
        assert_eq!(of("sampled"), Some((TRACE, PARENT)));
        assert_eq!(of("random"), Some((&*"5".repeat(32), PARENT)));
        for id in ["without", "malformed"] {
            let Some((trace, parent)) = of(id) else {
                assert_eq!(sample, "0", "{id}: {spans:#?}");
                continue;
            };
            assert_eq!((sample, parent), ("1", ""), "{id}: {spans:#?}");
            assert_ne!(trace, TRACE, "a new one");
            // The log tells it, too.
            let line = format!("\"trace_id\":\"{trace}\"");
            eventually(|| async { proxy.stderr().lines().any(|said| said.contains(id) && said.contains(&line)) }).await;
        }
    }
}
