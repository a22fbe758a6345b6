//! What clients are granted: how many connections, how much time, how much memory. The same for all of them.

use std::time::Duration;

/// The terms of a listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// The most connections at a time; one more is refused at once.
    pub connections: usize,
    /// How long a request's head may take from its first byte to its last, and encrypting a connection.
    pub header_timeout: Duration,
    /// How long a body may take to arrive, and an answer to be read; a longer one gets a second more for each
    /// [`PACE`] bytes.
    pub body_timeout: Duration,
    /// How many bytes of request bodies and of unread answers may be held at a time.
    pub body_bytes: u64,
    /// Whether answers are compressed for clients that take it.
    pub compression: bool,
}

/// What even a slow client moves in a second, in bytes.
pub const PACE: u64 = 32 << 10;

/// A smaller body, of a request or an answer, is let through without being counted or followed, in bytes: the number of
/// connections bounds those, and the system's socket buffers take them.
pub(super) const SMALL: usize = 16 << 10;

impl Default for Terms {
    fn default() -> Self {
        Self {
            connections: 50_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            body_bytes: 256 << 20,
            compression: true,
        }
    }
}

impl Terms {
    /// How long so many bytes may take on their way.
    pub fn patience(&self, bytes: u64) -> Duration {
        self.body_timeout.saturating_add(Duration::from_secs(bytes / PACE))
    }
}
