use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::Queue;
use crate::error::Failure;

const LONG: Duration = Duration::from_mins(1);

fn key(name: &str) -> Arc<str> {
    name.into()
}

#[tokio::test(start_paused = true)]
async fn serves_keys_in_turn_and_calls_in_order() {
    let queue = Queue::new(1);
    let first = queue.turn(&key("a"), LONG).await.unwrap();
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    for (name, number) in [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("b", 5)] {
        let (queue, served) = (queue.clone(), served.clone());
        tokio::spawn(async move {
            let turn = queue.turn(&key(name), LONG).await.unwrap();
            served.send(number).unwrap();
            drop(turn);
        });
        tokio::task::yield_now().await;
    }
    assert_eq!(queue.waiting(), 5);
    drop(first);
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.push(order.recv().await.unwrap());
    }
    assert_eq!(seen, [1, 4, 2, 5, 3]);
    assert_eq!(queue.waiting(), 0);
}

#[tokio::test(start_paused = true)]
async fn skips_who_gave_up_and_loses_no_turn() {
    let queue = Queue::new(1);
    let turn = queue.turn(&key("a"), LONG).await.unwrap();
    let refused = queue.turn(&key("b"), Duration::from_millis(10)).await;
    assert!(refused.is_err());
    assert_eq!(queue.waiting(), 0);
    drop(turn);
    let again = queue.turn(&key("c"), Duration::from_millis(10)).await.unwrap();
    drop(again);
    assert!(queue.turn(&key("c"), Duration::from_millis(10)).await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_comes_again_goes_first_in_its_line() {
    let queue = Queue::new(1);
    let first = queue.turn(&key("a"), LONG).await.unwrap();
    let (served, mut order) = tokio::sync::mpsc::unbounded_channel();
    for (name, number, again) in [("a", 1, false), ("b", 2, false), ("b", 3, false), ("b", 4, true)] {
        let (queue, served) = (queue.clone(), served.clone());
        tokio::spawn(async move {
            let turn =
                if again { queue.turn_again(&key(name), LONG).await } else { queue.turn(&key(name), LONG).await };
            served.send(number).unwrap();
            drop(turn.unwrap());
        });
        tokio::task::yield_now().await;
    }
    drop(first);
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(order.recv().await.unwrap());
    }
    assert_eq!(seen, [1, 4, 2, 3]);
    assert_eq!(queue.waiting(), 0);
    // And where nobody waits, it takes what is free.
    assert!(queue.turn_again(&key("c"), Duration::ZERO).await.is_ok());
}

/// A line whose first calls have given up is not passed over.
#[tokio::test(start_paused = true)]
async fn an_impatient_key_gets_its_turns_beside_a_busy_one() {
    const SHORT: Duration = Duration::from_millis(200);
    let queue = Queue::new(1);
    let got = Arc::new(Mutex::new([0_u32; 2]));
    let ask = |index: usize, patience: Duration| {
        let (queue, got) = (queue.clone(), Arc::clone(&got));
        async move {
            if let Ok(turn) = queue.turn(&key(["busy", "impatient"][index]), patience).await {
                got.lock().unwrap()[index] += 1;
                sleep(Duration::from_millis(10)).await;
                drop(turn);
            }
        }
    };
    for _ in 0..300 {
        tokio::spawn(ask(0, LONG));
    }
    for _ in 0..400 {
        tokio::spawn(ask(1, SHORT));
        sleep(Duration::from_millis(5)).await;
    }
    let [busy, impatient] = *got.lock().unwrap();
    // Two seconds of turns, half of them each.
    assert!(busy >= 80 && impatient >= 80, "{busy} {impatient}");
}

#[tokio::test(start_paused = true)]
async fn greedy_keys_do_not_keep_others_out() {
    let queue = Queue::new(1);
    let _turn = queue.turn(&key("first"), LONG).await.unwrap();
    let most = super::WAITING_PER_TURN;
    for name in 0..super::FULL_LINES {
        for _ in 0..most {
            let queue = queue.clone();
            tokio::spawn(async move { queue.turn(&key(&format!("greedy {name}")), LONG).await });
        }
        // All that can run has run then.
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(queue.waiting(), most * super::FULL_LINES);
    let refused = queue.turn(&key("greedy 0"), LONG).await;
    assert!(matches!(refused, Err(Failure::TooManyRequests { .. })), "{refused:?}");
    // Each new one gets a share of the room, and no more.
    let share = most * super::FULL_LINES / (super::FULL_LINES + 2);
    for _ in 0..most {
        let queue = queue.clone();
        tokio::spawn(async move { queue.turn(&key("modest"), LONG).await });
    }
    sleep(Duration::from_millis(1)).await;
    let modest = queue.waiting() - most * super::FULL_LINES;
    assert!((share..=share + share / 4).contains(&modest), "{modest} of {share}");
    let refused = queue.turn(&key("modest"), LONG).await;
    assert!(matches!(refused, Err(Failure::Unavailable { .. })), "{refused:?}");
}

/// More is asked than can be done: what is done is done in time, and all others know at once.
#[tokio::test(start_paused = true)]
async fn whoever_would_wait_in_vain_is_told_at_once() {
    const PATIENCE: Duration = Duration::from_secs(1);
    let queue = Queue::new(2);
    let outcome = Arc::new(Mutex::new([0_u32; 3]));
    for number in 0..4000_u64 {
        let (queue, outcome) = (queue.clone(), Arc::clone(&outcome));
        tokio::spawn(async move {
            let since = Instant::now();
            let turn = queue.turn(&key("a"), PATIENCE).await;
            let index = match &turn {
                Ok(_) => 0,
                Err(_) if since.elapsed().is_zero() => 1,
                Err(_) => 2,
            };
            // In the first second nobody knows yet how fast it goes.
            if index == 2 && number < 600 {
                return;
            }
            outcome.lock().unwrap()[index] += 1;
            // A hundred and fifty in a second, now a few more and now a few less, and five hundred are asked.
            sleep(Duration::from_micros(12_300 + number / 100 % 2 * 2_000)).await;
        });
        sleep(Duration::from_millis(2)).await;
    }
    let [done, refused, in_vain] = *outcome.lock().unwrap();
    assert!(done >= 1100 && refused > 2000, "{done} done, {refused} refused, {in_vain} in vain");
    assert_eq!(in_vain, 0, "{done} done, {refused} refused, {in_vain} in vain");
}

/// A few that take long, among many that do not, say little of how fast it goes.
#[tokio::test(start_paused = true)]
async fn nobody_is_told_to_leave_because_of_a_few_slow_ones() {
    let queue = Queue::new(4);
    let calls = (0..3000_u64).map(|number| {
        let queue = queue.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(number)).await;
            let turn = queue.turn(&key("a"), LONG).await;
            let held = if number % 50 == 0 { 500 } else { 1 };
            sleep(Duration::from_millis(held)).await;
            turn.is_ok()
        })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap());
    }
}

