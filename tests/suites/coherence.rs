//! Answers that are kept until they change: told by the database itself, whoever changed it.

mod bench;
mod clients;
mod history;
mod kept;
mod observe;
mod own_writes;
mod stream;
