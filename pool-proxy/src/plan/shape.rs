//! Data maps: what a plan came to, as the JSON that clients make their records of.

pub mod plain;
