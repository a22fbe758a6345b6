//! The door for Prisma's clients: query plans over HTTP, mostly as the clients send them, unmodified.

mod bad_input;
mod client;
mod differential;
mod plans;
mod reference;
mod texts;
pub(crate) mod wide;
mod workerd;
