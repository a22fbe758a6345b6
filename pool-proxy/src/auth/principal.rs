//! Who a credential stands for.

use std::sync::Arc;

/// Who asks, and what they may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principal {
    /// The key's name: for logs, limits and fairness.
    pub name: Arc<str>,
    /// The databases it may use; `None` for all.
    pub databases: Option<Vec<Arc<str>>>,
    /// The Postgres role its statements run as.
    pub role: Option<Arc<str>>,
    /// `request.jwt.claims` for row-level security, as JSON.
    pub claims: Option<Arc<str>>,
    /// Whether its transactions are READ ONLY.
    pub read_only: bool,
}

impl Principal {
    /// A principal with a role, claims or read-only runs only what cannot get out of them.
    pub fn is_restricted(&self) -> bool {
        self.role.is_some() || self.claims.is_some() || self.read_only
    }

    /// Whether it may use a database.
    pub fn may_use(&self, database: &str) -> bool {
        self.databases.as_ref().is_none_or(|names| names.iter().any(|name| **name == *database))
    }

    /// The one database it may use, if it is one.
    pub fn only_database(&self) -> Option<&Arc<str>> {
        match self.databases.as_deref() {
            Some([only]) => Some(only),
            _ => None,
        }
    }
}
