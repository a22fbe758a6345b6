//! Answers that are kept until they change: told by the database itself, whoever changed it.

mod bench;
mod clients;
mod conditional;
mod history;
pub(crate) mod keeping;
mod kept;
mod observe;
mod own_writes;
mod sessions;
mod stream;
