//! Query plans of Prisma's clients: a tree whose leaves are SQL, run on a session of the gateway.
//!
//! It knows neither HTTP nor who asks; the door hands in a request and writes what comes out.

pub mod arguments;
pub mod moment;
pub mod number;
mod plans;
pub mod rows;
pub mod shape;
pub mod structure;
pub mod value;

pub use plans::Plans;
