//! Equal requests in flight run once: the first leads, the others follow.

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::key::Key;
use crate::drain::Drain;

/// What a flight came to; shared by all who joined.
pub type Landing<T> = Option<Arc<T>>;

type Sender<T> = Arc<watch::Sender<Landing<T>>>;

/// The flights under way.
#[derive(Debug)]
pub struct Flights<T> {
    board: Arc<Board<T>>,
    drain: Drain,
}

#[derive(Debug)]
struct Board<T>(Mutex<HashMap<Key, Sender<T>>>);

impl<T> Board<T> {
    fn flights(&self) -> MutexGuard<'_, HashMap<Key, Sender<T>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place on a flight.
#[derive(Debug)]
pub struct Joined<T> {
    /// Whether this request led it, and did not join another's.
    pub leads: bool,
    landing: watch::Receiver<Landing<T>>,
}

impl<T> Joined<T> {
    /// Waits for the landing; `None` when the flight was lost, as by a panic.
    pub async fn landed(mut self) -> Landing<T> {
        let landing = self.landing.wait_for(Option::is_some).await.ok()?;
        landing.clone()
    }
}

/// Takes a flight off the board, also when it panics.
struct Departed<T> {
    board: Arc<Board<T>>,
    key: Option<Key>,
}

impl<T> Drop for Departed<T> {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.board.flights().remove(&key);
        }
    }
}

impl<T: Send + Sync + 'static> Flights<T> {
    /// No flights yet.
    pub fn new(drain: Drain) -> Self {
        Self { board: Arc::new(Board(Mutex::default())), drain }
    }

    /// Joins the flight with this key, or starts `work` as one. The work is a task of its own: a leader that leaves
    /// takes nobody with it, and the work is dropped only when all who joined have left.
    pub fn join<W>(&self, key: &Key, work: impl FnOnce() -> W) -> Joined<T>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut flights = self.board.flights();
        if let Some(flight) = flights.get(key) {
            return Joined { leads: false, landing: flight.subscribe() };
        }
        let (sender, landing) = watch::channel(None);
        let sender = Arc::new(sender);
        flights.insert(key.clone(), Arc::clone(&sender));
        drop(flights);
        let mut departed = Departed { board: Arc::clone(&self.board), key: Some(key.clone()) };
        let work = work();
        self.drain.spawn("cache fill", async move {
            let mut work = pin!(work);
            let landed = loop {
                tokio::select! {
                    landed = &mut work => break landed,
                    () = sender.closed() => {
                        let board = Arc::clone(&departed.board);
                        let mut flights = board.flights();
                        // Whoever joins does so under this lock; afterwards the key may be another flight's.
                        if sender.receiver_count() == 0 {
                            if let Some(key) = departed.key.take() {
                                flights.remove(&key);
                            }
                            return;
                        }
                    }
                }
            };
            drop(departed);
            sender.send_replace(Some(Arc::new(landed)));
        });
        Joined { leads: true, landing }
    }
}

#[cfg(test)]
mod tests;
