//! The network between proxy and Postgres, and Postgres itself, at their worst: what clients are told is true, nothing
//! leaks, and everything comes back by itself.

mod late;
