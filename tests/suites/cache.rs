//! The cache as a client sees it: what is stored, for whom, for how long, and when it is gone.

mod bench;
mod conditional;
mod errors;
mod fill;
mod flights;
mod fresh;
mod limits;
mod refused;
mod shared;
mod stale;
mod tags;
mod wishes;
