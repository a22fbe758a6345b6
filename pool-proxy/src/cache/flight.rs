//! Equal requests in flight run once: the first leads, the others follow.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::key::Key;
use crate::drain::Drain;

/// What a flight came to; shared by all who joined.
pub type Landing<T> = Option<Arc<T>>;

/// Two numbers that change when what is under way may be too old for whoever comes: for what was invalidated, and for what
/// clients know to have changed.
pub type Generation = (u64, u64);

type Sender<T> = Arc<watch::Sender<Landing<T>>>;

/// The flights under way.
#[derive(Debug)]
pub struct Flights<T> {
    board: Arc<Board<T>>,
    drain: Drain,
}

#[derive(Debug)]
struct Board<T>(Mutex<HashMap<Key, (Generation, Sender<T>)>>);

impl<T> Board<T> {
    fn flights(&self) -> MutexGuard<'_, HashMap<Key, (Generation, Sender<T>)>> {
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
    key: Key,
    sender: Sender<T>,
}

impl<T> Departed<T> {
    /// Only its own: the key may be a later flight's by now.
    fn leave(&self, flights: &mut HashMap<Key, (Generation, Sender<T>)>) {
        if flights.get(&self.key).is_some_and(|(_, sender)| Arc::ptr_eq(sender, &self.sender)) {
            flights.remove(&self.key);
        }
    }
}

impl<T> Drop for Departed<T> {
    fn drop(&mut self) {
        self.leave(&mut self.board.flights());
    }
}

impl<T: Send + Sync + 'static> Flights<T> {
    /// No flights yet.
    pub fn new(drain: Drain) -> Self {
        Self { board: Arc::new(Board(Mutex::default())), drain }
    }

    /// Joins the flight with this key and generation, or starts `work` as one. The work is a task of its own: a leader
    /// that leaves takes nobody with it, and the work is dropped only when all who joined have left. A flight of another
    /// generation goes on for those who are on it, but nobody joins it any more.
    ///
    /// None is started if `found`, asked once there is no flight to join, says that none is needed. A flight leaves the
    /// board only once its answer is where others find it, so of equal requests none slips in between and runs again.
    /// `found` is asked while nobody else can join or land: it must not do either itself.
    ///
    /// # Errors
    /// With what was found.
    pub fn join<W, F>(
        &self,
        key: &Key,
        generation: Generation,
        found: impl FnOnce() -> Option<F>,
        work: impl FnOnce() -> W,
    ) -> Result<Joined<T>, F>
    where
        W: Future<Output = T> + Send + 'static,
    {
        let mut flights = self.board.flights();
        if let Some((begun, flight)) = flights.get(key)
            && *begun == generation
        {
            return Ok(Joined { leads: false, landing: flight.subscribe() });
        }
        if let Some(found) = found() {
            return Err(found);
        }
        let (sender, landing) = watch::channel(None);
        let sender = Arc::new(sender);
        flights.insert(key.clone(), (generation, Arc::clone(&sender)));
        drop(flights);
        let departed = Departed { board: Arc::clone(&self.board), key: key.clone(), sender: Arc::clone(&sender) };
        // Boxed: a task lies at the beginning of a cache line, and glibc before 2.38 gives the place of one that has ended to none
        // of its kind (https://sourceware.org/bugzilla/show_bug.cgi?id=14581). What is kept of each would lie between the holes.
        let mut work = Box::pin(work());
        self.drain.spawn("cache fill", async move {
            let landed = loop {
                tokio::select! {
                    landed = &mut work => break landed,
                    () = sender.closed() => {
                        let mut flights = departed.board.flights();
                        // Whoever joins does so under this lock.
                        if sender.receiver_count() == 0 {
                            departed.leave(&mut flights);
                            drop(flights);
                            return;
                        }
                    }
                }
            };
            drop(departed);
            sender.send_replace(Some(Arc::new(landed)));
        });
        Ok(Joined { leads: true, landing })
    }
}

#[cfg(test)]
mod tests;
