use std::collections::BTreeSet;

use bytes::Bytes;

use super::*;
use crate::auth::Principal;
use crate::cache::{Key, RowKey, Shelf};

const BOUND: Duration = Duration::from_mins(1);

/// A stream that is open and tells of relations 7 and 8; 71 is a partition of 7.
struct Stage {
    changes: Arc<Changes>,
    shelf: Shelf,
}

fn snapshot(text: &str) -> Snapshot {
    text.parse().unwrap()
}

fn published() -> Published {
    let told = |(relation, told_as)| (relation, Told { relation: told_as, identity: [1].into() });
    [(7, 7), (71, 7), (8, 8)].into_iter().map(told).collect()
}

fn key(name: &str) -> Key {
    Key::new("db", &Principal::default(), b"", name.as_bytes())
}

fn change(xid: u32, scope: Scope) -> Transaction {
    Transaction { xid, scope, defines: false }
}

fn row(relation: u32, value: &str) -> Scope {
    let mut scope = Scope::default();
    scope.add_row(relation, RowKey::new([value]));
    scope
}

impl Stage {
    fn new() -> Self {
        let changes = Arc::new(Changes::new(BOUND));
        changes.open(snapshot("100:100:"), published());
        Self { changes, shelf: Shelf::new(1 << 20) }
    }

    fn store(&self, fill: &Fill, name: &str, scope: Scope, seen: &str, lifetime: Duration) -> (Arc<Entry>, bool) {
        self.store_at(fill, name, scope, (seen, Lsn(0)), lifetime)
    }

    fn store_at(
        &self,
        fill: &Fill,
        name: &str,
        scope: Scope,
        (seen, end): (&str, Lsn),
        lifetime: Duration,
    ) -> (Arc<Entry>, bool) {
        let fence = fill.fence(scope, snapshot(seen), end);
        let body = Bytes::from_static(b"[]");
        let entry = Entry::new(key(name), "db".into(), body, Instant::now(), lifetime, BTreeSet::new());
        let entry = Arc::new(entry.with_fence(Some(fence)));
        let stored = self.shelf.store(&self.shelf.ticket(), Arc::clone(&entry));
        (entry, stored)
    }

    /// An answer that was read in peace.
    fn keep(&self, name: &str, scope: Scope) -> Arc<Entry> {
        let (entry, stored) = self.store(&self.changes.begin(), name, scope, "200:200:", Duration::ZERO);
        assert!(stored && entry.holds());
        entry
    }

    fn apply(&self, transaction: &Transaction) {
        self.shelf.discard(&self.changes.apply(transaction));
    }

    fn holds(&self, name: &str) -> bool {
        self.shelf.get(&key(name)).is_some_and(|entry| entry.holds())
    }
}

#[test]
fn a_change_drops_what_was_read_from_it() {
    let stage = Stage::new();
    stage.keep("seven", Scope::of([7]));
    stage.keep("eight", Scope::of([8]));
    stage.keep("both", Scope::of([7, 8]));
    stage.keep("row a", row(7, "a"));
    stage.keep("row b", row(7, "b"));
    stage.apply(&change(300, row(7, "a")));
    let held = ["seven", "eight", "both", "row a", "row b"].map(|name| stage.holds(name));
    assert_eq!(held, [false, true, false, false, true]);
    assert!(stage.shelf.get(&key("seven")).is_none(), "it has no time of its own");
    stage.apply(&change(301, Scope::of([7])));
    assert!(!stage.holds("row b") && stage.holds("eight"));
    assert_eq!(stage.changes.dependents(), 1);
}

#[test]
fn what_its_snapshot_saw_drops_nothing() {
    let stage = Stage::new();
    stage.keep("seven", Scope::of([7]));
    stage.apply(&change(199, Scope::of([7])));
    assert!(stage.holds("seven"));
    stage.apply(&change(200, Scope::of([7])));
    assert!(!stage.holds("seven"));
}

#[test]
fn a_change_that_came_first_counts_too() {
    let stage = Stage::new();
    // The stream was faster than the transaction's end in the list of those in progress.
    stage.apply(&change(205, Scope::of([7])));
    let fill = stage.changes.begin();
    let (_, stored) = stage.store(&fill, "seven", Scope::of([7]), "204:207:205", Duration::ZERO);
    assert!(!stored && stage.shelf.get(&key("seven")).is_none());
    let (_, stored) = stage.store(&fill, "eight", Scope::of([8]), "204:207:205", Duration::ZERO);
    assert!(stored);
    let (_, stored) = stage.store(&fill, "seven", Scope::of([7]), "206:207:", Duration::ZERO);
    assert!(stored);
}

