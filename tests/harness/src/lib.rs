//! What the tests and `cargo xtask` stand on: a private Postgres, fresh databases, the real proxy binary and the
//! real Workers runtime as child processes, a small HTTP client. It leaves nothing behind, however the process that
//! used it ends, and never touches a Postgres that was there before.

mod error;
mod guard;
mod packages;
mod postgres;
mod random;
mod target;
mod workerd;

#[cfg(feature = "suites")]
mod database;
#[cfg(feature = "suites")]
mod disk;
#[cfg(feature = "suites")]
mod eventually;
#[cfg(feature = "suites")]
mod folder;
#[cfg(feature = "suites")]
mod http;
#[cfg(feature = "suites")]
mod key;
#[cfg(feature = "suites")]
mod proxy;
#[cfg(feature = "suites")]
mod relay;
#[cfg(feature = "suites")]
mod wire;

pub use error::Error;
pub use guard::{Guarded, Signal};
pub use packages::{is_root, remedy};
pub use postgres::Postgres;
pub use random::{Dice, cases, random_hex};
pub use target::target_dir;
pub use workerd::{Workerd, WorkerdBuilder};

#[cfg(feature = "suites")]
pub use database::{Database, fresh_database};
#[cfg(feature = "suites")]
pub use disk::Disk;
#[cfg(feature = "suites")]
pub use eventually::{eventually, eventually_within};
#[cfg(feature = "suites")]
pub use folder::Folder;
#[cfg(feature = "suites")]
pub use http::{Answer, Request};
#[cfg(feature = "suites")]
pub use key::key_entry;
#[cfg(feature = "suites")]
pub use proxy::{Proxy, ProxyBuilder};
#[cfg(feature = "suites")]
pub use relay::{Relay, Way};
#[cfg(feature = "suites")]
pub use wire::Wire;
