//! `POST /sql`: SQL over HTTP, as Neon's serverless driver speaks it, and `POST /invalidate`.

mod cache_control;
pub mod decode;
pub mod encode;
mod handle;
mod invalidate;

pub use handle::handle;
pub use invalidate::invalidate;
