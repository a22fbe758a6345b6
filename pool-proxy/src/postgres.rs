//! The server side: connections to Postgres, and nothing else opens a socket to it.
//!
//! A [`Target`] says where and how to connect, a [`Server`] is one connection. Values leave as the text Postgres
//! printed; what a row becomes is decided by the [`RowSink`] it is handed to.

pub mod address;
pub mod array;
pub mod cancel;
mod common;
pub mod connect;
pub mod errors;
mod hosts;
pub mod lsn;
mod multiplex;
pub mod pipeline;
mod prepared;
pub mod query;
mod reach;
pub mod replication;
mod rest;
pub mod rows;
pub mod schema;
pub mod server;
pub mod session_attrs;
pub mod settings;
pub mod snapshot;
mod socket;
pub mod tap;
mod tap_tls;
pub mod target;
pub mod tls;
pub mod url;
mod vacancy;
pub mod value;
mod wire;

pub use address::{ConnectError, Stage};
pub use lsn::{LogLayout, Lsn, LsnError};
pub use multiplex::Multiplex;
pub use prepared::{Column, Columns, Prepared};
pub use query::{Param, QueryError, RowSink};
pub use rows::Row;
#[cfg(test)]
pub(crate) use rows::tests::row;
pub use schema::Schema;
pub use server::Server;
pub use session_attrs::SessionAttrs;
pub use settings::Settings;
pub use snapshot::Snapshot;
pub use target::Target;
pub use wire::{Passed, TransactionStatus};