#[test]
fn what_is_seen_by_all_is_forgotten_not_before() {
    let stage = Stage::new();
    let early = stage.changes.begin();
    stage.apply(&change(205, row(7, "a")));
    stage.changes.forget(snapshot("206:206:"));
    let (_, stored) = stage.store(&early, "early", Scope::of([7]), "204:206:205", Duration::ZERO);
    assert!(!stored, "it began before that snapshot was taken");
    drop(early);
    stage.changes.forget(snapshot("206:206:"));
    // As if its snapshot were an older one, which cannot be: nothing is left to tell.
    let (_, stored) = stage.store(&stage.changes.begin(), "late", Scope::of([7]), "204:206:205", Duration::ZERO);
    assert!(stored);
}

#[test]
fn a_change_of_definitions_is_everything_until_all_see_it() {
    let stage = Stage::new();
    stage.keep("eight", Scope::of([8]));
    stage.keep("of nothing", Scope::default());
    let before = stage.changes.definitions();
    let early = stage.changes.begin();
    stage.apply(&Transaction { xid: 300, scope: Scope::default(), defines: true });
    assert!(!stage.holds("eight") && !stage.holds("of nothing"));
    let between = stage.changes.definitions();
    assert_ne!(between, before);
    let late = stage.changes.begin();
    for fill in [&early, &late] {
        assert!(!stage.store(fill, "eight", Scope::of([8]), "400:400:", Duration::ZERO).1);
    }
    drop(early);
    drop(late);
    stage.changes.forget(snapshot("299:301:300"));
    assert!(!stage.store(&stage.changes.begin(), "eight", Scope::of([8]), "400:400:", Duration::ZERO).1);
    let under_way = stage.changes.begin();
    drop(under_way);
    stage.changes.forget(snapshot("301:301:"));
    assert_ne!(stage.changes.definitions(), between, "what was asked in between may mean the old");
    assert!(stage.store(&stage.changes.begin(), "eight", Scope::of([8]), "400:400:", Duration::ZERO).1);
}

#[test]
fn a_change_too_large_to_remember_is_everything_until_all_see_it() {
    let stage = Stage::new();
    let mut many = Scope::default();
    (0..100_001).for_each(|number| many.add_row(7, RowKey::new([number.to_string().as_str()])));
    stage.apply(&change(300, many));
    assert!(!stage.store(&stage.changes.begin(), "eight", Scope::of([8]), "400:400:", Duration::ZERO).1);
    stage.changes.forget(snapshot("301:301:"));
    assert!(stage.store(&stage.changes.begin(), "eight", Scope::of([8]), "400:400:", Duration::ZERO).1);
}

#[test]
fn an_end_of_the_stream_drops_everything() {
    let stage = Stage::new();
    stage.keep("seven", Scope::of([7]));
    stage.keep("of nothing", Scope::default());
    let early = stage.changes.begin();
    stage.shelf.discard(&stage.changes.close());
    assert!(!stage.holds("seven") && !stage.holds("of nothing") && stage.changes.dependents() == 0);
    assert!(!stage.store(&stage.changes.begin(), "closed", Scope::of([7]), "400:400:", Duration::ZERO).1);
    stage.changes.open(snapshot("300:310:305"), published());
    assert!(!stage.store(&early, "early", Scope::of([7]), "400:400:", Duration::ZERO).1);
    let late = stage.changes.begin();
    let (_, stored) = stage.store(&late, "late", Scope::of([7]), "305:400:305", Duration::ZERO);
    assert!(!stored, "305 may have changed something before the stream began");
    assert!(stage.store(&late, "late", Scope::of([7]), "310:400:", Duration::ZERO).1);
}

#[test]
fn what_has_a_time_of_its_own_is_kept_for_it() {
    let stage = Stage::new();
    let minute = Duration::from_mins(1);
    let (entry, stored) = stage.store(&stage.changes.begin(), "seven", Scope::of([7]), "200:200:", minute);
    assert!(stored && entry.holds());
    stage.apply(&change(300, Scope::of([7])));
    assert!(stage.shelf.get(&key("seven")).is_some() && !entry.holds() && entry.has_time());
    stage.apply(&change(310, Scope::of([8])));
    let (entry, stored) = stage.store(&stage.changes.begin(), "eight", Scope::of([8]), "200:200:", minute);
    assert!(stored && !entry.holds() && stage.shelf.get(&key("eight")).is_some());
}

