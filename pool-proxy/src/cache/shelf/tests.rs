use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use tokio::time::Instant;

use super::{Entry, Key, Shelf, TagSet, Tags};
use crate::auth::Principal;

fn key(name: &str) -> Key {
    Key::new("db", &Principal::default(), b"", name.as_bytes())
}

fn tags(list: &str) -> TagSet {
    if list.is_empty() { TagSet::default() } else { TagSet::parse(list.split(',')).unwrap() }
}

fn entry(name: &str, database: &str, list: &str) -> Entry {
    let tags = tags(list).tags().clone();
    Entry::new(key(name), database.into(), Bytes::from_static(b"answer"), Instant::now(), Duration::from_mins(1), tags)
}

fn put(shelf: &Shelf, name: &str, database: &str, list: &str) {
    assert!(shelf.store(&shelf.ticket(), entry(name, database, list)));
}

#[tokio::test]
async fn drops_what_carries_a_tag_and_nothing_else() {
    let shelf = Shelf::new(1 << 20);
    put(&shelf, "1", "db", "a,b");
    put(&shelf, "2", "db", "b");
    put(&shelf, "3", "other", "b");
    put(&shelf, "4", "db", "");
    shelf.invalidate(&"db".into(), &Tags::Some(tags("a")));
    assert!(shelf.get(&key("1")).is_none());
    assert!(shelf.get(&key("2")).is_some());
    shelf.invalidate(&"db".into(), &Tags::Some(tags("b,x")));
    assert!(shelf.get(&key("2")).is_none());
    assert!(shelf.get(&key("3")).is_some());
    assert!(shelf.get(&key("4")).is_some());
    shelf.invalidate(&"db".into(), &Tags::All);
    assert!(shelf.get(&key("4")).is_none());
    assert!(shelf.get(&key("3")).is_some());
}

#[tokio::test]
async fn does_not_store_what_was_invalidated_while_it_was_read() {
    let shelf = Shelf::new(1 << 20);
    let ticket = shelf.ticket();
    shelf.invalidate(&"db".into(), &Tags::Some(tags("a")));
    assert!(!shelf.store(&ticket, entry("1", "db", "a")));
    assert!(shelf.get(&key("1")).is_none());
    assert!(shelf.store(&ticket, entry("2", "db", "b")));
    assert!(shelf.store(&shelf.ticket(), entry("1", "db", "a")));
    drop(ticket);
    assert!(shelf.index.lock().unwrap().recent.is_empty());
}

#[tokio::test]
async fn a_hit_adds_its_tags() {
    let shelf = Shelf::new(1 << 20);
    put(&shelf, "1", "db", "a");
    let held = shelf.get(&key("1")).unwrap();
    assert!(!Shelf::carries(&held, &tags("b")));
    shelf.add_tags(&held, &tags("b"), None);
    assert!(Shelf::carries(&held, &tags("a,b")));
    shelf.invalidate(&"db".into(), &Tags::Some(tags("b")));
    assert!(shelf.get(&key("1")).is_none());
}

#[tokio::test]
async fn keeps_to_its_size() {
    let shelf = Shelf::new(10_000);
    for number in 0..500 {
        put(&shelf, &number.to_string(), "db", "a");
    }
    let (entries, bytes) = shelf.size();
    assert!(entries > 0 && bytes <= 10_000, "{entries} entries of {bytes} bytes");
    let indexed = shelf.index.lock().unwrap().keys.values().map(std::collections::HashSet::len).sum::<usize>();
    assert_eq!(indexed as u64, entries);
}

#[test]
fn keys_hold_everything() {
    let role = Principal { role: Some(Arc::from("r")), ..Principal::default() };
    let claims = Principal { claims: Some(Arc::from("r")), ..Principal::default() };
    let all = [
        Key::new("a", &Principal::default(), b"m", b"x"),
        Key::new("b", &Principal::default(), b"m", b"x"),
        Key::new("a", &role, b"m", b"x"),
        Key::new("a", &claims, b"m", b"x"),
        Key::new("a", &Principal::default(), b"mx", b""),
        Key::new("a", &Principal::default(), b"", b"mx"),
        Key::new("a", &Principal { read_only: true, ..Principal::default() }, b"m", b"x"),
    ];
    assert_eq!(all.iter().collect::<std::collections::HashSet<_>>().len(), all.len());
}

/// Whatever is stored while somebody invalidates: once the invalidation has returned, no answer is given whose query had
/// begun before it.
#[test]
fn nothing_older_than_an_invalidation_is_seen_after_it() {
    const ROUNDS: usize = 20_000;
    let (shelf, rounds) = (Shelf::new(1 << 20), Barrier::new(2));
    let mut seen = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            for _ in 0..ROUNDS {
                let ticket = shelf.ticket();
                rounds.wait();
                shelf.store(&ticket, entry("1", "db", "a"));
                rounds.wait();
            }
        });
        for _ in 0..ROUNDS {
            rounds.wait();
            shelf.invalidate(&"db".into(), &Tags::Some(tags("a")));
            seen += (0..20).filter(|_| shelf.get(&key("1")).is_some()).count();
            rounds.wait();
        }
    });
    assert_eq!(seen, 0);
}
