//! Answers kept in memory: finished bytes, by everything that can change them.
//!
//! It is handed finished answers and never runs a query. A [`Shelf`] holds entries within a number of bytes, a
//! [`Flights`] lets equal requests in flight run once.

mod entry;
mod flight;
mod key;
mod shelf;
mod tags;

pub use entry::Entry;
pub use flight::{Flights, Joined, Landing};
pub use key::Key;
pub use shelf::{Shelf, Ticket};
pub use tags::{Tag, TagSet, Tags, TagsError};
