use harness::{Dice, cases};
use serde_json::json;

use crate::error::Error;
use crate::scripted::{Scripted, answer, result, step, table};
use crate::transport::Response;

/// One answer to one call, with headers.
fn with(mut response: Response, headers: &[(&str, &str)]) -> Scripted {
    response.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    Scripted::new([step(Ok(response))])
}

fn rows(rows: &serde_json::Value) -> Response {
    result(&[("n", 25)], rows)
}

#[tokio::test]
async fn a_hit_is_what_the_proxys_own_cache_answered() {
    for (status, age, expected) in [
        (Some("pool-proxy; hit; ttl=41"), Some("19"), true),
        (Some("pool-proxy; hit"), None, true),
        (Some("pool-proxy;hit;ttl=-3"), Some("60"), true),
        (Some("pool-proxy; hit; ttl=41, edge; fwd=miss"), None, true),
        (Some("edge; fwd=miss, pool-proxy; ttl=41; hit"), None, true),
        (Some("pool-proxy; fwd=miss; stored"), None, false),
        (Some("pool-proxy; fwd=stale; detail=hit"), Some("19"), false),
        (Some("pool-proxy; fwd=miss, edge; hit; ttl=5"), Some("19"), false),
        (Some("not-pool-proxy; hit"), Some("19"), false),
        (Some(""), None, false),
        // A cache in between has put it there.
        (None, Some("19"), false),
        (None, None, false),
    ] {
        let headers: Vec<_> = [("Cache-Status", status), ("Age", age)]
            .into_iter()
            .filter_map(|(name, value)| value.map(|value| (name, value)))
            .collect();
        let script = with(rows(&json!([["x"]])), &headers);
        let rows = script.client().query_scalar::<String>("SELECT 1").fetch().await.unwrap();
        assert_eq!(rows.is_hit(), expected, "{status:?}");
    }
}

/// What has no `Debug` of its own may be in rows that have.
#[derive(serde::Deserialize)]
struct Silent {
    n: String,
}

#[tokio::test]
async fn debug_shows_no_values() {
    let script = with(rows(&json!([["hunter2"], ["hunter3"]])), &[("Cache-Status", "pool-proxy; hit")]);
    let rows = script.client().query_scalar::<String>("SELECT n").fetch().await.unwrap();
    let debug = format!("{rows:?}");
    assert!(debug.contains("rows: 2") && debug.contains("pool-proxy; hit"), "{debug}");
    assert!(!debug.contains("hunter"), "{debug}");

    let script = with(self::rows(&json!([["hunter2"]])), &[]);
    let silent = script.client().query_as::<Silent>("SELECT n").fetch().await.unwrap();
    assert!(silent.rows[0].n == "hunter2" && format!("{silent:?}").contains("rows: 1"));

    let results = json!({ "results": [table(&[("n", 25)], &json!([["hunter2"]]))] });
    let script = with(answer(200, &results), &[]);
    let results = script.client().batch().add("SELECT n").run().await.unwrap();
    assert!(!format!("{results:?} {:?}", results.done(0)).contains("hunter2"), "{results:?}");
}

