//! `POST /sql`: SQL over HTTP, as Neon's serverless driver speaks it.

pub mod decode;
pub mod encode;
mod handle;

pub use handle::{handle, sequence};
