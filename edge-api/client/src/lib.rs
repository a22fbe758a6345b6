//! The Rust client of pool-proxy; its page is the README beside it.

// Its example is of the native transport.
#![cfg_attr(feature = "native", doc = include_str!("../README.md"))]

mod answer;
mod base_url;
mod batch;
mod bookmark;
mod cache;
mod call;
mod client;
mod decode;
mod error;
mod kept;
mod param;
mod query;
mod statement;
mod trace;

#[cfg(test)]
mod scripted;

pub mod transport;

#[cfg(feature = "native")]
pub mod native;
#[cfg(feature = "worker")]
pub mod worker;

pub use answer::{Done, Results, Rows};
pub use base_url::BaseUrlError;
pub use batch::{Batch, Isolation};
pub use bookmark::{Bookmark, BookmarkError};
pub use cache::Cache;
pub use client::Client;
pub use error::{DatabaseError, Error};
pub use kept::Kept;
pub use param::{Element, Json, Param};
pub use query::{Query, QueryAs};
pub use statement::{Statement, sql};
pub use trace::{Trace, TraceParent, TraceParentError, TracedCall};
pub use transport::{BoxFuture, Request, Response, Transport, TransportError};
