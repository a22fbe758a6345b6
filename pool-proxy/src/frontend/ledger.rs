//! How many bytes clients make the process hold: bodies of requests under way, and answers they have not read yet.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

use crate::error::Failure;

/// An answer that is smaller is not worth an entry of its own: the system's socket buffers take it.
const SMALL: usize = 16 << 10;

/// The count. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Count>);

#[derive(Debug)]
struct Count {
    most: u64,
    held: AtomicU64,
}

/// So many bytes, until dropped.
#[derive(Debug)]
pub struct Held {
    count: Arc<Count>,
    bytes: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        self.count.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Held {
    /// Makes it so many bytes, if it is fewer.
    ///
    /// # Errors
    /// [`Failure::Unavailable`] when there is no room for them now.
    pub fn grow(&mut self, bytes: u64) -> Result<(), Failure> {
        let more = bytes.saturating_sub(self.bytes);
        let before = self.count.held.fetch_add(more, Ordering::Relaxed);
        self.bytes += more;
        // It is given back when this is dropped.
        if before.saturating_add(more) <= self.count.most {
            return Ok(());
        }
        Err(Failure::unavailable("there is no room for more requests at this moment"))
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
        Self(Arc::new(Count { most, held: AtomicU64::new(0) }))
    }

    /// How many bytes are held now.
    pub fn held(&self) -> u64 {
        self.0.held.load(Ordering::Relaxed)
    }

    /// A place that [grows](Held::grow) with a body.
    pub fn open(&self) -> Held {
        Held { count: Arc::clone(&self.0), bytes: 0 }
    }

    /// Counts an answer until it is read. It is there already, so it is never refused: those who come next are.
    pub fn answer(&self, bytes: Bytes) -> Bytes {
        if bytes.len() < SMALL {
            return bytes;
        }
        let mut held = self.open();
        // Over the limit or not.
        let _ = held.grow(bytes.len() as u64);
        Bytes::from_owner(Counted { bytes, _held: held })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::Ledger;

    #[test]
    fn what_is_over_the_limit_is_refused_until_there_is_room() {
        let ledger = Ledger::new(100);
        let mut first = ledger.open();
        first.grow(60).unwrap();
        first.grow(50).unwrap();
        let mut second = ledger.open();
        assert!(second.grow(41).is_err());
        drop(second);
        assert_eq!(ledger.held(), 60);
        ledger.open().grow(40).unwrap();
        drop(first);
        assert_eq!(ledger.held(), 0);
    }

    #[test]
    fn an_answer_counts_until_it_is_read_and_is_never_refused() {
        let ledger = Ledger::new(100);
        let answer = ledger.answer(Bytes::from(vec![0; 1 << 20]));
        let shared = answer.slice(10..);
        drop(answer);
        assert_eq!(ledger.held(), 1 << 20);
        assert!(ledger.open().grow(1).is_err());
        drop(shared);
        assert_eq!(ledger.held(), 0);
    }
}
