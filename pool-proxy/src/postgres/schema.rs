//! Which schema a database has, as far as its connections have seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the schema changes seen by all connections to a database.
#[derive(Debug, Clone, Default)]
pub struct Schema(Arc<AtomicU64>);

impl Schema {
    /// Which schema it is.
    pub fn version(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// It may be another one from now on.
    pub(crate) fn changed(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}
