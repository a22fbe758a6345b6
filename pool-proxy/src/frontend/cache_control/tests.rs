use std::time::Duration;

use hyper::HeaderMap;

use super::{CacheMode, CacheStatus, Forward, Wish, cache_status};
use crate::frontend::credentials::Credentials;

fn wish(control: &str, tags: &str, options: &[(&str, &str)]) -> Result<Option<Wish>, String> {
    let mut headers = HeaderMap::new();
    if !control.is_empty() {
        headers.insert("cache-control", control.parse().unwrap());
    }
    if !tags.is_empty() {
        headers.insert("cache-tag", tags.parse().unwrap());
    }
    let options = options.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    let credentials = Credentials { options, ..Credentials::default() };
    Wish::from_request(&headers, &credentials, &super::SQL, false).map_err(|failure| failure.to_string())
}

#[test]
fn reads_what_is_wished() {
    assert_eq!(wish("", "", &[]), Ok(None));
    assert_eq!(wish("no-cache", "", &[]), Ok(None));
    let full = wish("max-age=60, stale-while-revalidate=30", "a, b", &[]).unwrap().unwrap();
    assert_eq!((full.max_age, full.stale_while_revalidate), (Duration::from_mins(1), Duration::from_secs(30)));
    assert_eq!(full.tags.iter().count(), 2);
    assert_eq!(wish("no-store", "", &[]).unwrap().unwrap().mode, CacheMode::Bypass);
    assert_eq!(wish("no-cache, max-age=5", "", &[]).unwrap().unwrap().mode, CacheMode::Refresh);
}

#[test]
fn a_header_beats_the_connection_string() {
    let options = [("cache_max_age", "60"), ("cache_swr", "5"), ("cache_tags", "a")];
    let from_url = wish("", "", &options).unwrap().unwrap();
    assert_eq!(from_url.max_age, Duration::from_mins(1));
    assert_eq!(from_url.tags.iter().count(), 1);
    assert_eq!(wish("max-age=1", "", &options).unwrap().unwrap().max_age, Duration::from_secs(1));
    assert_eq!(wish("no-store", "", &options).unwrap().unwrap().mode, CacheMode::Bypass);
}

#[test]
fn names_what_is_wrong() {
    for (control, tags) in [("max-age=soon", ""), ("max-age=-1", ""), ("max-age=1", "a,b,c,d,e,f"), ("max-age=1", "ä")]
    {
        assert!(wish(control, tags, &[]).is_err(), "{control} {tags}");
    }
}

#[test]
fn tells_what_happened() {
    let forward = |reason, stored, collapsed| CacheStatus::Forward { reason, stored, collapsed, detail: None };
    for (status, expected) in [
        (CacheStatus::Hit { ttl: Some(41) }, "pool-proxy; hit; ttl=41"),
        (CacheStatus::Hit { ttl: Some(-3) }, "pool-proxy; hit; ttl=-3"),
        (CacheStatus::Hit { ttl: None }, "pool-proxy; hit"),
        (forward(Forward::Miss, true, false), "pool-proxy; fwd=miss; stored"),
        (forward(Forward::Miss, false, true), "pool-proxy; fwd=miss; collapsed"),
        (forward(Forward::Request, true, false), "pool-proxy; fwd=request; stored"),
        (CacheStatus::bypass("volatile"), "pool-proxy; fwd=bypass; detail=volatile"),
    ] {
        assert_eq!(cache_status(status), expected);
    }
}
