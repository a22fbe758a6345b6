//! `pool-client` as its users have it: over its native transport, against the real proxy and a real Postgres.

mod batches;
mod bench;
mod cached;
mod encrypted;
mod failures;
mod identity;
mod kept;
mod once;
mod patience;
mod rows;
mod values;
