use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::{Flights, Joined, Key};
use crate::auth::Principal;
use crate::drain::Drain;

fn key(name: &str) -> Key {
    Key::new("db", &Principal::default(), b"", name.as_bytes())
}

/// Joins, and finds nothing that makes it needless.
fn join<T, W>(flights: &Flights<T>, generation: u64, work: impl FnOnce() -> W) -> Joined<T>
where
    T: Send + Sync + 'static,
    W: Future<Output = T> + Send + 'static,
{
    flights.join(&key("a"), (generation, 0), || None::<()>, work).expect("nothing was found")
}

#[tokio::test(start_paused = true)]
async fn runs_once_for_all_who_join() {
    let flights = Flights::new(Drain::default());
    let runs = Arc::new(AtomicUsize::new(0));
    let joined: Vec<_> = (0..50)
        .map(|_| {
            let runs = Arc::clone(&runs);
            join(&flights, 0, move || async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                runs.fetch_add(1, Ordering::Relaxed)
            })
        })
        .collect();
    assert_eq!(joined.iter().filter(|joined| joined.leads).count(), 1);
    for joined in joined {
        assert_eq!(joined.landed().await.as_deref(), Some(&0));
    }
    assert_eq!(join(&flights, 0, || async { 7 }).landed().await.as_deref(), Some(&7));
}

#[tokio::test(start_paused = true)]
async fn a_leader_that_leaves_takes_nobody_along() {
    let flights = Flights::new(Drain::default());
    let leader = join(&flights, 0, || async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        1
    });
    let follower = join(&flights, 0, || async { 2 });
    drop(leader);
    assert_eq!(follower.landed().await.as_deref(), Some(&1));
}

#[tokio::test(start_paused = true)]
async fn work_that_nobody_waits_for_is_dropped() {
    let drain = Drain::default();
    let flights: Flights<()> = Flights::new(drain.clone());
    drop(join(&flights, 0, || async { std::future::pending().await }));
    assert!(drain.finish(Duration::from_secs(5)).await);
    assert!(join(&flights, 0, || async {}).leads);
}

#[tokio::test(start_paused = true)]
async fn a_panic_loses_the_flight_and_not_the_key() {
    let flights: Flights<()> = Flights::new(Drain::default());
    let lost = join(&flights, 0, || async { panic!("as a test") });
    assert!(lost.landed().await.is_none());
    assert!(join(&flights, 0, || async {}).landed().await.is_some());
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_a_flight_of_another_generation() {
    let flights = Flights::new(Drain::default());
    let slow = |answer| async move {
        tokio::time::sleep(Duration::from_secs(1)).await;
        answer
    };
    let before = join(&flights, 0, || slow(1));
    let after = join(&flights, 1, || slow(2));
    assert!(after.leads);
    assert!(!join(&flights, 1, || slow(3)).leads);
    assert_eq!(before.landed().await.as_deref(), Some(&1));
    assert_eq!(after.landed().await.as_deref(), Some(&2));
}

#[tokio::test(start_paused = true)]
async fn what_is_found_needs_no_flight_but_a_flight_is_joined_first() {
    let flights = Flights::new(Drain::default());
    let under_way = join(&flights, 0, || async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        1
    });
    let joined = flights.join(&key("a"), (0, 0), || panic!("not asked"), || async { 2 });
    assert_eq!(joined.map_err(|(): ()| ()).unwrap().landed().await.as_deref(), Some(&1));
    drop(under_way);
    assert_eq!(flights.join(&key("a"), (0, 0), || Some("found"), || async { 3 }).unwrap_err(), "found");
}
