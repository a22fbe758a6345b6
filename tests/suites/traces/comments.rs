//! The trace in Postgres's own log, by a comment behind each statement, and what that leaves as it is.

use harness::{Postgres, Proxy, ProxyBuilder, eventually};
use serde_json::json;

use super::collector::named;
use super::{Collector, PARENT, TRACE, sampled, told};
use crate::sql::served::Served;
use crate::transactions::open::Open;
use crate::transactions::plan;

/// A proxy whose statements have comments.
async fn commented(setup: &str) -> (Served, Collector) {
    let collector = Collector::start().await;
    let served = Served::with(setup, |proxy| with_comments(proxy, &collector)).await;
    (served, collector)
}

/// What belongs to no trace is not recorded.
fn with_comments(proxy: ProxyBuilder, collector: &Collector) -> ProxyBuilder {
    told(proxy, collector).config("[trace]\nsample = 0\nsql_comment = true\n")
}

#[tokio::test]
async fn postgres_logs_which_trace_a_statement_is_of() {
    let postgres = Postgres::start(&mut |_| {}).unwrap();
    let collector = Collector::start().await;
    let proxy = with_comments(Proxy::builder().database_url(postgres.url()), &collector).start().await;
    let settings = "ALTER SYSTEM SET log_line_prefix = 'id=%Q '; ALTER SYSTEM SET compute_query_id = 'on'; \
        ALTER SYSTEM SET log_min_duration_statement = 0; SELECT pg_reload_conf()";
    for statement in settings.split("; ") {
        proxy.sql(json!({ "query": statement })).await.expect(200);
    }
    let lines = || -> Vec<String> {
        let log = postgres.log();
        log.lines().filter(|line| line.contains("execute") && line.contains("herring")).map(str::to_owned).collect()
    };
    eventually(|| async {
        proxy.sql(json!({ "query": "SELECT 1 AS herring" })).await.expect(200);
        lines().iter().any(|line| !line.contains("id=0 "))
    })
    .await;
    // Not sampled: nothing but the statement.
    assert!(lines().iter().all(|line| line.ends_with("SELECT 1 AS herring")), "{:?}", lines());
    let sent = proxy.sql_request(&json!({ "query": "SELECT 1 AS herring" })).header("traceparent", sampled());
    sent.send().await.expect(200);
    let statement = named(&collector.trace(TRACE, 3).await, "SELECT default").clone();
    let comment = format!("SELECT 1 AS herring /*traceparent='00-{TRACE}-{}-01'*/", statement.id());
    let found =
        eventually(|| async { lines().into_iter().find(|line| line.ends_with(&comment)).ok_or(postgres.log()) });
    // pg_stat_statements counts by this.
    let id = |line: &str| line.split_whitespace().find_map(|word| word.strip_prefix("id=").map(str::to_owned)).unwrap();
    let found = found.await;
    let plain = lines().into_iter().find(|line| line.ends_with("SELECT 1 AS herring") && id(line) != "0").unwrap();
    assert_eq!(id(&found), id(&plain));
}

#[tokio::test]
async fn whatever_is_asked_is_answered_as_without() {
    let (served, collector) = commented("CREATE TABLE fish (n int)").await;
    let ask = |query: &str, traced: bool| {
        let request = served.proxy.sql_request(&json!({ "query": query, "arrayMode": true }));
        let request = if traced { request.header("traceparent", sampled()) } else { request };
        let query = query.to_owned();
        async move {
            let answer = request.send().await;
            let mut body = answer.body;
            if let Some(body) = body.as_object_mut() {
                body.remove("requestId");
            }
            (query, answer.status.as_u16(), body)
        }
    };
    let mut commented = 0;
    for (query, has_comment) in [
        ("SELECT current_query()", true),
        ("SELECT current_query();", true),
        ("SELECT current_query() ; ", true),
        ("SELECT current_query() -- to the end", true),
        ("SELECT current_query() /* within */", true),
        ("SELECT 1 + ", false),
        ("SELECT 1 +\n", false),
        ("SELECT 'né' +", false),
        ("SELECT herring FROM fish", false),
        ("SELECT 'not closed", false),
        ("SELECT \"not closed", false),
        ("SELECT $$not closed", false),
        ("SELECT 1 /* not closed", false),
        ("SELECT E'\\' 'herring", false),
        ("SELECT 'herring'::int", false),
        ("SELECT 1; SELECT 2", false),
        ("SELECT 1 WHERE", false),
        ("(SELECT 1", false),
        ("SELEC 1", false),
        (";", false),
        ("", false),
        ("-- nothing", false),
        ("INSERT INTO fish VALUES (1) RETURNING n", false),
        ("INSERT INTO fish VALUES (1)", false),
        ("SET search_path = public", false),
        ("SHOW search_path", false),
        ("COMMIT", false),
        ("SELECT 1 /*traceparent='mine'*/", false),
    ] {
        // At first sight Postgres is asked to run it, and later what it is, too.
        let (new, plain, traced) = (ask(query, true).await, ask(query, false).await, ask(query, true).await);
        if !has_comment {
            assert_eq!(new, plain);
            assert_eq!(traced, plain);
            continue;
        }
        let seen = traced.2["rows"][0][0].as_str().unwrap();
        assert!(seen.starts_with(query) && seen.ends_with("-01'*/"), "{query}: {seen}");
        assert!(seen.contains(&format!("/*traceparent='00-{TRACE}-")), "{query}: {seen}");
        assert_eq!(plain.2["rows"][0][0], query);
        commented += 1;
    }
    assert_eq!(commented, 5);
    drop(collector);
}

