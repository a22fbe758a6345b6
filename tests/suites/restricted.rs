//! Keys that may not do everything: read-only keys, keys with a role, keys of one database; and all ways around them.

mod allowance;
mod databases;
mod escapes;
mod keys;
mod ring;
mod roles;