/// The database stood still for a while: what is measured then is no pace.
#[tokio::test(start_paused = true)]
async fn nobody_is_told_to_leave_because_of_a_standstill() {
    const PATIENCE: Duration = Duration::from_secs(5);
    let queue = Queue::new(2);
    // While some of a group of four are served and some wait.
    let standstill = Instant::now() + Duration::from_millis(2010);
    let over = standstill + Duration::from_mins(1);
    let calls = (0..9000_u64).map(|number| {
        let queue = queue.clone();
        tokio::spawn(async move {
            sleep(Duration::from_millis(number / 4 * 40)).await;
            let asked = Instant::now();
            let turn = queue.turn(&key("a"), PATIENCE).await;
            // Fifteen milliseconds for each, or until it goes on.
            let now = Instant::now();
            if now > standstill && now < over {
                tokio::time::sleep_until(over).await;
            }
            sleep(Duration::from_millis(15)).await;
            (asked > over, turn.is_ok())
        })
    });
    for call in calls.collect::<Vec<_>>() {
        let (after, served) = call.await.unwrap();
        assert!(served || !after);
    }
}

/// Turns that take long come in steps, as all connections are busy with them: that is a pace, too.
#[tokio::test(start_paused = true)]
async fn whoever_would_wait_in_vain_for_long_turns_is_told_at_once() {
    const PATIENCE: Duration = Duration::from_secs(5);
    let queue = Queue::new(5);
    let outcome = Arc::new(Mutex::new([0_u32; 2]));
    for number in 0..2000_u64 {
        let (queue, outcome) = (queue.clone(), Arc::clone(&outcome));
        tokio::spawn(async move {
            let since = Instant::now();
            let turn = queue.turn(&key("a"), PATIENCE).await;
            // The first minute and a half is what it takes to know it.
            if turn.is_err() && number > 1000 {
                outcome.lock().unwrap()[usize::from(!since.elapsed().is_zero())] += 1;
            }
            sleep(Duration::from_secs(6)).await;
        });
        sleep(Duration::from_millis(100)).await;
    }
    sleep(LONG).await;
    let [at_once, in_vain] = *outcome.lock().unwrap();
    assert!(at_once > 10 * in_vain, "{at_once} at once, {in_vain} in vain");
}
