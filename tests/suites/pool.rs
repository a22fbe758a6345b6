//! The pool, as clients and Postgres see it: never too many connections, none that remembers, none that stays broken.

mod ages;
mod cancels;
pub(crate) mod cap;
mod down;
mod full;
mod hygiene;
mod leftovers;
mod outage;
mod queue;
mod reserved;
mod resets;
mod shared;
mod warm;
