//! Those who wait for the stream to come to a place in the log.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::Changes;
use crate::postgres::Lsn;

/// By the place. With many clients most requests wait for the same few, and none is woken in vain.
#[derive(Debug, Default)]
pub(super) struct Waiting(Mutex<BTreeMap<Lsn, Arc<Notify>>>);

impl Waiting {
    fn places(&self) -> MutexGuard<'_, BTreeMap<Lsn, Arc<Notify>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.places().len()
    }

    /// The stream has come to `position`, which whoever comes now is told already.
    pub(super) fn wake(&self, position: Lsn) {
        let mut places = self.places();
        while let Some(first) = places.first_entry().filter(|first| *first.key() <= position) {
            first.remove().notify_waiters();
        }
    }
}

/// One who waits for a place. Places are what clients say, and the stream may never come there: the last who goes takes it away.
struct Waiter<'a> {
    waiting: &'a Waiting,
    place: Lsn,
    notify: Arc<Notify>,
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let mut places = self.waiting.places();
        // The other two are this one's own and the map's.
        if places.get(&self.place).is_some_and(|held| Arc::ptr_eq(held, &self.notify))
            && Arc::strong_count(&self.notify) == 2
        {
            places.remove(&self.place);
        }
    }
}

impl Changes {
    /// Waits until the stream has come to a position; false if that takes too long.
    pub async fn passes(&self, position: Lsn, patience: Duration) -> bool {
        let waiter = {
            let mut places = self.waiting.places();
            // Under the lock: whoever moves it looks here afterwards.
            if self.position.load(Ordering::Acquire) >= position.0 {
                return true;
            }
            let notify = Arc::clone(places.entry(position).or_default());
            Waiter { waiting: &self.waiting, place: position, notify }
        };
        let notified = waiter.notify.notified();
        // Before that it may have been woken already, by one who has come so far.
        self.position.load(Ordering::Acquire) >= position.0 || timeout(patience, notified).await.is_ok()
    }

    /// Waits until the stream has come to a position, and definitions are in no doubt; false if that takes too long.
    pub async fn reached(&self, position: Lsn, patience: Duration) -> bool {
        self.comes(patience, || self.position() >= position && self.knows_definitions()).await
    }

    /// Waits until something is so that depends on how far the stream has come, on what clients know of, or on definitions;
    /// false if that takes too long.
    pub async fn comes(&self, patience: Duration, is_so: impl Fn() -> bool) -> bool {
        let wait = async {
            loop {
                let moved = self.moved.notified();
                let mut moved = std::pin::pin!(moved);
                moved.as_mut().enable();
                if is_so() {
                    return;
                }
                moved.await;
            }
        };
        is_so() || timeout(patience, wait).await.is_ok()
    }
}
