use std::collections::BTreeSet;
use std::time::Duration;

use harness::{Dice, cases};
use hyper::HeaderMap;
use hyper::header::{CACHE_CONTROL, HeaderName, HeaderValue};

use super::{CacheMode, CacheStatus, Forward, LONGEST, Lsn, Wish, bookmark, cache_status};
use crate::error::Failure;
use crate::frontend::credentials::Credentials;
use crate::frontend::heads::Heads;

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
    Wish::from_request(Heads::of(&headers), &credentials, &super::SQL, false).map_err(|failure| failure.to_string())
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

#[test]
fn what_is_wished_is_what_is_read() {
    let mut dice = Dice::new();
    for _ in 0..cases(5000) {
        let (age, swr) = (dice.bits() >> dice.below(64), dice.bits() >> dice.below(64));
        let tags: BTreeSet<String> = (0..=dice.below(5)).map(|_| format!("t_{}", dice.below(9))).collect();
        let name = dice.pick(&["max-age", "Max-Age", "MAX-AGE"]);
        let (sep, quote) = (dice.pick(&[",", ", ", " ,\t", ",,"]), dice.pick(&["", "\""]));
        let unknown = dice.pick(&["", "private", "x=y", "max-stale=7"]);
        let control = format!("{unknown}{sep}{name}={quote}{age}{quote}{sep}stale-while-revalidate={swr}");
        let listed: Vec<&str> = tags.iter().map(String::as_str).collect();
        let wish = wish(&control, &listed.join(sep.replace(",,", ",").as_str()), &[]);
        let wish = wish.unwrap().unwrap_or_else(|| panic!("{control}"));
        let at_most = |seconds: u64| Duration::from_secs(seconds.min(LONGEST));
        assert_eq!((wish.max_age, wish.stale_while_revalidate), (at_most(age), at_most(swr)), "{control}");
        assert!(wish.tags.iter().map(ToString::to_string).eq(tags), "{control}");
        let place = Lsn(dice.bits());
        let headers: HeaderMap = [(super::BOOKMARK.clone(), place.to_string().parse().unwrap())].into_iter().collect();
        assert_eq!(bookmark(Heads::of(&headers), &Credentials::default()).unwrap(), Some(place));
    }
}

#[test]
fn whatever_is_wished_is_read_or_refused() {
    const PIECES: &[&str] = &[
        "max-age",
        "stale-while-revalidate",
        "no-store",
        "no-cache",
        "=",
        ",",
        " ",
        "\"",
        "0",
        "60",
        "-1",
        "+1",
        "1e3",
        "18446744073709551616",
        "a",
        "_",
        "\t",
        "0/0",
        "FFFFFFFF/FFFFFFFF",
        "é",
        "1.5",
    ];
    let mut dice = Dice::new();
    for _ in 0..cases(20_000) {
        let mut headers = HeaderMap::new();
        for name in [CACHE_CONTROL, HeaderName::from_static("cache-tag"), super::BOOKMARK.clone()] {
            for _ in 0..dice.below(3) {
                let value = if dice.once_in(4) { dice.bytes(20) } else { dice.pieces(PIECES, 9).into_bytes() };
                headers.extend(HeaderValue::from_bytes(&value).ok().map(|value| (name.clone(), value)));
            }
        }
        let option = |dice: &mut Dice, name: &str| (name.to_owned(), dice.pieces(PIECES, 4));
        let options =
            ["cache_max_age", "cache_swr", "cache_tags", "bookmark"].map(|name| option(&mut dice, name)).into();
        let credentials = Credentials { options, ..Credentials::default() };
        for by_itself in [true, false] {
            match Wish::from_request(Heads::of(&headers), &credentials, &super::SQL, by_itself) {
                Ok(Some(wish)) => assert!(wish.max_age.as_secs() <= LONGEST && wish.tags.iter().count() <= 5),
                Ok(None) => assert!(!by_itself, "{headers:?}"),
                Err(failure) => assert!(matches!(failure, Failure::BadRequest(_)), "{failure:?}: {headers:?}"),
            }
        }
    }
}
