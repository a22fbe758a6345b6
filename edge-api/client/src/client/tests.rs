use std::time::Duration;

use serde_json::json;

use crate::batch::Isolation;
use crate::cache::Cache;
use crate::client::Client;
use crate::scripted::{Scripted, answer, forgotten, healthy, refusal, result, step, table};
use crate::statement::sql;
use crate::transport::Response;

const MINUTE: Duration = Duration::from_mins(1);

fn fine() -> Scripted {
    Scripted::new([step(Ok(result(&[("n", 23)], &json!([["1"]]))))])
}

#[tokio::test]
async fn a_query_says_who_asks_for_what() {
    let script = fine();
    let client = script.client().with_database("blog").with_request_id("r.1-a_B");
    let done = client.query("UPDATE t SET a = $1").bind(1).bind(None::<i32>).execute().await.unwrap();
    assert_eq!((done.rows_affected, &*done.command), (Some(1), "SELECT"));
    for (name, expected) in [
        ("authorization", Some("Bearer secret-key")),
        ("content-type", Some("application/json")),
        ("pool-database", Some("blog")),
        ("x-request-id", Some("r.1-a_B")),
        ("neon-raw-text-output", Some("true")),
        ("neon-array-mode", Some("true")),
        ("cache-control", None),
        ("cache-tag", None),
        ("neon-batch-read-only", None),
    ] {
        assert_eq!(script.header(name).as_deref(), expected, "{name}");
    }
    assert_eq!(script.body(), json!({ "query": "UPDATE t SET a = $1", "params": [1, null] }));
    assert_eq!(script.record(|record| (record.requests[0].0.method, record.requests[0].0.path)), ("POST", "/sql"));
    assert_eq!(script.record(|record| record.requests[0].1), Duration::from_secs(20));
}

#[tokio::test]
async fn hints_become_headers() {
    let script = fine();
    let hints = Cache::ttl(MINUTE).swr(MINUTE).tags(["a", "b"]);
    let rows = script.client().query_scalar::<i32>("SELECT 1").cache(hints).fetch().await.unwrap();
    assert_eq!(rows.rows, [1]);
    assert!(!rows.is_hit());
    assert_eq!(script.header("cache-control").as_deref(), Some("max-age=60, stale-while-revalidate=60"));
    assert_eq!(script.header("cache-tag").as_deref(), Some("a,b"));
}

#[tokio::test]
async fn an_answer_says_how_it_came_about() {
    let mut hit = result(&[("n", 23)], &json!([["1"]]));
    for (name, value) in [
        ("Cache-Status", "pool-proxy; hit; ttl=41"),
        ("Age", "19"),
        ("X-Request-Id", "theirs"),
        ("Server-Timing", "auth;dur=0.1"),
    ] {
        hit.headers.push((name.to_owned(), value.to_owned()));
    }
    let script = Scripted::new([step(Ok(hit.clone())), step(Ok(hit))]);
    let rows = script.client().query_as::<(i32,)>("SELECT 1").fetch().await.unwrap();
    assert!(rows.is_hit());
    assert_eq!(rows.cache_status.as_deref(), Some("pool-proxy; hit; ttl=41"));
    assert_eq!(rows.age, Some(Duration::from_secs(19)));
    assert_eq!(rows.request_id.as_deref(), Some("theirs"));
    assert_eq!(rows.server_timing.as_deref(), Some("auth;dur=0.1"));
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [(1,)]);
    let done = script.client().query("SELECT 1").execute().await.unwrap();
    assert_eq!((done.request_id.as_deref(), done.server_timing.as_deref()), (Some("theirs"), Some("auth;dur=0.1")));
}

