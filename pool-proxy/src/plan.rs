//! Query plans of Prisma's clients: a tree whose leaves are SQL, run on a session of the gateway.
//!
//! It knows neither HTTP nor who asks; the door hands in a request and writes what comes out.

pub mod arguments;
pub mod errors;
pub mod generate;
mod join;
mod json;
mod key;
pub mod log;
pub mod moment;
pub mod number;
mod plans;
mod process;
pub mod raw;
mod room;
pub mod rows;
mod rules;
mod run;
mod scope;
pub mod shape;
pub mod structure;
mod template;
mod tree;
pub mod value;

pub use plans::Plans;
pub use run::Run;
pub use tree::Plan;
