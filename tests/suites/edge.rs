//! The edge API: its router on the host, and the Worker in the real workerd, both in front of a real proxy.

mod accounts;
mod blog;
mod common;
mod exchange;
mod host;
mod in_workerd;
mod input;
mod lists;
mod lost;
mod outages;
mod posts;
mod preconditions;
mod reads;
mod rights;
mod sessions;
mod tokens;
mod traced;
mod worker;
