//! How much a call may take.

use std::time::Duration;

/// The limits of one database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A statement, from sending to its last row. Finding out what it is may take as long again.
    pub query: Duration,
    /// Waiting for a connection.
    pub queue: Duration,
    /// A batch as a whole; finding out what its statements are may take as long again.
    pub transaction: Duration,
    /// A request body, in bytes.
    pub request_bytes: u64,
    /// An answer's body, in bytes.
    pub response_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            query: Duration::from_secs(10),
            queue: Duration::from_secs(5),
            transaction: Duration::from_secs(15),
            request_bytes: 10 << 20,
            response_bytes: 10 << 20,
        }
    }
}
