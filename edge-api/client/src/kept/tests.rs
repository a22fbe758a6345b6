use std::time::Duration;

use serde_json::json;

use super::{Kept, is_tag};
use crate::cache::Cache;
use crate::client::Client;
use crate::error::Error;
use crate::scripted::{Scripted, refused, result, step};
use crate::transport::Response;

const TAG: &str = "W/\"one\"";

fn with(mut response: Response, headers: &[(&str, &str)]) -> Response {
    response.headers.extend(headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    response
}

fn rows(value: &str, headers: &[(&str, &str)]) -> Response {
    with(result(&[("n", 23)], &json!([[value]])), headers)
}

fn unchanged(headers: &[(&str, &str)]) -> Response {
    with(Response { status: 304, headers: vec![], body: vec![] }, headers)
}

async fn ask(client: &Client, copy: Option<&Kept<i32>>) -> Result<Kept<i32>, Error> {
    let query = client.query_scalar("SELECT n FROM t").cache(Cache::ttl(Duration::from_mins(1)));
    query.revalidate(copy).await
}

/// What each request has sent in a header.
fn sent(script: &Scripted, header: &str) -> Vec<Option<String>> {
    script
        .record(|record| record.requests.iter().map(|(request, _)| request.header(header).map(str::to_owned)).collect())
}

#[tokio::test]
async fn rows_are_sent_again_only_if_they_are_others() {
    let script = Scripted::new([
        step(Ok(rows("1", &[("ETag", TAG), ("Cache-Status", "pool-proxy; fwd=miss; stored")]))),
        step(Ok(unchanged(&[("etag", "\"one\""), ("cache-status", "pool-proxy; hit; ttl=9"), ("age", "51")]))),
        step(Ok(rows("2", &[("etag", "W/\"two\"")]))),
        step(Ok(rows("3", &[]))),
        step(Ok(rows("4", &[("etag", "not one")]))),
        step(Ok(rows("5", &[]))),
    ]);
    let client = script.client();
    let mut copy: Option<Kept<i32>> = None;
    let mut seen = vec![];
    for _ in 0..6 {
        let kept = ask(&client, copy.as_ref()).await.unwrap();
        seen.push((kept.rows[0], kept.unchanged, kept.age.map(|age| age.as_secs())));
        copy = Some(kept);
    }
    let new = |n| (n, false, None);
    assert_eq!(seen, [new(1), (1, true, Some(51)), new(2), new(3), new(4), new(5)]);
    let tag = |tag: &str| Some(tag.to_owned());
    assert_eq!(sent(&script, "if-none-match"), [None, tag(TAG), tag("\"one\""), tag("W/\"two\""), None, None]);
    assert_eq!(sent(&script, "cache-control").len(), 6);
}

#[tokio::test]
async fn an_answer_that_was_not_asked_for_is_none() {
    let script = Scripted::new([
        step(Ok(unchanged(&[("etag", TAG)]))),
        step(Ok(rows("1", &[("etag", TAG)]))),
        step(Ok(unchanged(&[("etag", "W/\"other\"")]))),
        step(Ok(unchanged(&[]))),
        step(Ok(refused("42P01"))),
    ]);
    let client = script.client();
    assert!(ask(&client, None).await.unwrap_err().is_foreign());
    let copy = ask(&client, None).await.unwrap();
    for _ in 0..2 {
        let error = ask(&client, Some(&copy)).await.unwrap_err();
        assert!(error.is_foreign() && !error.outcome_unknown(), "{error}");
    }
    assert_eq!(ask(&client, Some(&copy)).await.unwrap_err().sqlstate(), Some("42P01"));
}

#[tokio::test]
async fn a_copy_that_was_read_in_another_way_is_not_asked_about() {
    let script = Scripted::new([step(Ok(rows("1", &[("etag", TAG)]))), step(Ok(rows("1", &[("etag", TAG)])))]);
    let client = script.client();
    let copy = ask(&client, None).await.unwrap();
    let query = client.query_as::<i32>("SELECT n FROM t").read_only();
    assert!(!query.revalidate(Some(&copy)).await.unwrap().unchanged);
    assert_eq!(sent(&script, "if-none-match"), [None, None]);
    assert_eq!(format!("{copy:?}").matches("rows: 1").count(), 1);
}

#[tokio::test]
async fn a_session_carries_the_latest_bookmark() {
    let told = ["0/9", "0/A", "soon", "0/2", "1/0"].map(|place| step(Ok(rows("1", &[("pool-bookmark", place)]))));
    let script = Scripted::new(told.into_iter().chain([step(Ok(rows("1", &[]))), step(Ok(rows("1", &[])))]));
    let client = script.client().with_session(Some("0/1".parse().unwrap()));
    let clone = client.clone().with_deadline(Duration::from_secs(1));
    client.query("SELECT 1").execute().await.unwrap();
    for client in [&clone, &client, &clone, &client, &clone] {
        ask(client, None).await.unwrap();
    }
    assert_eq!(client.bookmark(), "1/0".parse().ok());
    let elsewhere = client.clone().with_database("other");
    ask(&elsewhere, None).await.unwrap();
    let place = |place: &str| Some(place.to_owned());
    let expected = ["0/1", "0/9", "0/A", "0/A", "0/A", "1/0"].map(place);
    assert_eq!(sent(&script, "pool-bookmark"), [&expected[..], &[None]].concat());
    assert_eq!((elsewhere.bookmark(), script.client().bookmark()), (None, None));
}

#[test]
fn tags_are_sent_as_they_came_or_not_at_all() {
    for tag in ["\"\"", "W/\"x\"", "\"a,b/+=_-\""] {
        assert!(is_tag(tag), "{tag}");
    }
    for tag in ["", "\"", "x", "*", "W/x", "w/\"x\"", "\"a\", \"b\"", "\"a b\"", "\"a\"\r\nx: \"b\"", "\"ä\""] {
        assert!(!is_tag(tag), "{tag}");
    }
}