#[tokio::test]
async fn nothing_stays_prepared_and_nothing_is_counted_apart() {
    let (served, collector) = commented("CREATE TABLE fish (n int); INSERT INTO fish VALUES (1)").await;
    let prepared = async || served.value("SELECT count(*)::int FROM pg_prepared_statements").await.as_i64().unwrap();
    let traced = |query: &str, control: &str| {
        let request = served.proxy.sql_request(&json!({ "query": query })).header("cache-control", control);
        request.header("traceparent", sampled()).send()
    };
    // One connection after the other may be asked, so each has had its chance.
    for _ in 0..20 {
        traced("SELECT n FROM fish", "no-store").await.expect(200);
    }
    let before = prepared().await;
    for _ in 0..50 {
        traced("SELECT n FROM fish", "no-store").await.expect(200);
    }
    let after = prepared().await;
    assert!(after <= before + 1, "{before} {after}");
    let seen = "SELECT count(*)::int FROM pg_prepared_statements WHERE statement LIKE '%trace' || 'parent%'";
    assert_eq!(served.value(seen).await, 0);
    // The same answer for all, whatever their traces are.
    assert!(traced("SELECT 7 AS n", "max-age=600").await.header("cache-status").contains("fwd=miss"));
    assert!(traced("SELECT 7 AS n", "max-age=600").await.header("cache-status").contains("hit"));
    let plain = served.proxy.sql_request(&json!({ "query": "SELECT 7 AS n" })).header("cache-control", "max-age=600");
    assert!(plain.send().await.header("cache-status").contains("hit"));
    let told = served.proxy.ops_request("GET", "/statements?limit=1000").send().await.expect(200);
    let all = told.body["statements"].as_array().unwrap();
    let calls: Vec<_> = all.iter().filter(|one| one["text"] == "SELECT n FROM fish").map(|one| &one["calls"]).collect();
    assert_eq!(calls, [&json!(70)], "{}", told.text);
    assert!(!told.text.contains("traceparent"), "{}", told.text);
    assert!(!collector.bodies().concat().contains("traceparent"));
}

#[tokio::test]
async fn every_way_to_ask_has_it() {
    let (served, _collector) = commented("CREATE TABLE seen (text text, n int)").await;
    let proxy = &served.proxy;
    let note = |way: &str| format!("INSERT INTO seen SELECT current_query(), '{way}'::text::int");
    let sampled = sampled();
    let sql = |body| proxy.sql_request(&body).header("traceparent", &sampled);
    let queries = ["1", "2", "3"].map(|way| json!({ "query": note(way), "params": [] }));
    sql(json!({ "queries": queries })).send().await.expect(200);
    sql(json!({ "query": note("4") })).header("idempotency-key", "k-1").send().await.expect(200);
    let repeated = sql(json!({ "query": note("4") })).header("idempotency-key", "k-1").send().await.expect(200);
    assert_eq!(repeated.header("idempotency-replayed"), "true");
    let open = Open::begin(proxy).await;
    open.request(&note("5")).header("traceparent", &sampled).send().await.expect(200);
    open.plan_request(&plan(&note("6"))).header("traceparent", &sampled).send().await.expect(200);
    open.end("commit").await.expect(200);
    let ask = proxy.request("POST", "/query").bearer(proxy.key()).header("traceparent", &sampled);
    ask.json(&plan(&note("7"))).send().await.expect(200);
    let rows = served.database.client().await.query("SELECT n, text FROM seen ORDER BY n", &[]).await.unwrap();
    let numbers: Vec<i32> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6, 7]);
    let mut ids = std::collections::BTreeSet::new();
    for row in &rows {
        let text: String = row.get(1);
        let (_, comment) = text.split_once(&format!("/*traceparent='00-{TRACE}-")).unwrap_or_else(|| panic!("{text}"));
        assert!(ids.insert(comment.to_owned()) && !comment.starts_with(PARENT), "{text}");
    }
}