#[tokio::test]
async fn a_batch_becomes_one_request() {
    let results = json!({ "results": [table(&[("a", 25)], &json!([["x"], [null]])), table(&[("n", 20)], &json!([]))] });
    let script = Scripted::new([step(Ok(answer(200, &results)))]);
    let batch = script.client().batch().isolation(Isolation::Serializable).read_only().deferrable();
    let batch = batch.add(sql("SELECT $1").bind("x")).add("SELECT 2").deadline(MINUTE);
    let results = batch.run().await.unwrap();
    assert_eq!(
        script.body(),
        json!({ "queries": [{ "query": "SELECT $1", "params": ["x"] }, { "query": "SELECT 2", "params": [] }] })
    );
    for (name, expected) in [
        ("neon-batch-isolation-level", "Serializable"),
        ("neon-batch-read-only", "true"),
        ("neon-batch-deferrable", "true"),
        ("neon-array-mode", "true"),
    ] {
        assert_eq!(script.header(name).as_deref(), Some(expected), "{name}");
    }
    assert_eq!(script.record(|record| record.requests[0].1), MINUTE);
    assert_eq!(results.len(), 2);
    assert_eq!(results.done(0).unwrap().rows_affected, Some(2));
    assert_eq!(results.rows::<(Option<String>,)>(0).unwrap(), [(Some("x".to_owned()),), (None,)]);
    assert_eq!(results.optional::<i64>(1).unwrap(), None);
    assert!(results.one::<i64>(1).unwrap_err().is_not_found());
    let misfit = results.rows::<(String,)>(0).unwrap_err();
    assert_eq!(misfit.query_index(), Some(0), "{misfit}");
    for error in [results.done(2).unwrap_err(), results.rows::<i64>(2).unwrap_err()] {
        assert!(error.to_string().contains("no result 2"), "{error}");
    }
}

#[tokio::test]
async fn one_is_one_and_optional_at_most_one() {
    let rows = [json!([]), json!([["1"]]), json!([["1"], ["2"]])];
    for (count, rows) in rows.iter().enumerate() {
        let steps = || step(Ok(result(&[("n", 23)], rows)));
        let script = Scripted::new([steps(), steps(), steps()]);
        let query = || script.client().query_scalar::<i32>("SELECT n");
        let (one, optional, all) = (query().one().await, query().optional().await, query().all().await);
        assert_eq!(one.as_ref().ok(), (count == 1).then_some(&1));
        assert_eq!(one.err().map(|error| error.is_not_found()), [Some(true), None, Some(false)][count]);
        assert_eq!(optional.ok(), [Some(None), Some(Some(1)), None][count]);
        assert_eq!(all.unwrap().len(), count);
    }
}

