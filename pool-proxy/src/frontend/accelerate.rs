//! Prisma Accelerate's protocol, as `@prisma/client` speaks it when its `accelerateUrl` points here: query plans over HTTP,
//! and transactions that stay open, which serve the clients of `/sql`, too.

mod cache;
mod decode;
pub mod errors;
mod info;
mod older;
mod query;
pub mod route;
mod telemetry;
mod transaction;

pub use cache::ray;
pub use info::info;
pub use older::refuse;
pub use query::query;
pub use transaction::{end, start};
