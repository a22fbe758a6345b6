use std::sync::Arc;
use std::time::Duration;

use super::Queue;

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
