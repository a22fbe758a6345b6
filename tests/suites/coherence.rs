//! Answers that are kept until they change: told by the database itself, whoever changed it.

mod bench;
mod clients;
mod command;
mod conditional;
mod history;
mod identity;
mod install;
pub(crate) mod keeping;
mod kept;
mod keys;
mod observe;
mod once;
mod own_writes;
mod refused;
mod sessions;
mod settings;
mod shown;
mod stream;
mod tenants;
mod triggers;