/// Calls that succeeded and still did not give what was asked for.
async fn failures(headers: &[(&str, &str)]) -> Vec<Error> {
    let ask = |response: Response| with(response, headers);
    let client = |script: Scripted| script.client().with_request_id("own").with_retries(0);
    let none = || ask(rows(&json!([])));
    let two = || ask(rows(&json!([["x"], ["y"]])));
    let unfit = || ask(rows(&json!([["x"]])));
    let page = || ask(Response { status: 200, headers: vec![], body: b"<html>".to_vec() });
    let batch = json!({ "results": [table(&[("n", 25)], &json!([]))] });
    let results = client(ask(answer(200, &batch))).batch().add("SELECT n").run().await.unwrap();
    let many = json!({ "results": [table(&[("n", 25)], &json!([["x"], ["y"]]))] });
    let many = client(ask(answer(200, &many))).batch().add("SELECT n").run().await.unwrap();
    let unread = json!({ "results": [{ "command": "SELECT", "rowCount": 1 }] });
    let unread = client(ask(answer(200, &unread))).batch().add("SELECT n").run().await.unwrap();
    vec![
        client(none()).query_as::<(String,)>("SELECT n").one().await.unwrap_err(),
        client(two()).query_as::<(String,)>("SELECT n").one().await.unwrap_err(),
        client(two()).query_as::<(String,)>("SELECT n").optional().await.unwrap_err(),
        client(unfit()).query_scalar::<i32>("SELECT n").one().await.unwrap_err(),
        client(page()).query_scalar::<i32>("SELECT n").all().await.unwrap_err(),
        client(page()).query("SELECT n").execute().await.unwrap_err(),
        client(page()).batch().add("SELECT n").run().await.unwrap_err(),
        results.one::<(String,)>(0).unwrap_err(),
        results.done(7).unwrap_err(),
        results.rows::<(String,)>(7).unwrap_err(),
        many.one::<(String,)>(0).unwrap_err(),
        many.optional::<(String,)>(0).unwrap_err(),
        many.rows::<(i32,)>(0).unwrap_err(),
        unread.rows::<(i32,)>(0).unwrap_err(),
    ]
}

#[tokio::test]
async fn whatever_an_answer_lacks_has_its_requests_id() {
    for (headers, expected) in [(&[("X-Request-Id", "theirs")][..], "theirs"), (&[], "own")] {
        for (index, error) in failures(headers).await.into_iter().enumerate() {
            assert_eq!(error.request_id(), Some(expected), "{index}: {error}");
        }
    }
}

/// The proxy is trusted, and what stands between may still answer in its place.
#[tokio::test]
async fn whatever_is_answered_is_read_or_an_error() {
    const PIECES: &[&str] = &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\"rows\"",
        "\"fields\"",
        "\"command\"",
        "\"rowCount\"",
        "\"dataTypeID\"",
        "null",
        "-1",
        "1e999",
        "\\ud800",
        "[[[[[[[",
        "é",
        "\"results\":[",
        "\"message\"",
        "\"code\":\"40001\"",
        "<html>",
    ];
    let mut dice = Dice::new();
    let mut read = 0;
    for number in 0..cases(4000) {
        let values = [Some(dice.text(12)), None, Some(dice.text(5))];
        let whole = rows(&json!(values.each_ref().map(|value| [value])));
        let script = Scripted::new([step(Ok(whole.clone()))]);
        let answered = script.client().query_scalar::<Option<String>>("SELECT n").fetch().await.unwrap();
        assert_eq!(answered.rows, values);
        let mut other = whole;
        match number % 4 {
            0 => other.body = dice.bytes(60),
            1 => other.body = dice.pieces(PIECES, 20).into_bytes(),
            _ => dice.spoil(&mut other.body, PIECES),
        }
        other.status = [200, 200, 400, 503, 304, 418][dice.below(6)];
        let header = |dice: &mut Dice, name: &str| {
            (name.to_owned(), dice.pieces(&["0/1", "hit", "pool-proxy", ";", "1", "é"], 5))
        };
        other.headers =
            ["Pool-Bookmark", "Age", "Cache-Status", "Retry-After"].map(|name| header(&mut dice, name)).into();
        let script = || Scripted::new((0..9).map(|_| step(Ok(other.clone()))));
        read += usize::from(script().client().query_scalar::<Option<String>>("SELECT n").fetch().await.is_ok());
        let _ = script().client().query_as::<(i64, String)>("SELECT n").optional().await;
        let batch = script().client().batch();
        let _ = batch.run().await.map(|results| (results.done(0).is_ok(), results.rows::<(String,)>(0).is_ok()));
    }
    assert!(read > cases(4000) / 400, "{read}");
}
