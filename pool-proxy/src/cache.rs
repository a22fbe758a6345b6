//! Answers kept in memory: finished bytes, by everything that can change them.
//!
//! It is handed finished answers and never runs a query. A [`Shelf`] holds entries within a number of bytes, a
//! [`Flights`] lets equal requests in flight run once.

mod changes;
mod entry;
mod etag;
mod flight;
mod key;
pub mod message;
mod scope;
mod shelf;
mod tags;

pub use changes::{Changes, Doubt, Fence, Fill, Published, SOMEWHERE, Told, Transaction};
pub use entry::Entry;
pub use etag::ETag;
pub use flight::{Flights, Generation, Joined, Landing};
pub use key::Key;
pub use scope::{RowKey, Scope};
pub use shelf::{Shelf, Ticket};
pub use tags::{Tag, TagSet, Tags, TagsError};