#[test]
fn what_leaves_the_shelf_leaves_the_index() {
    let stage = Stage::new();
    let first = stage.keep("seven", Scope::of([7]));
    let second = stage.keep("seven", Scope::of([7]));
    assert!(!first.holds() && second.holds());
    assert_eq!(stage.changes.dependents(), 1);
    stage.shelf.weigh_again(&second);
    assert!(stage.holds("seven"));
    stage.shelf.invalidate(&"db".into(), &crate::cache::Tags::All);
    stage.shelf.size();
    assert_eq!(stage.changes.dependents(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_that_is_known_is_used_for_a_moment() {
    let stage = Stage::new();
    let changes = &stage.changes;
    let text = |text: &str| Some(snapshot(text));
    assert_eq!(changes.visible(), None);
    changes.see(changes.era(), &snapshot("150:151:150"));
    changes.see(changes.era(), &snapshot("140:145:"));
    assert_eq!(changes.visible(), text("150:151:150"));
    // It has seen as much as the query, or less: that is held against the answer.
    let fill = changes.begin();
    stage.apply(&change(150, Scope::of([7])));
    let (_, stored) = stage.store(&fill, "seven", Scope::of([7]), "150:151:150", Duration::ZERO);
    assert!(!stored);
    tokio::time::advance(Duration::from_millis(11)).await;
    assert_eq!(changes.visible(), None);
    let era = changes.era();
    changes.see(era, &snapshot("150:151:150"));
    drop(changes.redefine(snapshot("160:160:"), published()));
    assert_eq!(changes.visible(), None, "what begins now has seen the new definitions");
    changes.see(era, &snapshot("155:155:"));
    assert_eq!(changes.visible(), None, "its session may be another server's");
    changes.see(changes.era(), &snapshot("161:161:"));
    assert_eq!(changes.visible(), text("161:161:"));
    drop(changes.close());
    assert_eq!(changes.visible(), None);
}

#[test]
fn what_a_client_knows_is_waited_for() {
    let stage = Stage::new();
    stage.changes.advance(Lsn(1000));
    let seven = stage.keep("seven", Scope::of([7]));
    let eight = stage.keep("eight", Scope::of([8]));
    let needed = |entry: &Arc<Entry>| stage.changes.needed(entry.fence.as_ref().unwrap());
    stage.changes.acknowledge(Lsn(900));
    assert_eq!(needed(&seven), Lsn(0));
    stage.changes.acknowledge(Lsn(1100));
    stage.changes.acknowledge(Lsn(1050));
    assert_eq!([needed(&seven), needed(&eight)], [Lsn(1100), Lsn(1100)]);
    let later = stage.keep("later", Scope::of([7]));
    assert_eq!(needed(&later), Lsn(0), "its query began after that");
    stage.changes.advance(Lsn(1099));
    assert_eq!(needed(&eight), Lsn(1100));
    stage.changes.advance(Lsn(1100));
    assert_eq!([needed(&seven), needed(&eight)], [Lsn(0), Lsn(0)]);
}

#[test]
fn what_was_shown_is_known_too() {
    let stage = Stage::new();
    stage.changes.advance(Lsn(1000));
    let old = stage.keep("old", Scope::of([7]));
    let other = stage.keep("other", Scope::of([8]));
    let fill = stage.changes.begin();
    let (new, stored) = stage.store_at(&fill, "new", Scope::of([7]), ("200:200:", Lsn(1200)), Duration::ZERO);
    assert!(stored);
    let needed = |entry: &Arc<Entry>| stage.changes.needed(entry.fence.as_ref().unwrap());
    assert_eq!([needed(&old), needed(&new)], [Lsn(1200), Lsn(0)], "it is what it has shown itself");
    assert_eq!(needed(&other), Lsn(1200), "one transaction may have changed both");
    let fill = stage.changes.begin();
    stage.changes.acknowledge(Lsn(1250));
    let (between, stored) = stage.store_at(&fill, "between", Scope::of([7]), ("200:200:", Lsn(1240)), Duration::ZERO);
    assert!(stored);
    assert_eq!(needed(&between), Lsn(1250), "it may not have seen what became known while it was read");
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_a_place_is_woken_there() {
    let changes = Arc::new(Changes::new(BOUND));
    changes.open(snapshot("100:100:"), published());
    changes.advance(Lsn(10));
    assert!(changes.passes(Lsn(10), Duration::ZERO).await);
    assert!(!changes.passes(Lsn(11), Duration::from_millis(1)).await);
    assert_eq!(changes.waiting.len(), 0, "nobody waits there any more");
    let wait = |place: u64| {
        let changes = Arc::clone(&changes);
        tokio::spawn(async move { changes.passes(Lsn(place), BOUND).await })
    };
    let (near, same, far) = (wait(20), wait(20), wait(30));
    tokio::task::yield_now().await;
    changes.advance(Lsn(25));
    assert!(near.await.unwrap() && same.await.unwrap());
    tokio::task::yield_now().await;
    assert!(!far.is_finished());
    drop(changes.close());
    assert!(far.await.unwrap(), "whether its answer still holds is another question");
}

#[tokio::test(start_paused = true)]
async fn what_a_client_knows_of_is_looked_for() {
    let tick = || tokio::time::advance(Duration::from_millis(1));
    let stage = Stage::new();
    let changes = &stage.changes;
    changes.advance(Lsn(1000));
    let kept = stage.keep("seven", Scope::of([7]));
    let needed = || changes.needed(kept.fence.as_ref().unwrap());
    let generation = changes.generation();
    let asked = Instant::now();
    tick().await;
    changes.acknowledge_somewhere();
    assert_eq!(changes.in_doubt().await, Doubt::Place);
    assert_ne!(changes.generation(), generation, "what is under way may be too old");
    let later = stage.keep("later", Scope::of([8]));
    tick().await;
    changes.learn(asked, Lsn(1000));
    assert!(needed() > Lsn(1000), "asked before anybody knew");
    assert_eq!(changes.needed(later.fence.as_ref().unwrap()), Lsn(0), "read after that");
    changes.acknowledge(Lsn(900));
    assert!(needed() > Lsn(1000), "it may lie behind that");
    changes.learn(Instant::now(), Lsn(1100));
    assert_eq!(needed(), Lsn(1100));
    assert!(tokio::time::timeout(Duration::from_millis(1), changes.in_doubt()).await.is_err());
    changes.advance(Lsn(1100));
    assert_eq!(needed(), Lsn(0));
    drop(changes.close());
    changes.acknowledge_somewhere();
    assert!(tokio::time::timeout(Duration::from_millis(1), changes.in_doubt()).await.is_err());
}

#[tokio::test]
async fn a_position_is_waited_for() {
    let changes = Arc::new(Changes::new(BOUND));
    changes.advance(Lsn(10));
    assert!(changes.reached(Lsn(10), Duration::ZERO).await);
    assert!(!changes.reached(Lsn(11), Duration::from_millis(1)).await);
    let waiting = Arc::clone(&changes);
    let waits = tokio::spawn(async move { waiting.reached(Lsn(20), Duration::from_mins(1)).await });
    tokio::task::yield_now().await;
    changes.advance(Lsn(15));
    changes.advance(Lsn(25));
    assert!(waits.await.unwrap());
}

#[tokio::test(start_paused = true)]
async fn proven_is_what_was_asked_before_and_has_been_told() {
    let changes = Arc::new(Changes::new(Duration::from_secs(1)));
    changes.open(snapshot("100:100:"), published());
    assert!(!changes.is_proven());
    changes.advance(Lsn(10));
    assert!(!changes.is_proven(), "that the stream moves proves nothing");
    changes.learn(Instant::now(), Lsn(12));
    assert!(!changes.is_proven());
    changes.advance(Lsn(12));
    assert!(changes.is_proven());
    tokio::time::advance(Duration::from_millis(600)).await;
    changes.learn(Instant::now(), Lsn(20));
    tokio::time::advance(Duration::from_millis(600)).await;
    assert!(!changes.is_proven());
    changes.advance(Lsn(20));
    assert!(changes.is_proven(), "as of 600 ms ago");
    tokio::time::advance(Duration::from_millis(500)).await;
    assert!(!changes.is_proven());
    changes.learn(Instant::now(), Lsn(20));
    assert!(changes.is_proven());
    tokio::time::advance(Duration::from_millis(400)).await;
    changes.learn(Instant::now(), Lsn(20));
    assert!(!changes.is_proven(), "nobody has looked at definitions for two seconds");
    changes.settle_definitions(0, Instant::now());
    assert!(changes.is_proven());
    drop(changes.close());
    assert!(!changes.is_proven());
    changes.learn(Instant::now(), Lsn(0));
    assert!(!changes.is_proven());
}
