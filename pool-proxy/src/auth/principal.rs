//! Who a credential stands for.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use super::usage::Usage;

/// Who asks, and what they may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Principal {
    /// The name of the key, or of the token's issuer: for logs.
    pub name: Arc<str>,
    /// Whose calls stand in one line and are counted together: a key's, or those of one subject of an issuer. It may
    /// hold what a token says, so it is for no log.
    pub line: Arc<str>,
    /// The databases it may use.
    pub databases: Databases,
    /// The Postgres role its statements run as.
    pub role: Option<Arc<str>>,
    /// `request.jwt.claims` for row-level security, as JSON.
    pub claims: Option<Arc<str>>,
    /// Whether its transactions are READ ONLY.
    pub read_only: bool,
    /// Whether it may invalidate cached answers, which belong to everybody.
    pub may_invalidate: bool,
    /// How much it may ask.
    pub allowance: Allowance,
    /// How much it, and whoever shares its key or issuer, has asked.
    pub usage: Usage,
}

/// Which databases may be used.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Databases {
    /// Whatever is configured.
    #[default]
    All,
    /// Those with these names.
    Only(Vec<Arc<str>>),
}

impl Databases {
    /// Whether this one is among them.
    pub fn contain(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|known| **known == *name),
        }
    }

    /// The one there is, if it is one.
    pub fn single(&self) -> Option<&Arc<str>> {
        match self {
            Self::Only(names) if names.len() == 1 => names.first(),
            _ => None,
        }
    }

    /// Whether one may be used by both.
    pub fn overlap(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Only(names), Self::Only(_)) => names.iter().any(|name| other.contain(name)),
            _ => true,
        }
    }
}

/// How much one principal may ask, of all databases together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Allowance {
    /// Requests in a while; `None` for as many as it likes.
    pub rate: Option<Rate>,
    /// Requests at a time, those that wait included; `None` for as many as it likes.
    pub concurrency: Option<NonZeroUsize>,
}

impl Allowance {
    /// Whether there is nothing to count.
    pub fn is_unlimited(&self) -> bool {
        self.rate.is_none() && self.concurrency.is_none()
    }
}

/// So many requests within a period: all of them at once if none was asked before, and then evenly spread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub requests: NonZeroU32,
    /// In which time; not zero.
    pub period: Duration,
}

impl std::str::FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rate = text.split_once('/').and_then(|(requests, unit)| {
            let seconds = match unit.trim() {
                "s" => 1,
                "min" => 60,
                "h" => 3600,
                _ => return None,
            };
            Some(Self { requests: requests.trim().parse().ok()?, period: Duration::from_secs(seconds) })
        });
        rate.ok_or_else(|| "expected requests in a time: 50/s, 600/min or 5000/h".to_owned())
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let unit = match self.period.as_secs() {
            1 => "s",
            60 => "min",
            _ => "h",
        };
        write!(f, "{}/{unit}", self.requests)
    }
}

impl Principal {
    /// A principal with a role, claims or read-only runs only what cannot get out of them.
    pub fn is_restricted(&self) -> bool {
        self.role.is_some() || self.claims.is_some() || self.read_only
    }
}
