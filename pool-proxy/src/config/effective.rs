//! What is in force, and why: for people who wonder where a value came from.

use super::origin::Origin;

/// One value in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key, as in the file: `pool.max`.
    pub key: String,
    /// The value; a secret is hidden.
    pub value: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Every value in force, in the order of the example file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Effective(pub Vec<Entry>);

impl Effective {
    /// The entry of a key.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.0.iter().find(|entry| entry.key == key)
    }
}
