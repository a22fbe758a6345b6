use std::num::{NonZeroU32, NonZeroUsize};
use std::time::Duration;

use tokio::time::advance;

use super::Meters;
use crate::auth::{Allowance, Principal, Rate};
use crate::error::Failure;

fn principal(line: &str, rate: Option<(u32, u64)>, concurrency: Option<usize>) -> Principal {
    let rate = rate.map(|(requests, seconds)| Rate {
        requests: NonZeroU32::new(requests).unwrap(),
        period: Duration::from_secs(seconds),
    });
    let allowance = Allowance { rate, concurrency: concurrency.and_then(NonZeroUsize::new) };
    Principal { line: line.into(), allowance, ..Principal::default() }
}

/// After how long it may ask again.
fn wait(meters: &Meters, principal: &Principal) -> Option<Duration> {
    match meters.admit(principal) {
        Ok(_) => None,
        Err(Failure::TooManyRequests { retry_after, .. }) => Some(retry_after),
        Err(failure) => panic!("{failure}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_rate_is_all_at_once_and_then_evenly_spread() {
    let meters = Meters::new();
    let web = principal("web", Some((4, 2)), None);
    for _ in 0..3 {
        assert_eq!([(); 4].map(|()| wait(&meters, &web)), [None; 4]);
        assert_eq!(wait(&meters, &web), Some(Duration::from_millis(500)));
        advance(Duration::from_millis(400)).await;
        assert_eq!(wait(&meters, &web), Some(Duration::from_millis(100)));
        advance(Duration::from_millis(100)).await;
        assert_eq!((wait(&meters, &web), wait(&meters, &web)), (None, Some(Duration::from_millis(500))));
        // Nobody else is concerned.
        assert_eq!(wait(&meters, &principal(&format!("other {}", rand::random::<u32>()), Some((1, 1)), None)), None);
        advance(Duration::from_hours(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn only_so_many_at_a_time() {
    let meters = Meters::new();
    let web = principal("web", None, Some(2));
    let first = meters.admit(&web).unwrap();
    let second = meters.admit(&web).unwrap();
    assert!(wait(&meters, &web).is_some());
    drop(first);
    let third = meters.admit(&web).unwrap();
    assert!(wait(&meters, &web).is_some());
    drop((second, third));
    assert_eq!(wait(&meters, &web), None);
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_not_counted_and_a_reload_counts_anew() {
    let meters = Meters::new();
    let both = principal("web", Some((2, 60)), Some(1));
    let held = meters.admit(&both).unwrap();
    assert_eq!(wait(&meters, &both), Some(Duration::from_secs(1)));
    drop(held);
    assert_eq!((wait(&meters, &both), wait(&meters, &both)), (None, Some(Duration::from_secs(30))));
    assert_eq!(wait(&meters, &principal("web", Some((3, 60)), Some(1))), None);
    let free = principal("web", None, None);
    assert!((0..1000).all(|_| wait(&meters, &free).is_none()));
}
