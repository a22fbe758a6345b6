//! The client side: a dialect in, the same dialect out. Each dialect is a door; only doors write what clients read.
//!
//! A door turns a request into a [`Call`](crate::gateway::Call) and an answer into bytes. It never touches the pool, and
//! the cache only through the gateway.

pub mod accelerate;
pub mod accept;
pub mod body;
mod cache_control;
mod conditional;
mod connection;
pub mod credentials;
mod delivery;
pub mod errors;
mod guest;
pub mod gzip;
pub mod heads;
pub mod http;
mod idempotency;
mod invalidate;
pub mod ledger;
pub mod ops;
pub mod public;
pub mod relay;
pub mod reply;
mod serving;
pub mod sql;
pub mod terms;
pub mod tls;
pub mod trace;

pub use ops::Ops;
pub use public::Public;
pub use relay::{Relay, RelayOps};
pub use terms::Terms;