#[tokio::test]
async fn invalidations_and_health_have_paths_of_their_own() {
    let done = step(Ok(forgotten()));
    let script = Scripted::new([done.clone(), done, step(Ok(healthy()))]);
    let client = script.client();
    client.invalidate(["a", "b"]).await.unwrap();
    client.invalidate_all().await.unwrap();
    client.health().await.unwrap();
    let asked = script.record(|record| {
        let asked = record.requests.iter().map(|(request, _)| {
            let body = String::from_utf8(request.body.clone()).unwrap();
            (request.method, request.path, request.header("authorization").is_some(), body)
        });
        asked.collect::<Vec<_>>()
    });
    let expected = [
        ("POST", "/invalidate", true, r#"{"tags":["a","b"]}"#.to_owned()),
        ("POST", "/invalidate", true, r#"{"tags":"all"}"#.to_owned()),
        ("GET", "/health", false, String::new()),
    ];
    assert_eq!(asked, expected);
}

#[tokio::test]
async fn only_a_pool_proxy_is_healthy() {
    let ask = |response: Response| async move {
        let script = Scripted::new([step(Ok(response))]);
        script.client().with_request_id("own").with_retries(0).health().await
    };
    ask(healthy()).await.unwrap();
    let other = |status, body: &str| Response { status, body: body.into(), ..healthy() };
    let bare = Response { headers: vec![], ..healthy() };
    // As the edge API says it of itself.
    let edge = Response { headers: vec![("X-Request-Id".to_owned(), "r-1".to_owned())], ..healthy() };
    for response in [
        bare,
        edge,
        other(200, "<html>secret</html>"),
        other(200, r#"{"status":"secret"}"#),
        other(200, ""),
        other(204, ""),
        other(301, ""),
        other(404, "ok"),
    ] {
        let status = response.status;
        let error = ask(response).await.unwrap_err();
        assert!(error.is_foreign() && !error.is_unavailable() && !error.is_timeout(), "{error}");
        assert!(!error.outcome_unknown() && !error.is_retryable(), "{error}");
        assert_eq!((error.status(), error.request_id()), (Some(status), Some("own")));
        assert_eq!(error.to_string().contains("no pool-proxy"), status < 300, "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let error = ask(refusal(503, &json!({}))).await.unwrap_err();
    assert!(error.is_unavailable() && !error.is_foreign(), "{error}");
}

#[tokio::test]
async fn only_a_pool_proxy_forgets() {
    let page = |status, body: &str| Response { status, body: body.into(), headers: vec![] };
    for (response, proxy) in [
        (page(200, "{}"), true),
        (page(200, " { }\n"), true),
        (page(200, "ok\n"), false),
        (page(200, "<html>secret</html>"), false),
        (page(200, r#"{"status":"secret"}"#), false),
        (page(200, "[]"), false),
        (page(200, "{}{}"), false),
        (page(200, ""), false),
        (page(202, "{}"), false),
        (page(204, ""), false),
    ] {
        let script = Scripted::new([step(Ok(response.clone())), step(Ok(response.clone()))]);
        let client = script.client().with_request_id("own").with_retries(0);
        for came in [client.invalidate(["a"]).await, client.invalidate_all().await] {
            assert_eq!(came.is_ok(), proxy, "{:?}", response.body);
            let Err(error) = came else { continue };
            assert!(error.is_foreign() && !error.is_unavailable() && !error.is_retryable(), "{error}");
            assert_eq!((error.status(), error.request_id()), (Some(response.status), Some("own")));
            assert!(error.to_string().contains("no pool-proxy") && !error.to_string().contains("secret"), "{error}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_sent_is_not() {
    let script = Scripted::default();
    let client = script.client();
    let key = |key: &str| Client::new(script.clone(), key);
    for client in [
        key(""),
        key("a\r\nb"),
        key("ä"),
        key(" a"),
        key("a\t"),
        client.clone().with_database("a\nb"),
        client.clone().with_database(""),
    ] {
        client.query("SELECT 1").execute().await.unwrap_err();
        client.invalidate_all().await.unwrap_err();
    }
    for tags in [vec![], vec!["a b"], vec![""], vec!["a"; 6]] {
        client.invalidate(tags).await.unwrap_err();
    }
    client.query_scalar::<i32>("SELECT 1").cache(Cache::ttl(MINUTE).tag("a\r\nb")).all().await.unwrap_err();
    let keyed = std::collections::BTreeMap::from([(vec![1], 2)]);
    let error = client.query("SELECT $1, $2").bind(1).bind(crate::Json(keyed.clone())).execute().await.unwrap_err();
    assert!(error.to_string().contains("$2"), "{error}");
    let batch = client.batch().add("SELECT 1").add(sql("SELECT $1").bind(crate::Json(keyed)));
    assert_eq!(batch.run().await.unwrap_err().query_index(), Some(1));
    assert_eq!(script.count(), 0);
}

#[tokio::test]
async fn a_key_may_hold_spaces() {
    let script = fine();
    Client::new(script.clone(), "a b, c").query("SELECT 1").execute().await.unwrap();
    assert_eq!(script.header("authorization").as_deref(), Some("Bearer a b, c"));
}

#[tokio::test]
async fn an_id_that_the_proxy_would_not_take_is_left_away() {
    let long = "x".repeat(129);
    for id in ["", "a b", "a\r\nb", "ä", &long] {
        let script = fine();
        script.client().with_request_id(id).query("SELECT 1").execute().await.unwrap();
        assert_eq!(script.header("x-request-id"), None, "{id}");
    }
}

#[test]
fn clients_and_their_futures_may_travel() {
    fn travels<T: Send>(_: &T) {}
    /// What rows become need not travel itself.
    #[derive(serde::Deserialize)]
    struct Stays(#[serde(skip)] std::marker::PhantomData<*const ()>);
    let client = fine().client();
    travels(&client.query("SELECT 1").execute());
    travels(&client.query_as::<Stays>("SELECT 1").one());
    travels(&client.batch().run());
    travels(&client.invalidate(["a"]));
    travels(&client.health());
}
