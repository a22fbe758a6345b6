//! What Postgres's parser says of a statement, asked of a real server: plain statements, what hides behind views, policies,
//! triggers and types, and texts that try to be something else than they are.

mod bench;
mod cacheable;
mod clean;
mod derivable;
mod refused;
mod restricted;
mod smuggled;
