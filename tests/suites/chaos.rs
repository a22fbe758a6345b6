//! The network between proxy and Postgres, and Postgres itself, at their worst: what clients are told is true, nothing
//! leaks, and everything comes back by itself.

mod half_open;
mod late;
mod ledger;
mod resets;
mod restart;
mod stalls;
mod strays;
