//! Asks in short intervals, each time over a new connection, to see when answers come again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use harness::Request;
use serde_json::json;
use tokio::task::{JoinHandle, JoinSet};

use super::load::judge;
use super::tally::{FINE, Tally};

/// How often it asks, whatever becomes of it.
const INTERVAL: Duration = Duration::from_millis(20);

/// How long it waits for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it is watched for an answer before all is given up.
const GIVE_UP: Duration = Duration::from_mins(1);

/// A prober at work.
pub(super) struct Prober {
    /// When a question was asked and answered as it should be.
    answered: Arc<Mutex<Vec<(Instant, Instant)>>>,
    over: Arc<AtomicBool>,
    asking: JoinHandle<()>,
}

impl Prober {
    pub(super) fn start(url: &str, key: &str, tally: &Arc<Tally>) -> Self {
        let answered = Arc::<Mutex<Vec<_>>>::default();
        let over = Arc::new(AtomicBool::new(false));
        let (notes, tally, is_over) = (Arc::clone(&answered), Arc::clone(tally), Arc::clone(&over));
        let (url, key) = (format!("{url}/sql"), key.to_owned());
        let asking = tokio::spawn(async move {
            let mut interval = tokio::time::interval(INTERVAL);
            interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            let mut under_way = JoinSet::new();
            while !is_over.load(Ordering::Relaxed) {
                interval.tick().await;
                // What is wrong with an answer is told by a panic.
                while let Some(ended) = under_way.try_join_next() {
                    ended.unwrap();
                }
                let (notes, tally) = (Arc::clone(&notes), Arc::clone(&tally));
                let request = Request::to("POST", &url).bearer(&key);
                let request = request.json(&json!({ "query": "SELECT n FROM counters WHERE id = 1" }));
                under_way.spawn(async move {
                    let asked = Instant::now();
                    let answer = tokio::time::timeout(PATIENCE, request.try_send()).await;
                    let (what, _) = judge(answer.ok().as_ref());
                    if what == FINE {
                        notes.lock().unwrap().push((asked, Instant::now()));
                    }
                    tally.saw(&what, 1);
                });
            }
            while let Some(ended) = under_way.join_next().await {
                ended.unwrap();
            }
        });
        Self { answered, over, asking }
    }

    /// Ends it, and returns when all it asked is answered or given up.
    pub(super) async fn end(self) {
        self.over.store(true, Ordering::Relaxed);
        self.asking.await.unwrap();
    }

    fn first_since(&self, moment: Instant) -> Option<Instant> {
        let answered = self.answered.lock().unwrap();
        answered.iter().filter(|(asked, _)| *asked >= moment).map(|(_, answered)| *answered).min()
    }

    /// How long after a moment the first question was answered that was asked since.
    pub(super) async fn answered_after(&self, moment: Instant) -> Duration {
        loop {
            if let Some(first) = self.first_since(moment) {
                return first - moment;
            }
            assert!(moment.elapsed() < GIVE_UP, "no answer for {GIVE_UP:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}
