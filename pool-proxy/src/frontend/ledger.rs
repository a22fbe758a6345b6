//! How many bytes clients make the process hold: bodies of requests under way, and answers they have not read yet.
//!
//! A key may hold no more than is left free: one alone half of the room, each of two a third, and so on, so that there
//! is always some for the next (dynamic thresholds, as of shared buffers in switches; Choudhury and Hahne, 1998).

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use super::terms::SMALL;
use crate::error::Failure;

/// The count. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    most: u64,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    held: u64,
    /// Of whom there are any, by the line of their principal.
    by_line: HashMap<Arc<str>, u64>,
}

impl Shared {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So many bytes, until dropped.
#[derive(Debug)]
pub struct Held {
    shared: Arc<Shared>,
    line: Arc<str>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        if self.bytes == 0 {
            return;
        }
        let mut counts = self.shared.counts();
        counts.held -= self.bytes;
        if let Some(here) = counts.by_line.get_mut(&self.line) {
            *here -= self.bytes;
            if *here == 0 {
                counts.by_line.remove(&self.line);
            }
        }
    }
}

impl Held {
    /// Makes it so many bytes, if it is fewer; also where that is refused.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when there is no room for them now, [`Failure::TooManyRequests`] when its key has its
    /// share of the room already; a single body may take more than that.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Failure> {
        let more = bytes.saturating_sub(self.bytes);
        if more == 0 {
            return Ok(());
        }
        self.bytes += more;
        let most = self.shared.most;
        let mut counts = self.shared.counts();
        counts.held = counts.held.saturating_add(more);
        let here = counts.by_line.entry(Arc::clone(&self.line)).or_default();
        *here = here.saturating_add(more);
        let (here, held) = (*here, counts.held);
        if held > most {
            return Err(Failure::unavailable("there is no room for more requests at this moment"));
        }
        if here > most - held && here > self.bytes {
            let reason = "requests under way and unread answers of this key take all the room it may have";
            return Err(Failure::TooManyRequests { reason, retry_after: Duration::from_secs(1) });
        }
        Ok(())
    }
}

/// Bytes that count until the last who shares them has let go.
struct Counted {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Counted {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Ledger {
    /// For at most so many bytes.
    pub fn new(most: u64) -> Self {
        Self(Arc::new(Shared { most, counts: Mutex::default() }))
    }

    /// How many bytes are held now.
    pub fn held(&self) -> u64 {
        self.0.counts().held
    }

    /// A place that [grows](Held::grow) with a body, of the principal with this line.
    pub fn open(&self, line: &Arc<str>) -> Held {
        Held { shared: Arc::clone(&self.0), line: Arc::clone(line), bytes: 0 }
    }

    /// Counts an answer until it is read. It is there already, so it is never refused: those who come next are.
    pub fn answer(&self, line: &Arc<str>, bytes: Bytes) -> Bytes {
        if bytes.len() < SMALL {
            return bytes;
        }
        let mut held = self.open(line);
        // Over the limit or not.
        let _ = held.grow(bytes.len() as u64);
        Bytes::from_owner(Counted { bytes, _held: held })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;

    use super::{Held, Ledger};
    use crate::error::Failure;

    fn held(ledger: &Ledger, line: &str, bytes: u64) -> Result<Held, Failure> {
        let mut held = ledger.open(&Arc::from(line));
        held.grow(bytes).map(|()| held)
    }

    #[test]
    fn what_is_over_the_limit_is_refused_until_there_is_room() {
        let ledger = Ledger::new(100);
        let mut first = held(&ledger, "a", 60).unwrap();
        first.grow(50).unwrap();
        assert!(matches!(held(&ledger, "b", 41), Err(Failure::Unavailable { .. })));
        assert_eq!(ledger.held(), 60);
        let _second = held(&ledger, "b", 40).unwrap();
        drop(first);
        assert_eq!(ledger.held(), 40);
    }

    #[test]
    fn a_key_leaves_room_for_the_next() {
        let ledger = Ledger::new(100);
        let mut all = vec![];
        for _ in 0..5 {
            all.push(held(&ledger, "a", 10).unwrap());
        }
        assert!(matches!(held(&ledger, "a", 10), Err(Failure::TooManyRequests { .. })));
        for _ in 0..2 {
            all.push(held(&ledger, "b", 10).unwrap());
        }
        assert!(matches!(held(&ledger, "b", 20), Err(Failure::TooManyRequests { .. })));
        all.push(held(&ledger, "c", 10).unwrap());
        drop(all);
        assert_eq!(ledger.held(), 0);
        assert!(ledger.0.counts().by_line.is_empty());
        // One alone may have all.
        held(&ledger, "a", 100).unwrap();
    }

    #[test]
    fn an_answer_counts_until_it_is_read_and_is_never_refused() {
        let ledger = Ledger::new(100);
        let answer = ledger.answer(&Arc::from("a"), Bytes::from(vec![0; 1 << 20]));
        let shared = answer.slice(10..);
        drop(answer);
        assert_eq!(ledger.held(), 1 << 20);
        assert!(held(&ledger, "b", 1).is_err());
        drop(shared);
        assert_eq!(ledger.held(), 0);
    }
}
