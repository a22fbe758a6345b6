//! Query plans of Prisma's clients: a tree whose leaves are SQL, run on a session of the gateway.
//!
//! It knows neither HTTP nor who asks; the door hands in a request and writes what comes out.

pub mod value;
